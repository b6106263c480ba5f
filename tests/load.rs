//! The load that other tests put on a fleet, and that its verifier sees what it is there for.

use std::time::Duration;

use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{Answer, Fault, Found, History, Load, LoadOptions, Read, Write};

const fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn write(key: &str, begun: u64, ended: u64, answer: Answer) -> Write {
    let (key, value) = (key.to_owned(), key.to_owned());
    Write { writer: 0, key, value, begun: at(begun), ended: at(ended), answer }
}

fn acknowledged(key: &str, begun: u64, ended: u64, revision: i64) -> Write {
    write(key, begun, ended, Answer::Acknowledged { revision })
}

fn not_applied(key: &str) -> Write {
    write(key, 0, 1, Answer::NotApplied { error: "nothing listens there".to_owned() })
}

fn unknown(key: &str) -> Write {
    write(key, 0, 1, Answer::Unknown { error: "the connection ended".to_owned() })
}

fn found(key: &str, version: i64, mod_revision: i64) -> Found {
    let (key, value) = (key.to_owned(), key.to_owned());
    Found { key, value, version, mod_revision }
}

fn faults(writes: Vec<Write>, found: &[Found]) -> Vec<String> {
    History::new(writes).faults(found).iter().map(Fault::to_string).collect()
}

#[test]
fn a_store_that_agrees_has_no_faults() {
    let writes = || {
        vec![acknowledged("a", 0, 2, 2), not_applied("b"), unknown("c"), acknowledged("d", 3, 4, 4)]
    };
    let without = [found("a", 1, 2), found("d", 1, 4)];
    assert!(faults(writes(), &without).is_empty());
    let with = [found("a", 1, 2), found("c", 1, 3), found("d", 1, 4)];
    assert!(faults(writes(), &with).is_empty(), "what is unknown may be there");
}

/// The negative controls: each fault, in a history and a store that have nothing else wrong.
#[test]
fn each_fault_is_seen() {
    let mut all = Vec::new();
    all.extend(faults(vec![acknowledged("lost", 0, 1, 7)], &[]));
    all.extend(faults(vec![not_applied("applied")], &[found("applied", 1, 7)]));
    all.extend(faults(vec![acknowledged("twice", 0, 1, 7)], &[found("twice", 2, 7)]));
    all.extend(faults(vec![unknown("unknown")], &[found("unknown", 2, 7)]));
    all.extend(faults(vec![acknowledged("moved", 0, 1, 7)], &[found("moved", 1, 8)]));
    let other = Found { value: "other".to_owned(), ..found("value", 1, 7) };
    all.extend(faults(vec![acknowledged("value", 0, 1, 7)], &[other]));
    all.extend(faults(Vec::new(), &[found("strange", 1, 7)]));
    let late = vec![acknowledged("early", 0, 1, 8), acknowledged("late", 2, 3, 7)];
    all.extend(faults(late, &[found("early", 1, 8), found("late", 1, 7)]));
    let expected = [
        "lost was acknowledged at revision 7, and is lost",
        "applied was reported as not applied (nothing listens there), and is there",
        "twice was sent once and written 2 times",
        "unknown was sent once and written 2 times",
        "moved is not as it was written: written at 8 and not at 7",
        "value is not as it was written: it has \"other\" and not \"value\"",
        "nobody wrote strange",
        "late has revision 7, and began after 8 was acknowledged",
    ];
    assert_eq!(all, expected);
}

/// And of reads: nothing shown, another write's revision shown, and an answer from a store that was
/// not that far.
#[test]
fn each_stale_read_is_seen() {
    let of = |shown, store| {
        let writes = vec![acknowledged("a", 0, 1, 7)];
        let read = Read { key: "a".to_owned(), acknowledged: 7, shown, store };
        let faults = History::new(writes).with_reads(vec![read]).faults(&[found("a", 1, 7)]);
        faults.iter().map(Fault::to_string).collect::<Vec<_>>()
    };
    assert!(of(Some(7), 7).is_empty() && of(Some(7), 9).is_empty(), "the control");
    let stale = |store| {
        [format!("a was acknowledged at revision 7, and a later read at {store} did not show it")]
    };
    assert_eq!(of(None, 9), stale(9));
    assert_eq!(of(Some(5), 9), stale(9));
    assert_eq!(of(Some(7), 6), stale(6));
}

#[test]
fn writes_that_overlap_have_no_order() {
    let writes = vec![acknowledged("a", 0, 5, 8), acknowledged("b", 4, 6, 7)];
    assert!(faults(writes, &[found("a", 1, 8), found("b", 1, 7)]).is_empty());
}

#[test]
fn a_pause_is_what_lies_between_acknowledgements_and_at_the_ends() {
    let of = |writer, mut write: Write| {
        write.writer = writer;
        write
    };
    let history = History::new(vec![
        of(0, acknowledged("a", 0, 10, 2)),
        of(1, acknowledged("b", 0, 25, 3)),
        of(0, not_applied("c")),
        of(0, acknowledged("d", 30, 60, 4)),
    ]);
    let pause = |writer, from, to| history.longest_pause(writer, at(from), at(to)).as_millis();
    assert_eq!(pause(None, 0, 70), 35);
    assert_eq!(pause(Some(0), 0, 70), 50);
    assert_eq!(pause(Some(1), 0, 70), 45, "at its end too");
    assert_eq!(pause(None, 0, 30), 15, "of a part");
    assert_eq!(pause(None, 61, 70), 9, "of a part without any");
}

/// On a real fleet: all is well, then a key is taken away, another put and a third one put again.
#[tokio::test]
async fn a_load_says_what_became_of_its_writes() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let client = cluster.client().await?;
    let load = Load::start(&client, LoadOptions::default().prefix("steady/")).await;
    load.acknowledges(100).await;
    let report = load.stop().await;
    assert!(report.acknowledged() >= 100, "{report}");
    assert_eq!((report.not_applied(), report.unknown()), (0, 0), "{:?}", report.history().errors());
    report.verify(&client).await;
    tercet_tests::say(&format!("load: {report}"));

    client.delete("steady/0/00000003").await?;
    client.put("steady/1/00000004", "4").await?;
    client.put("steady/2/x", "").await?;
    let faults = report.faults(&client).await?;
    let seen: Vec<_> = faults
        .iter()
        .map(|fault| match fault {
            Fault::Lost { key, .. }
            | Fault::Repeated { key, version: 2 }
            | Fault::Strange { key } => key.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["steady/0/00000003", "steady/1/00000004", "steady/2/x"]);
    Ok(())
}

/// A write that a dead member never saw is reported as such, and one that it may have seen as
/// unknown; both are verified, and none is taken for the other.
#[tokio::test]
async fn a_load_goes_on_while_members_come_and_go() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let mut alone = Vec::new();
    for member in cluster.members() {
        alone.push(member.client().await?);
    }
    let load = Load::over(alone, LoadOptions::default()).await;
    let begin = load.elapsed();
    let down = cluster.member(2).kill()?;
    load.acknowledges(100).await;
    down.restart().await?;
    load.acknowledges(100).await;
    let end = load.elapsed();
    let report = load.stop().await;
    // The member that was dialled while it was down.
    assert!(report.not_applied() > 0, "{report}");
    assert!(report.longest_pause_of_a_writer() > report.longest_pause_in(begin, end), "{report}");
    let client = cluster.client().await?;
    report.verify(&client).await;
    // The control: one that was reported as not applied, and is there all the same.
    let writes = report.history().writes();
    let not_applied = |write: &&Write| matches!(write.answer, Answer::NotApplied { .. });
    let lie = writes.iter().find(not_applied).expect("one");
    client.put(lie.key.clone(), lie.value.clone()).await?;
    let faults = report.faults(&client).await?;
    let told = matches!(&faults[..], [Fault::Applied { key, .. }] if *key == lie.key);
    assert!(told, "{faults:?}");
    tercet_tests::say(&format!("load, a member killed and restarted: {report}"));
    Ok(())
}
