//! Watches that go on whatever happens.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod checker;
mod exact;
mod responses;
mod scribes;
mod support;
