//! Locks, elections and transactions between clients, under faults.

mod stm;
