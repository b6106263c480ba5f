//! Locks, elections and transactions between clients, under faults.

mod barrier;
mod queue;
mod stm;
