//! One error for everything that a test does with a cluster.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tercet_cluster::binary::{LocateError, ParseVersionError};
use tercet_cluster::{
    FaultError, KillError, LeaderError, NemesisError, OperateError, ParseScheduleError, ProxyError,
    RestoreError, RevokeError, RotateError, StartError,
};

use crate::keep::ParseKeepError;

/// The result of what a test does with a cluster.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that can go wrong with a cluster in a test.
///
/// Its `Debug`, which is what a failing test prints, reads like its `Display` with all causes below.
pub struct Error {
    /// Boxed: results are passed around more often than errors are made.
    kind: Box<Kind>,
    /// Taken off the count when the error is dropped.
    _alive: Alive,
}

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("no etcd to run")]
    Locate(#[source] LocateError),
    #[error("no such etcd version")]
    Version(#[source] ParseVersionError),
    #[error("the cluster did not start")]
    Start(#[source] StartError),
    #[error("the cluster was not restored")]
    Restore(#[source] RestoreError),
    #[error("the member was not killed")]
    Kill(#[source] KillError),
    #[error("the fault was not brought about")]
    Fault(#[source] FaultError),
    #[error("the nemesis did not do all that it was to do")]
    Nemesis(#[source] NemesisError),
    #[error("what was to be done to the cluster is not known")]
    Schedule(#[source] ParseScheduleError),
    #[error("the cluster has no leader")]
    Leader(#[source] LeaderError),
    #[error("what was to be done to the cluster was not")]
    Operate(#[source] OperateError),
    #[error("the certificates were not changed, or not all of them")]
    Rotate(#[source] RotateError),
    #[error("the certificate was not revoked")]
    Revoke(#[source] RevokeError),
    #[error("the proxy failed")]
    Proxy(#[source] ProxyError),
    #[error("the client failed")]
    Client(#[source] tercet_client::Error),
    #[error("the certificate was not issued")]
    Issue(#[source] tercet_pki::IssueError),
    #[error("the certificate was not written")]
    Write(#[source] tercet_pki::WriteError),
    #[error("the variable TERCET_TIMING cannot be used")]
    Timing(#[source] tercet_cluster::plan::ParseTimingError),
    #[error("the variable TERCET_KEEP cannot be used")]
    Keep(#[source] ParseKeepError),
    #[error("etcd could not be looked for")]
    Thread(#[source] std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  because {}", error.to_string().replace('\n', "\n  "))?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

macro_rules! from {
    ($($kind:ident: $error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self { kind: Box::new(Kind::$kind(error)), _alive: Alive::count() }
            }
        }
    )*};
}

from! {
    Locate: LocateError,
    Version: ParseVersionError,
    Start: StartError,
    Restore: RestoreError,
    Kill: KillError,
    Fault: FaultError,
    Nemesis: NemesisError,
    Schedule: ParseScheduleError,
    Operate: OperateError,
    Rotate: RotateError,
    Revoke: RevokeError,
    Leader: LeaderError,
    Proxy: ProxyError,
    Client: tercet_client::Error,
    Issue: tercet_pki::IssueError,
    Write: tercet_pki::WriteError,
    Timing: tercet_cluster::plan::ParseTimingError,
    Keep: ParseKeepError,
    Thread: std::io::Error,
}

/// How many [`Error`]s that this thread made are alive.
///
/// That is how a cluster that is being dropped knows that its test has failed without a panic: `?`
/// has made an error, which is on its way out of the test while the test's locals are dropped. An
/// error that the test has looked at and let go of is not alive any more: locals are dropped in the
/// reverse order, so those made after the cluster go before it.
pub(crate) fn alive() -> usize {
    // A cluster may be dropped so late that the thread's locals are gone.
    ALIVE.try_with(|count| count.load(Ordering::Relaxed)).unwrap_or(0)
}

thread_local! {
    static ALIVE: Arc<AtomicUsize> = Arc::default();
}

/// One error alive, counted in the thread that made it, wherever it is dropped.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn count() -> Self {
        let count = ALIVE.try_with(Arc::clone).unwrap_or_default();
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Error {
        "3.x".parse::<crate::Version>().unwrap_err().into()
    }

    #[test]
    fn a_failing_test_prints_the_causes() {
        insta::assert_snapshot!(format!("{:?}", some()), @r"
        no such etcd version
          because '3.x' is not an etcd version: write it as 3.5.1 (three numbers, a leading v is allowed)
        ");
    }

    #[test]
    fn errors_are_counted_while_they_live() {
        assert!(alive() == 0);
        let error = some();
        assert!(alive() > 0);
        std::thread::spawn(move || {
            assert!(alive() == 0, "another thread's errors are not this test's");
            drop(error);
        })
        .join()
        .unwrap();
        assert!(alive() == 0);
    }
}
