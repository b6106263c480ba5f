//! The doctor against the real etcd: each rule's misconfiguration is started, fails as the doctor
//! says, and works after the fix that it printed.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod access;
mod chains;
mod coverage;
mod dates;
mod files;
mod healthy;
mod keys;
mod lists;
mod names;
mod openssl;
mod pages;
mod running;
mod scene;
mod settings;
mod usages;
mod verdict;
