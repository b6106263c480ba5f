//! What to be told of.

use std::fmt;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::watch_create_request::FilterType;
use crate::json::{Json, Out, json_debug};
use crate::kv::{Keys, Namespace};

/// How many events may wait in a [`Watcher`](crate::Watcher) that is not read, unless set by
/// [`Watch::max_buffered_events`].
pub const WATCH_BUFFER_EVENTS: usize = 8192;

/// How many bytes of keys and values may wait in a [`Watcher`](crate::Watcher) that is not read,
/// unless set by [`Watch::max_buffered_bytes`].
pub const WATCH_BUFFER_BYTES: usize = 8 << 20;

/// What to be told of, and how.
///
/// ```
/// use tercet_client::Watch;
///
/// let changes = Watch::prefix("jobs/").start_revision(42).prev_kv();
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Watch {
    wire: pb::WatchCreateRequest,
    limits: Limits,
}

/// How much may wait for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Watch {
    /// These keys.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let (key, range_end) = keys.into().into_wire();
        Self {
            wire: pb::WatchCreateRequest { key, range_end, ..Default::default() },
            limits: Limits { events: WATCH_BUFFER_EVENTS, bytes: WATCH_BUFFER_BYTES },
        }
    }

    /// One key.
    pub fn key(key: impl Into<Bytes>) -> Self {
        Self::new(Keys::one(key))
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        Self::new(Keys::prefix(prefix))
    }

    /// All keys from `from` on and before `to`.
    pub fn between(from: impl Into<Bytes>, to: impl Into<Bytes>) -> Self {
        Self::new(Keys::between(from, to))
    }

    /// All keys.
    pub fn all() -> Self {
        Self::new(Keys::all())
    }

    /// From this revision of the store on, itself included; otherwise (and with 0) from now on.
    pub fn start_revision(mut self, revision: i64) -> Self {
        self.wire.start_revision = revision;
        self
    }

    /// Events have what the key had before.
    ///
    /// etcd leaves it out where that is compacted away, and may leave it out of what it sends in the very
    /// moment in which it begins the watch, again after a disconnect, too: it notes down what to send along
    /// when the watch is in place already (`server/etcdserver/api/v3rpc/watch.go`, `recvLoop`).
    pub fn prev_kv(mut self) -> Self {
        self.wire.prev_kv = true;
        self
    }

    /// Only deletions.
    pub fn no_puts(mut self) -> Self {
        self.wire.filters.push(FilterType::Noput.into());
        self
    }

    /// Only writes.
    pub fn no_deletes(mut self) -> Self {
        self.wire.filters.push(FilterType::Nodelete.into());
        self
    }

    /// Also tells how far the watch is when nothing happens, by responses that have no events
    /// ([`WatchResponse::is_progress`](crate::WatchResponse::is_progress)).
    ///
    /// A member says so every ten minutes, or as often as its
    /// `--watch-progress-notify-interval` says; for an answer now see
    /// [`Watcher::request_progress`](crate::Watcher::request_progress).
    pub fn progress_notify(mut self) -> Self {
        self.wire.progress_notify = true;
        self
    }

    /// How many events may wait to be read; [`WATCH_BUFFER_EVENTS`] unless set.
    ///
    /// With more the watch is taken from the server until half of them are read, and is then put
    /// back where it was. So one response more than this is kept at most, and a watcher that is
    /// not read costs neither the server nor the other watchers anything; but it may find, when it
    /// is read again, that what it was not told yet is compacted away.
    pub fn max_buffered_events(mut self, events: usize) -> Self {
        self.limits.events = events;
        self
    }

    /// How many bytes may wait to be read; [`WATCH_BUFFER_BYTES`] unless set. As
    /// [`max_buffered_events`](Self::max_buffered_events).
    pub fn max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Refuses what etcd would take for something else, or would refuse: to it a revision before
    /// the first is one that is compacted away, or none.
    pub(crate) fn check(&self) -> Result<()> {
        let revision = self.wire.start_revision;
        if revision < 0 {
            return Err(invalid(format!("there is no revision {revision} to start from")));
        }
        let (key, range_end) = (&self.wire.key, &self.wire.range_end);
        if key.is_empty() && range_end.is_empty() {
            return Err(invalid("the key is empty"));
        }
        if !range_end.is_empty() && &range_end[..] != b"\0" && key >= range_end {
            return Err(invalid("no key is in the range: it ends before it begins"));
        }
        if self.limits.events == 0 || self.limits.bytes == 0 {
            return Err(invalid("a buffer with no room lets nothing through"));
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::from_wire((self.wire.key.clone(), self.wire.range_end.clone()))
    }

    /// As the server sees it.
    pub(crate) fn into_wire(self, namespace: &Namespace) -> pb::WatchCreateRequest {
        let mut wire = self.wire;
        namespace.enter(&mut wire.key, &mut wire.range_end);
        wire
    }
}

impl<K: Into<Keys>> From<K> for Watch {
    fn from(keys: K) -> Self {
        Self::new(keys)
    }
}

impl Json for Watch {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let Self { wire, limits } = self;
        let filters = |filter: FilterType| wire.filters.contains(&filter.into());
        let fields: &[(_, _, &dyn Json)] = &[
            ("keys", true, &self.keys()),
            ("start_revision", wire.start_revision != 0, &wire.start_revision),
            ("prev_kv", wire.prev_kv, &true),
            ("no_puts", filters(FilterType::Noput), &true),
            ("no_deletes", filters(FilterType::Nodelete), &true),
            ("progress_notify", wire.progress_notify, &true),
            ("max_buffered_events", limits.events != WATCH_BUFFER_EVENTS, &limits.events),
            ("max_buffered_bytes", limits.bytes != WATCH_BUFFER_BYTES, &limits.bytes),
        ];
        out.given(fields)
    }
}

json_debug!(Watch);

fn invalid(what: impl Into<String>) -> Error {
    let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
    Error::new("watch", failure, Outcome::NotApplied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_wire() {
        let watch = Watch::prefix("a").start_revision(5).prev_kv().no_deletes().progress_notify();
        let wire = watch.into_wire(&Namespace::default());
        assert_eq!((&wire.key[..], &wire.range_end[..]), (&b"a"[..], &b"b"[..]));
        assert_eq!(wire.start_revision, 5);
        assert!(wire.prev_kv && wire.progress_notify);
        assert_eq!(wire.filters().collect::<Vec<_>>(), [FilterType::Nodelete]);
    }

    #[test]
    fn a_namespace_is_entered() {
        let namespace = Namespace::default().within(&Bytes::from("app/"));
        let wire = Watch::all().into_wire(&namespace);
        assert_eq!((&wire.key[..], &wire.range_end[..]), (&b"app/\0"[..], &b"app0"[..]));
    }

    #[test]
    fn what_cannot_be_watched_is_refused() {
        assert!(Watch::key("a").check().is_ok());
        assert!(Watch::key("a").start_revision(1).check().is_ok());
        assert!(Watch::all().check().is_ok() && Watch::prefix(vec![0xff]).check().is_ok());
        let text = |watch: Watch| {
            let error = watch.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            error.to_string()
        };
        insta::assert_snapshot!(text(Watch::key("a").start_revision(-1)), @"watch: there is no revision -1 to start from");
        insta::assert_snapshot!(text(Watch::between("b", "a")), @"watch: no key is in the range: it ends before it begins");
        insta::assert_snapshot!(text(Watch::between("a", "")), @"watch: no key is in the range: it ends before it begins");
        insta::assert_snapshot!(text(Watch::key("")), @"watch: the key is empty");
        insta::assert_snapshot!(text(Watch::key("a").max_buffered_events(0)), @"watch: a buffer with no room lets nothing through");
    }
}
