//! A cluster that belongs to a test.

use std::ops::Deref;

use tercet_pki::FleetFiles;

use crate::error::alive;
use crate::report::{Test, report};
use crate::{Builder, Keep, Result};

/// A running cluster, owned by a test: everything that a [`tercet_cluster::Cluster`] is, and what
/// only tests need.
///
/// When it is dropped because its test fails, it prints the end of every member's log.
#[derive(Debug)]
pub struct Cluster {
    inner: tercet_cluster::Cluster,
    keep: Keep,
    test: Test,
    /// How many errors were alive when it was made: those are not why it is dropped.
    errors_before: usize,
}

impl Cluster {
    /// Starts three members with mutual TLS on every link, and waits until they are ready.
    ///
    /// Cancel-safe, as [`Builder::start`].
    ///
    /// # Errors
    ///
    /// When there is no etcd, or the cluster does not become ready; nothing is left behind.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// A cluster to be described before it is started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(inner: tercet_cluster::Cluster, keep: Keep) -> Self {
        Self { inner, keep, test: Test::current(), errors_before: alive() }
    }

    /// Where the authority's certificate is, and the certificates and keys of the client and of
    /// every member: for any other client.
    #[must_use]
    pub const fn files(&self) -> &FleetFiles {
        self.inner.plan().files()
    }
}

impl Deref for Cluster {
    type Target = tercet_cluster::Cluster;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() || alive() > self.errors_before {
            if self.keep == Keep::OnFailure {
                self.inner.keep();
            }
            // As a macro, so that it is captured with what else the test prints. It panics when
            // nobody listens any more, which must not keep the members from being ended.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                eprintln!("{}", report(&self.inner, &self.test));
            }));
        }
    }
}
