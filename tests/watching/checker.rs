//! Whether what a watch has told is exactly what happened.

use std::collections::{HashMap, HashSet};
use std::fmt;

use tercet_client::{Bytes, Event, WatchResponse};

/// One change as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) revision: i64,
    pub(crate) key: Bytes,
    /// `None` of a deletion.
    pub(crate) value: Option<Bytes>,
    pub(crate) version: i64,
    /// Value and version.
    pub(crate) before: Option<(Bytes, i64)>,
}

/// What a watch has told, a list for each response.
pub(crate) type Told = Vec<Vec<Change>>;

/// Something that was not told as it happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// This response has a revision that is not after those of the one before.
    Repeated(i64),
    Disordered(i64),
    /// A key has two changes in one revision.
    Twice(i64),
    Missing(i64),
    Invented(i64),
    Different(i64),
    /// What a key had before is not what was told of it.
    WrongBefore(i64),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

pub(crate) fn changes(response: WatchResponse) -> Vec<Change> {
    response.into_events().iter().map(change).collect()
}

fn change(event: &Event) -> Change {
    let kv = event.kv();
    Change {
        revision: kv.mod_revision(),
        key: Bytes::copy_from_slice(kv.key()),
        value: (!event.is_delete()).then(|| Bytes::copy_from_slice(kv.value())),
        version: kv.version(),
        before: event.prev_kv().map(|kv| (Bytes::copy_from_slice(kv.value()), kv.version())),
    }
}

/// What can be told from the responses alone: revisions in order, none in two responses, no key
/// twice in one.
pub(crate) fn check_order(told: &Told) -> Result<(), Violation> {
    let mut last = 0;
    for response in told {
        let mut within = last;
        let mut keys = HashSet::new();
        for change in response {
            if change.revision <= last {
                return Err(Violation::Repeated(change.revision));
            }
            if change.revision < within {
                return Err(Violation::Disordered(change.revision));
            }
            if change.revision > within {
                keys.clear();
            }
            if !keys.insert(&change.key) {
                return Err(Violation::Twice(change.revision));
            }
            within = change.revision;
        }
        last = within;
    }
    Ok(())
}

/// Whether what was told is all of `happened` and nothing else, each change as it was.
pub(crate) fn check_complete(told: &Told, happened: &[Change]) -> Result<(), Violation> {
    let mut happened = happened.iter();
    for change in told.iter().flatten() {
        let Some(expected) = happened.next() else {
            return Err(Violation::Invented(change.revision));
        };
        if (expected.revision, &expected.key) != (change.revision, &change.key) {
            return Err(if expected.revision <= change.revision {
                Violation::Missing(expected.revision)
            } else {
                Violation::Invented(change.revision)
            });
        }
        if (&expected.value, expected.version) != (&change.value, change.version) {
            return Err(Violation::Different(change.revision));
        }
    }
    happened.next().map_or(Ok(()), |missing| Err(Violation::Missing(missing.revision)))
}

/// Whether each change knows what its key had before, of a watch that began when no key existed. Returns
/// of how many it was left out.
///
/// etcd does that to what it sends in the moment in which it begins a watch: what is to be sent with it
/// is noted down when the watch is in place already (`server/etcdserver/api/v3rpc/watch.go`, `recvLoop`).
pub(crate) fn check_before(told: &Told) -> Result<usize, Violation> {
    let mut left_out = 0;
    let mut state: HashMap<&Bytes, (Bytes, i64)> = HashMap::new();
    for change in told.iter().flatten() {
        let before = match &change.value {
            Some(value) => state.insert(&change.key, (value.clone(), change.version)),
            None => state.remove(&change.key),
        };
        let version =
            if change.value.is_some() { before.as_ref().map_or(1, |it| it.1 + 1) } else { 0 };
        if change.version != version {
            return Err(Violation::Missing(change.revision));
        }
        if change.before.is_some() && change.before != before {
            return Err(Violation::WrongBefore(change.revision));
        }
        left_out += usize::from(change.before != before);
    }
    Ok(left_out)
}

/// All that can be checked of a watch that began when no key existed, as [`check_before`].
pub(crate) fn check(told: &Told, happened: &[Change]) -> Result<usize, Violation> {
    check_order(told)?;
    check_complete(told, happened)?;
    check_before(told)
}

/// Shows that the checks see what they are for, on what a real watch has told: it has at least ten
/// responses, and one with several changes in a revision.
pub(crate) fn controls(told: &Told, happened: &[Change]) {
    let left_out = check(told, happened).expect("nothing is wrong");
    let broken = |what: &str, breaks: &dyn Fn(&mut Told)| {
        let mut told = told.clone();
        breaks(&mut told);
        let found = check(&told, happened).expect_err(what);
        // Without knowing what happened, too, wherever the responses show it.
        let alone = check_order(&told).and_then(|()| check_before(&told));
        (found, alone.is_err())
    };
    let middle = told.len() / 2;
    let several = told.iter().position(|response| {
        response.len() > 1
            && response.first().unwrap().revision == response.last().unwrap().revision
    });
    let several = several.expect("a transaction");

    let (found, _) = broken("a response is lost", &|told| drop(told.remove(middle)));
    assert!(matches!(found, Violation::Missing(_)), "{found}");
    let (found, alone) = broken("a change is lost", &|told| drop(told[several].pop()));
    assert!(matches!(found, Violation::Missing(_)), "{found}");
    // Perhaps it is the last of its key.
    let _ = alone;
    let (found, _) = broken("the last is lost", &|told| drop(told.pop()));
    assert!(matches!(found, Violation::Missing(_)), "{found}");
    let twice = broken("told twice", &|told| told.insert(middle, told[middle].clone()));
    assert!(matches!(twice, (Violation::Repeated(_), true)), "{twice:?}");
    let late = broken("told late", &|told| told.swap(middle, middle + 1));
    assert!(matches!(late, (Violation::Repeated(_), true)), "{late:?}");
    let (split, alone) = broken("split", &|told| {
        let rest = told[several].split_off(1);
        told.insert(several + 1, rest);
    });
    assert!(matches!(split, Violation::Repeated(_)) && alone, "{split}");
    let (before, alone) = broken("another before", &|told| {
        let change = told.iter_mut().flatten().find(|change| change.before.is_some());
        change.expect("one that was there").before = Some(("another".into(), 1));
    });
    assert!(matches!(before, Violation::WrongBefore(_)) && alone, "{before}");
    let mut without = told.clone();
    let change = without.iter_mut().flatten().find(|change| change.before.is_some());
    change.expect("one that was there").before = None;
    assert_eq!(check(&without, happened), Ok(left_out + 1));
}
