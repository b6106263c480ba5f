//! Whether an endpoint has been connected since some moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts how often a line was connected and dialled anew: odd while there is a connection.
///
/// tonic tells nobody whether a request still waits for its connection when its time is up, and
/// whether it may have been applied depends on just that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<AtomicU64>);

/// A moment of [`Connections`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Connections {
    pub(crate) fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }

    /// Whether there was no connection then and none has been made since.
    pub(crate) fn none_since(&self, moment: Moment) -> bool {
        moment.0.is_multiple_of(2) && self.now() == moment
    }

    /// A dial begins: whatever connection there was is no more.
    pub(crate) fn dialling(&self) {
        self.step(1);
    }

    /// A dial has succeeded.
    pub(crate) fn connected(&self) {
        self.step(0);
    }

    /// Counts one if the count is of this parity; a line has one dial at a time.
    fn step(&self, parity: u64) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
            (count % 2 == parity).then_some(count + 1)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whether_there_was_one() {
        let connections = Connections::default();
        let before = connections.now();
        connections.dialling();
        assert!(connections.none_since(before), "a dial is no connection");

        connections.connected();
        assert!(!connections.none_since(before));
        let during = connections.now();
        connections.dialling();
        assert!(!connections.none_since(during), "there was one");

        let between = connections.now();
        connections.dialling();
        assert!(connections.none_since(between), "a dial that failed, and the next");
        connections.connected();
        assert!(!connections.none_since(between));
        assert!(!connections.none_since(before));
    }
}
