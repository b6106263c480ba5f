//! Leases that are kept alive, and sessions that know when theirs is lost.

mod requests;
