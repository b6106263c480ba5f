//! etcd over HTTP, by the real curl and etcdctl and in the words of etcd's security guide.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod etcdctl;
mod fleet;
mod guide;
mod json;
mod pages;
