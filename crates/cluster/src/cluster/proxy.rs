//! The proxies of a running fleet.

mod cell;
mod error;
mod start;

use std::fmt;
use std::path::{Path, PathBuf};

use tercet_client::{Client, Config};

pub(crate) use self::cell::ProxyCell;
pub use self::error::ProxyError;
use super::fleet::Cluster;
use crate::observe::log_tail;
use crate::plan::{ProxyFiles, ProxyKind, ProxyPlan};

impl Cluster {
    /// Starts one of etcd's own proxies before this fleet, and waits until it is ready: until it has
    /// said that it serves, and a read has come back through it.
    ///
    /// It is run by the etcd that the fleet was started with, on a port of its own that is held like
    /// a member's, with certificates of its own from the fleet's authority, and it ends with the
    /// fleet. It begins with the members that belong to the fleet now.
    ///
    /// Cancel-safe: dropping the future ends what was started.
    ///
    /// # Errors
    ///
    /// [`ProxyError`]; nothing is left behind but its log.
    pub async fn start_proxy(&self, kind: ProxyKind) -> Result<Proxy<'_>, ProxyError> {
        let index = start::start(self, kind).await?;
        Ok(Proxy { cluster: self, index })
    }

    /// Its proxies, in the order in which they came; also those that are down.
    pub fn proxies(&self) -> impl ExactSizeIterator<Item = Proxy<'_>> {
        (0..self.proxies.count()).map(|index| Proxy { cluster: self, index })
    }
}

/// A proxy of a fleet, running or down; a view that costs nothing to copy.
#[derive(Clone, Copy)]
pub struct Proxy<'a> {
    cluster: &'a Cluster,
    index: usize,
}

impl<'a> Proxy<'a> {
    fn cell(&self) -> &'a ProxyCell {
        &self.cluster.proxies[self.index]
    }

    /// Its name, such as `gateway-1`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.plan().name()
    }

    /// Which of them it is.
    #[must_use]
    pub fn kind(&self) -> ProxyKind {
        self.plan().kind()
    }

    /// The URL where its clients come, whether it runs or not.
    #[must_use]
    pub fn endpoint(&self) -> &'a str {
        self.plan().endpoint()
    }

    /// Where its own certificates and keys are.
    #[must_use]
    pub fn files(&self) -> &'a ProxyFiles {
        self.plan().files()
    }

    /// What it was planned to be: its command line, environment and files.
    #[must_use]
    pub fn plan(&self) -> &'a ProxyPlan {
        self.cell().plan()
    }

    /// Where all that it prints goes, over all its restarts.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.plan().log()
    }

    /// The last `lines` lines of its log, oldest first.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        log_tail(&self.log(), lines)
    }

    /// The fleet that it belongs to.
    #[must_use]
    pub const fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// The id of its process, or none while it is down.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let mut state = self.cell().state();
        let child = state.child.as_mut()?;
        matches!(child.exit_status(), Ok(None)).then(|| child.pid())
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// A client that goes through it, for the runtime that calls, with the fleet's client identity.
    ///
    /// # Errors
    ///
    /// [`ProxyError::NoGrpc`] for [`ProxyKind::V2`], which passes on HTTP alone; and the client's
    /// own, should it refuse what the fleet hands it.
    pub async fn client(&self) -> Result<Client, ProxyError> {
        if !self.kind().speaks_grpc() {
            return Err(ProxyError::NoGrpc { proxy: self.name().to_owned() });
        }
        Ok(Client::connect(self.client_config()?).await?)
    }

    /// What makes a client that goes through it.
    fn client_config(&self) -> Result<Config, tercet_client::Error> {
        self.cluster.client_config([self.endpoint().to_owned()])
    }

    /// Ends it at once (SIGKILL) and returns when it is gone. Its port stays the fleet's. The members
    /// notice nothing but that connections are closed.
    ///
    /// # Errors
    ///
    /// [`ProxyError::NotRunning`] when it is down already, [`ProxyError::Stays`] when it does not go.
    pub fn kill(&self) -> Result<(), ProxyError> {
        let name = || self.name().to_owned();
        let mut state = self.cell().state();
        let child = state.child.as_mut().ok_or_else(|| ProxyError::NotRunning { proxy: name() })?;
        if matches!(child.exit_status(), Ok(Some(_))) {
            // It ended by itself, and may be started again.
            state.child = None;
            return Err(ProxyError::NotRunning { proxy: name() });
        }
        let pid = child.pid();
        child.kill().map_err(|source| ProxyError::Stays { proxy: name(), pid, source })?;
        state.child = None;
        Ok(())
    }

    /// Starts it again, after killing it if it runs, and waits until it is ready. It is what it was:
    /// it begins with the members of its first start.
    ///
    /// Cancelled, it leaves the proxy started but perhaps not ready.
    ///
    /// # Errors
    ///
    /// [`ProxyError`], as at its first start.
    pub async fn restart(&self) -> Result<(), ProxyError> {
        match self.kill() {
            Ok(()) | Err(ProxyError::NotRunning { .. }) => {}
            Err(error) => return Err(error),
        }
        start::run(self.cluster, self.cell()).await
    }
}

impl fmt::Debug for Proxy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("name", &self.name())
            .field("endpoint", &self.endpoint())
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

/// Makes a directory for its owner alone.
fn make_directory(path: &Path) -> Result<(), ProxyError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.map_err(|source| ProxyError::Directory { path: path.to_owned(), source })
}
