//! What happened.

use crate::from_wire::FromWire;
use crate::generated::mvccpb;
use crate::json::json_object;
use crate::kv::KeyValue;

/// What happened, one or more events at a time; or how far the watch is, with none.
///
/// All events of one revision come in one response.
#[derive(Clone, PartialEq, Eq)]
pub struct WatchResponse {
    revision: i64,
    events: Vec<Event>,
}

impl WatchResponse {
    /// The store's revision when this was sent; of a response that is only
    /// [progress](Self::is_progress), all that happened up to this revision has been told.
    ///
    /// Events of a watch that catches up may have a revision far before it. To go on after the last
    /// event, begin at [`mod_revision`](KeyValue::mod_revision) of its key and one more.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether it has no events, and only says that all up to its revision are told.
    #[must_use]
    pub fn is_progress(&self) -> bool {
        self.events.is_empty()
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

    pub(crate) fn progress(revision: i64) -> Self {
        Self { revision, events: Vec::new() }
    }

    /// `None` if there is no event that we know.
    pub(crate) fn of(revision: i64, events: Vec<mvccpb::Event>) -> Option<Self> {
        // Collected they would stay in the place that prost made, which is for four at least.
        let mut kept = Vec::with_capacity(events.len());
        kept.extend(events.into_iter().filter_map(event));
        let events = kept;
        (!events.is_empty()).then_some(Self { revision, events })
    }
}

/// One change of one key.
#[derive(Clone, PartialEq, Eq)]
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

json_object!(WatchResponse, it => { revision: it.revision, events: it.events });
json_object!(Event, it => {
    type: if it.is_delete() { "delete" } else { "put" },
    kv: it.kv(),
    prev_kv: it.prev_kv(),
});

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
    fn a_kind_of_event_that_is_new_does_not_panic() {
        let new = mvccpb::Event { r#type: 9, ..Default::default() };
        assert_eq!(WatchResponse::of(3, vec![new.clone()]), None);
        let response = WatchResponse::of(3, vec![new, mvccpb::Event::default()]).unwrap();
        assert_eq!((response.revision(), response.events().len()), (3, 1));
    }
}
