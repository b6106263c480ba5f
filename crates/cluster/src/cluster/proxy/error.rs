//! What can go wrong with a proxy.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::cluster::error::Log;
use crate::plan::PlanError;
use crate::process::PortError;

/// Why a proxy did not come to be ready, or did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// There can be none of the kind.
    #[error("the proxy cannot be planned")]
    Plan(#[from] PlanError),
    /// No port to listen on.
    #[error("the proxy has no port")]
    Port(#[from] PortError),
    /// A file or directory could not be made.
    #[error("cannot make {}", path.display())]
    Directory {
        /// What was to be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its certificates could not be issued.
    #[error("the proxy's certificates cannot be issued")]
    Issue(#[from] tercet_pki::IssueError),
    /// Its certificates could not be written.
    #[error("the proxy's certificates cannot be written")]
    Write(#[from] tercet_pki::WriteError),
    /// A client of it could not be made.
    #[error("no client of the proxy can be made")]
    Client(#[from] tercet_client::Error),
    /// The program could not be run at all.
    #[error("proxy {proxy} cannot be started: {} does not run", program.display())]
    Spawn {
        /// The proxy's name.
        proxy: String,
        /// What was to be run.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its process ended by itself.
    #[error(
        "proxy {proxy} ended by itself ({status}) after {elapsed:.1?}\n  command: {command}\n{}",
        Log { path: log, lines: log_tail }
    )]
    Exited {
        /// The proxy's name.
        proxy: String,
        /// How it ended.
        status: ExitStatus,
        /// How long after its start.
        elapsed: Duration,
        /// What it was called with, to be pasted into a shell.
        command: String,
        /// Where its log was.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Vec<String>,
    },
    /// It runs, but is not ready.
    #[error(
        "proxy {proxy} is not ready after {elapsed:.1?}: it {lacks}\n{}",
        Log { path: log, lines: log_tail }
    )]
    NotReady {
        /// The proxy's name.
        proxy: String,
        /// What it lacks.
        lacks: String,
        /// How long was waited.
        elapsed: Duration,
        /// Where its log was.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Vec<String>,
    },
    /// Its log cannot be read, or its process not be asked.
    #[error("cannot tell how far proxy {proxy} is (its log is {})", log.display())]
    Unknown {
        /// The proxy's name.
        proxy: String,
        /// Where its log is.
        log: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is down already.
    #[error("proxy {proxy} is not running: restart it first")]
    NotRunning {
        /// The proxy's name.
        proxy: String,
    },
    /// It does not go.
    #[error("proxy {proxy} (process {pid}) does not end")]
    Stays {
        /// The proxy's name.
        proxy: String,
        /// Its process.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// It passes on HTTP alone.
    #[error("proxy {proxy} passes on HTTP, and no gRPC: ask it by HTTP, under /v2 and /v3")]
    NoGrpc {
        /// The proxy's name.
        proxy: String,
    },
}

impl ProxyError {
    /// Where the log of the proxy is, if the error is about what it did.
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        match self {
            Self::Exited { log, .. } | Self::NotReady { log, .. } | Self::Unknown { log, .. } => {
                Some(log)
            }
            _ => None,
        }
    }

    /// Whether it found its port taken.
    pub(super) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Exited { log_tail, .. }
            if log_tail.iter().any(|line| line.contains("address already in use")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn texts() {
        insta::assert_snapshot!(
            ProxyError::Exited {
                proxy: "grpc-proxy-1".into(),
                status: ExitStatus::from_raw(1 << 8),
                elapsed: Duration::from_millis(34),
                command: "etcd grpc-proxy start".into(),
                log: "/run/proxies/grpc-proxy-1/etcd.log".into(),
                log_tail: vec!["cert has non empty Common Name (client)".into()],
            },
            @r"
        proxy grpc-proxy-1 ended by itself (exit status: 1) after 34.0ms
          command: etcd grpc-proxy start
          the end of its log /run/proxies/grpc-proxy-1/etcd.log:
            cert has non empty Common Name (client)
        "
        );
        insta::assert_snapshot!(
            ProxyError::NotReady {
                proxy: "gateway-1".into(),
                lacks: "does not serve".into(),
                elapsed: Duration::from_secs(60),
                log: "/run/proxies/gateway-1/etcd.log".into(),
                log_tail: vec![],
            },
            @r"
        proxy gateway-1 is not ready after 60.0s: it does not serve
          its log /run/proxies/gateway-1/etcd.log is empty
        "
        );
        insta::assert_snapshot!(
            ProxyError::NoGrpc { proxy: "v2-1".into() },
            @"proxy v2-1 passes on HTTP, and no gRPC: ask it by HTTP, under /v2 and /v3"
        );
    }
}
