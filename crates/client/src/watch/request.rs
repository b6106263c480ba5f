//! What to be told of.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::watch_create_request::FilterType;
use crate::generated::mvccpb;
use crate::kv::{KeyValue, Keys};

/// What to be told of, and how.
///
/// ```
/// use tercet_client::Watch;
///
/// let changes = Watch::prefix("jobs/").start_revision(42).prev_kv();
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Watch(pb::WatchCreateRequest);

impl Watch {
    /// These keys.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let (key, range_end) = keys.into().into_wire();
        Self(pb::WatchCreateRequest { key, range_end, ..Default::default() })
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

    /// From this revision of the store on, itself included; otherwise from now on.
    pub fn start_revision(mut self, revision: i64) -> Self {
        self.0.start_revision = revision;
        self
    }

    /// Events have what the key had before.
    pub fn prev_kv(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }

    /// Only deletions.
    pub fn no_puts(mut self) -> Self {
        self.0.filters.push(FilterType::Noput.into());
        self
    }

    /// Only writes.
    pub fn no_deletes(mut self) -> Self {
        self.0.filters.push(FilterType::Nodelete.into());
        self
    }

    /// Refuses what etcd would take for something else: to it a revision before the first is one
    /// that is compacted away, or none.
    pub(crate) fn check(&self) -> Result<()> {
        let revision = self.0.start_revision;
        if revision >= 0 {
            return Ok(());
        }
        let what = format!("there is no revision {revision} to start from");
        let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
        Err(Error::new("watch", failure, Outcome::NotApplied))
    }

    pub(crate) fn into_wire(self) -> pb::WatchRequest {
        use pb::watch_request::RequestUnion;
        pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(self.0)) }
    }
}

impl<K: Into<Keys>> From<K> for Watch {
    fn from(keys: K) -> Self {
        Self::new(keys)
    }
}

/// What happened, one or more events at a time.
///
/// All events of one revision come in one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchResponse {
    revision: i64,
    events: Vec<Event>,
}

impl WatchResponse {
    /// The store's revision when this was sent. To go on after the last event, begin at
    /// [`mod_revision`](KeyValue::mod_revision) of its key and one more.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// What happened, in its order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events, to keep.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

impl FromWire<pb::WatchResponse> for WatchResponse {
    fn from_wire(wire: pb::WatchResponse) -> Self {
        Self {
            revision: wire.header.unwrap_or_default().revision,
            events: wire.events.into_iter().filter_map(event).collect(),
        }
    }
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The key was written.
    #[non_exhaustive]
    Put {
        /// What it has now.
        kv: KeyValue,
        /// What it had before, if that was asked for, and if it existed and is not compacted away.
        prev_kv: Option<KeyValue>,
    },
    /// The key was deleted, or its lease ran out.
    #[non_exhaustive]
    Delete {
        /// Only its key and its revision.
        kv: KeyValue,
        /// What it had before, if that was asked for and is not compacted away.
        prev_kv: Option<KeyValue>,
    },
}

impl Event {
    /// What the key has now; of a deletion only its key and the revision.
    #[must_use]
    pub fn kv(&self) -> &KeyValue {
        match self {
            Self::Put { kv, .. } | Self::Delete { kv, .. } => kv,
        }
    }

    /// What the key had before, if that was asked for and is known.
    #[must_use]
    pub fn prev_kv(&self) -> Option<&KeyValue> {
        match self {
            Self::Put { prev_kv, .. } | Self::Delete { prev_kv, .. } => prev_kv.as_ref(),
        }
    }

    /// Whether the key was deleted.
    #[must_use]
    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete { .. })
    }
}

/// `None` for a kind of event that etcd does not have yet.
fn event(wire: mvccpb::Event) -> Option<Event> {
    let kind = mvccpb::event::EventType::try_from(wire.r#type).ok()?;
    let kv = KeyValue::from_wire(wire.kv.unwrap_or_default());
    let prev_kv = wire.prev_kv.map(KeyValue::from_wire);
    Some(match kind {
        mvccpb::event::EventType::Put => Event::Put { kv, prev_kv },
        mvccpb::event::EventType::Delete => Event::Delete { kv, prev_kv },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_wire() {
        let Some(pb::watch_request::RequestUnion::CreateRequest(wire)) =
            Watch::prefix("a").start_revision(5).prev_kv().no_deletes().into_wire().request_union
        else {
            panic!("not a create request");
        };
        assert_eq!((&wire.key[..], &wire.range_end[..]), (&b"a"[..], &b"b"[..]));
        assert_eq!(wire.start_revision, 5);
        assert!(wire.prev_kv);
        assert_eq!(wire.filters().collect::<Vec<_>>(), [FilterType::Nodelete]);
    }

    #[test]
    fn a_start_before_all_revisions_is_refused() {
        assert!(
            Watch::key("a").check().is_ok() && Watch::key("a").start_revision(1).check().is_ok()
        );
        let error = Watch::key("a").start_revision(-1).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        insta::assert_snapshot!(error, @"watch: there is no revision -1 to start from");
    }

    #[test]
    fn a_kind_of_event_that_is_new_does_not_panic() {
        assert_eq!(event(mvccpb::Event { r#type: 9, ..Default::default() }), None);
    }
}
