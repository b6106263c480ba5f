//! Fleets that are broken on purpose, and heal.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod certificates;
mod crashes;
mod nemesis;
mod pauses;
mod restarts;
mod support;
