//! When each lease is to be renewed, and until when it is one.
//!
//! It has no clock and does nothing: it is told what happened and when, and says what is due.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lease::kept::Kept;
use crate::lease::lost::{LeaseLost, LeaseLostReason};
use crate::lease::responses::MAX_LEASE_TTL;

/// What is due at about the same time is sent together.
const TICK: Duration = Duration::from_millis(20);

/// How often a lease is asked for again, in its time to live, that a server would not renew; each
/// time ends the stream.
const REFUSALS: u32 = 6;
const LEAST_PAUSE: Duration = Duration::from_millis(250);
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// The leases that a client keeps.
#[derive(Debug)]
pub(super) struct Table {
    leases: HashMap<i64, Entry>,
    /// Each lease once: when it is to be renewed or, while an answer is awaited, its deadline.
    agenda: BTreeSet<(Instant, i64)>,
    awaited: usize,
    /// Keepalives of leases that are no longer kept, whose answers are not for who keeps them next.
    orphans: HashMap<i64, u32>,
    /// A lower bound: it may be of a lease that is no longer there.
    shortest: Duration,
    /// What went wrong last, since the last answer.
    trouble: Option<Arc<str>>,
    /// Those that a server would not renew when they were last sent, and what it said.
    refused: HashMap<i64, Arc<str>>,
    /// Those that nobody was told of yet.
    lost: Vec<LeaseLost>,
    /// Ticks are counted from here.
    epoch: Instant,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    handles: usize,
    /// When a keepalive was sent that is not yet answered.
    sent_at: Option<Instant>,
    /// Where it is in the agenda.
    next: Instant,
}

impl Table {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            leases: HashMap::new(),
            agenda: BTreeSet::new(),
            awaited: 0,
            orphans: HashMap::new(),
            shortest: Duration::MAX,
            trouble: None,
            refused: HashMap::new(),
            lost: Vec::new(),
            epoch: now,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// How many keepalives are sent and not answered.
    pub(super) fn awaited(&self) -> usize {
        self.awaited
    }

    /// The shortest time to live, or less.
    pub(super) fn shortest(&self) -> Option<Duration> {
        (self.shortest != Duration::MAX).then_some(self.shortest)
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.agenda.first().map(|&(next, _)| next)
    }

    /// Keeps a lease whose time to live is known, and which was renewed after this instant.
    pub(super) fn keep(&mut self, id: i64, ttl: Duration, since: Instant) -> Arc<Kept> {
        let ttl = ttl.min(MAX_LEASE_TTL);
        let deadline = deadline(since, ttl);
        self.shortest = self.shortest.min(ttl);
        let next = self.renewal(since, ttl, id);
        self.join(id, next, || Kept::new(id.into(), Some(ttl), deadline))
    }

    /// Keeps a lease of which nothing is known, if a server says until then that there is one.
    pub(super) fn adopt(&mut self, id: i64, now: Instant, until: Instant) -> Arc<Kept> {
        self.join(id, now, || Kept::new(id.into(), None, until))
    }

    fn join(&mut self, id: i64, next: Instant, kept: impl FnOnce() -> Kept) -> Arc<Kept> {
        let entry = self.leases.entry(id).or_insert_with(|| {
            self.agenda.insert((next, id));
            let kept = Arc::new(kept());
            Entry { kept, handles: 0, sent_at: None, next }
        });
        entry.handles += 1;
        entry.kept.clone()
    }

    /// One holder less; without any it is no longer kept. `kept` is which one, since a lease that
    /// was lost may be kept anew.
    pub(super) fn release(&mut self, kept: &Arc<Kept>) {
        let id = i64::from(kept.id);
        let Some(entry) = self.leases.get_mut(&id) else { return };
        if !Arc::ptr_eq(&entry.kept, kept) {
            return;
        }
        entry.handles -= 1;
        if entry.handles == 0 {
            self.remove(id);
        }
    }

    /// A lease that is no more, for this reason.
    pub(super) fn lose(&mut self, id: i64, reason: LeaseLostReason) {
        let refused = self.refused.get(&id).cloned();
        if let Some(entry) = self.remove(id) {
            let last = match reason {
                LeaseLostReason::Refused => refused,
                LeaseLostReason::Unanswered => refused.or_else(|| self.trouble.clone()),
                _ => None,
            };
            let lost = LeaseLost::new(id.into(), reason, last);
            self.lost.push(lost.clone());
            entry.kept.lose(lost);
        }
    }

    pub(super) fn lose_all(&mut self, reason: LeaseLostReason) {
        let ids: Vec<_> = self.leases.keys().copied().collect();
        for id in ids {
            self.lose(id, reason);
        }
    }

    /// What was lost since the last time.
    pub(super) fn take_lost(&mut self) -> Vec<LeaseLost> {
        std::mem::take(&mut self.lost)
    }

    /// Adds to `ids` what is to be sent now, and takes it for sent. What was not answered until its
    /// deadline is lost.
    pub(super) fn claim(&mut self, now: Instant, ids: &mut Vec<i64>) {
        while let Some(&(next, id)) = self.agenda.first() {
            if next > now {
                return;
            }
            self.agenda.pop_first();
            let Some(entry) = self.leases.get_mut(&id) else { continue };
            let deadline = entry.kept.deadline();
            if deadline <= now {
                self.lose(id, LeaseLostReason::Unanswered);
                continue;
            }
            entry.sent_at = Some(now);
            self.awaited += 1;
            entry.next = deadline;
            self.agenda.insert((entry.next, id));
            ids.push(id);
        }
    }

    /// What was claimed went out only now.
    pub(super) fn sent(&mut self, ids: &[i64], now: Instant) {
        for id in ids {
            if let Some(entry) = self.leases.get_mut(id)
                && let Some(sent_at) = &mut entry.sent_at
            {
                *sent_at = now;
            }
        }
    }

    /// A server's answer: it lives for so long after it was sent; for no time if it is gone.
    pub(super) fn answered(&mut self, id: i64, ttl: Duration) {
        let ttl = ttl.min(MAX_LEASE_TTL);
        if self.is_orphan(id) {
            // One of this number that is kept by now is asked about for itself.
            return;
        }
        let Some(entry) = self.leases.get_mut(&id) else { return };
        let sent_at = entry.sent_at.take();
        self.awaited -= usize::from(sent_at.is_some());
        if ttl.is_zero() {
            // Nothing is awaited of it any more.
            return self.lose(id, LeaseLostReason::Gone);
        }
        let Some(sent_at) = sent_at else { return };
        self.trouble = None;
        self.refused.remove(&id);
        self.shortest = self.shortest.min(ttl);
        entry.kept.renewed(ttl, deadline(sent_at, ttl));
        self.agenda.remove(&(entry.next, id));
        let next = self.renewal(sent_at, ttl, id);
        self.agenda.insert((next, id));
        if let Some(entry) = self.leases.get_mut(&id) {
            entry.next = next;
        }
    }

    /// The stream ended: what is not answered is due again.
    pub(super) fn unanswered(&mut self, now: Instant) {
        self.awaited = 0;
        self.orphans.clear();
        self.shortest = Duration::MAX;
        for (&id, entry) in &mut self.leases {
            self.shortest = self.shortest.min(entry.kept.ttl().unwrap_or(Duration::MAX));
            if entry.sent_at.take().is_some() {
                self.agenda.remove(&(entry.next, id));
                entry.next = now;
                self.agenda.insert((now, id));
            }
        }
    }

    /// A server does not let us renew this one, and ended the stream over it. It is asked again after a
    /// while, since others are on the next stream; one of which nothing is known is lost at once.
    pub(super) fn refused(&mut self, id: i64, now: Instant, why: &str) {
        let Some(entry) = self.leases.get_mut(&id) else { return };
        self.refused.insert(id, why.into());
        let Some(ttl) = entry.kept.ttl() else {
            return self.lose(id, LeaseLostReason::Refused);
        };
        let pause = (ttl / REFUSALS).clamp(LEAST_PAUSE, MOST_PAUSE);
        self.agenda.remove(&(entry.next, id));
        entry.next = (now + pause).min(entry.kept.deadline());
        self.agenda.insert((entry.next, id));
    }

    /// What goes wrong, to be told if a lease is lost over it.
    pub(super) fn trouble(&mut self, text: String) {
        self.trouble = Some(text.into());
    }

    fn remove(&mut self, id: i64) -> Option<Entry> {
        let entry = self.leases.remove(&id)?;
        self.agenda.remove(&(entry.next, id));
        self.refused.remove(&id);
        if entry.sent_at.is_some() {
            self.awaited -= 1;
            *self.orphans.entry(id).or_default() += 1;
        }
        Some(entry)
    }

    /// Whether the next answer is to who kept the lease before. A stream's answers are in order.
    fn is_orphan(&mut self, id: i64) -> bool {
        let Some(count) = self.orphans.get_mut(&id) else { return false };
        *count -= 1;
        if *count == 0 {
            self.orphans.remove(&id);
        }
        true
    }

    /// When a lease is to be renewed: after a third of its time, as etcd's own client does
    /// (`client/v3/lease.go`, `recvKeepAlive`), less a part that its number decides, so that leases
    /// of one moment do not all come at one moment for ever.
    fn renewal(&self, since: Instant, ttl: Duration, id: i64) -> Instant {
        let third = ttl / 3;
        let part = u32::try_from(id.rem_euclid(64)).unwrap_or_default();
        let exact = since + third - third / 8 * part / 64;
        let nanos = exact.saturating_duration_since(self.epoch).as_nanos();
        // For six hundred years.
        let nanos = u64::try_from(nanos - nanos % TICK.as_nanos()).unwrap_or(u64::MAX);
        (self.epoch + Duration::from_nanos(nanos)).max(since)
    }
}

/// When a lease must be taken for gone that was renewed after this instant.
///
/// The server counts from when it has the keepalive, which is later. The margin is for whoever is
/// to be told: a twentieth of the time, a second at most.
fn deadline(since: Instant, ttl: Duration) -> Instant {
    let margin = (ttl / 20).min(Duration::from_secs(1));
    since + (ttl - margin)
}

#[cfg(test)]
mod tests;
