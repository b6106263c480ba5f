//! Watches that go on whatever happens.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod breaks;
mod cache;
mod checker;
mod compaction;
mod crowd;
mod exact;
mod naive;
mod progress;
mod responses;
mod scribes;
mod support;
mod users;
