//! Every way in which a fleet can be secured and told, on every etcd that there is here.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod configurations;
mod options;
mod pages;
mod visitor;
mod words;
