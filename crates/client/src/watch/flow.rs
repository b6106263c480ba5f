//! One watch on its way through the revisions, whatever stream it is on.

use crate::generated::etcdserverpb as pb;
use crate::generated::mvccpb;
use crate::kv::Namespace;
use crate::watch::feed::Feed;
use crate::watch::response::WatchResponse;

/// One watch.
///
/// It knows which revision comes next, and lets through what is of that or a later one, and of each
/// revision all events at once: however often it is put on another stream.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) feed: Feed,
    pub(super) place: Place,
    /// How often in a row a server has said no.
    pub(super) denials: u32,
    /// Whether its reader has asked how far it is.
    pub(super) asked: bool,
    create: pb::WatchCreateRequest,
    /// Whether its reader wants to see progress that comes by itself.
    notify: bool,
    namespace: Namespace,
    /// The first revision that is not told yet; `None` before a server has said what now is.
    next: Option<i64>,
    /// What came of a revision that may have more.
    held: Vec<mvccpb::Event>,
    confirmed: bool,
}

/// Where a watch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere, and it should be somewhere.
    Waiting,
    /// On the stream by this number, or on its way there.
    On(i64),
    /// Nowhere, until its reader has caught up.
    Paused,
}

impl Flow {
    pub(super) fn new(feed: Feed, create: pb::WatchCreateRequest, namespace: Namespace) -> Self {
        let next = (create.start_revision > 0).then_some(create.start_revision);
        Self {
            feed,
            place: Place::Waiting,
            denials: 0,
            asked: false,
            notify: create.progress_notify,
            create,
            namespace,
            next,
            held: Vec::new(),
            confirmed: false,
        }
    }

    /// Whether a server has once confirmed it, so that its reader relies on it.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// What puts it on a stream, with what it has been told.
    pub(super) fn request(&self, id: i64) -> pb::WatchRequest {
        use pb::watch_request::RequestUnion;
        let create = pb::WatchCreateRequest {
            watch_id: id,
            start_revision: self.next.unwrap_or(0),
            // Always: a response of any size then holds up the others on its stream for no longer
            // than one of a single request's size, and they are put together here.
            fragment: true,
            // Always: it moves the revision that an idle watch resumes from.
            progress_notify: true,
            ..self.create.clone()
        };
        pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
    }

    /// A server whose store is at `revision` has confirmed it. Returns the revision if it is the
    /// first to do so.
    ///
    /// The watch was in place when the server looked at its store (`server/etcdserver/api/v3rpc/
    /// watch.go`, `recvLoop`), and what it is told from before that was no change after: so exactly
    /// what follows is told.
    pub(super) fn created(&mut self, revision: i64) -> Option<i64> {
        self.denials = 0;
        self.next.get_or_insert(revision + 1);
        let first = !self.confirmed;
        self.confirmed = true;
        first.then_some(revision)
    }

    /// What its reader, who has asked how far it is, is to be told when a server confirms it that has
    /// nothing new for it.
    ///
    /// Such a server does not answer when it is asked, until something happens: the watch begins at
    /// what comes next (`server/storage/mvcc/watchable_store.go`, `progressIfSync`).
    pub(super) fn caught_up(&mut self, revision: i64) -> Option<WatchResponse> {
        (self.next == Some(revision + 1)).then(|| self.progress(revision)).flatten()
    }

    /// It is on no stream any more: what was not complete comes again.
    pub(super) fn lost(&mut self) {
        self.leave_for(Place::Waiting);
        self.feed.lost();
    }

    /// The same, until its reader has caught up.
    pub(super) fn pause(&mut self) {
        self.leave_for(Place::Paused);
    }

    fn leave_for(&mut self, place: Place) {
        self.held = Vec::new();
        self.place = place;
    }

    /// What its reader is to be told of events that came.
    pub(super) fn events(&mut self, wire: pb::WatchResponse) -> Option<WatchResponse> {
        let mut events = wire.events;
        let next = self.next.unwrap_or(0);
        // Told before the watch was moved, or older than its start (which a member that was
        // overtaken by a snapshot may send: etcd issue 19221).
        if events.first().is_some_and(|event| revision(event) < next) {
            events.retain(|event| revision(event) >= next);
        }
        if !self.held.is_empty() {
            self.held.append(&mut events);
            events = std::mem::take(&mut self.held);
        }
        if wire.fragment {
            // The last revision may go on in the next piece; those before it are complete.
            let last = events.last().map_or(0, revision);
            let complete = events.partition_point(|event| revision(event) < last);
            self.held = events.split_off(complete);
        }
        let last = revision(events.last()?);
        self.next = Some(last + 1);
        for event in &mut events {
            self.leave(event);
        }
        WatchResponse::of(wire.header.unwrap_or_default().revision, events)
    }

    /// What its reader is to be told of the server's word that all up to `revision` has been sent.
    pub(super) fn progress(&mut self, revision: i64) -> Option<WatchResponse> {
        let next = self.next.unwrap_or(0);
        if !self.confirmed || !self.held.is_empty() {
            return None;
        }
        self.next = Some(next.max(revision + 1));
        let asked = std::mem::take(&mut self.asked);
        let wanted = self.notify || asked;
        // One that begins later has nothing to say of what is before.
        (wanted && revision + 1 >= next).then(|| WatchResponse::progress(revision))
    }

    fn leave(&self, event: &mut mvccpb::Event) {
        if let Some(kv) = &mut event.kv {
            self.namespace.leave(kv);
        }
        match &mut event.prev_kv {
            Some(kv) if self.create.prev_kv => self.namespace.leave(kv),
            // Other watches on the stream may have asked for it.
            before => *before = None,
        }
    }
}

fn revision(event: &mvccpb::Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}
