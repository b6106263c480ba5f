//! Every mistake that etcd refuses at its start is made with the real etcd of each version, and comes
//! out as a typed cause with a pointer to the doctor's rule. The control beside them: the etcd that
//! is started without the mistake serves.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod bootstrap;
mod data;
mod discovery;
mod files;
mod fleets;
mod links;
mod mistake;
mod settings;
