//! What can go wrong with a proxy.

use std::io;
use std::path::{Path, PathBuf};

use crate::cluster::outcome::{Exit, GivenUp};
use crate::observe::Refusal;
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
    #[error("proxy {proxy} {exit}")]
    Exited {
        /// The proxy's name.
        proxy: String,
        /// How, and why.
        exit: Box<Exit>,
    },
    /// It runs, but is not ready.
    #[error("proxy {proxy} is not ready after {:.1?}: it {lacks}\n{given_up}", given_up.elapsed)]
    NotReady {
        /// The proxy's name.
        proxy: String,
        /// What it lacks.
        lacks: String,
        /// Why, and after how long.
        given_up: Box<GivenUp>,
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
            Self::Exited { exit, .. } => Some(&exit.log),
            Self::NotReady { given_up, .. } => Some(&given_up.log),
            Self::Unknown { log, .. } => Some(log),
            _ => None,
        }
    }

    /// Why it refused to start or does not become ready, as far as its log says it, the most telling
    /// first. Empty where it failed for another reason.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Exited { exit, .. } => &exit.refusals,
            Self::NotReady { given_up, .. } => &given_up.refusals,
            _ => &[],
        }
    }

    /// Whether it found its port taken.
    pub(super) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Exited { exit, .. } if exit.is_port_taken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::explain;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    fn ended(kind: &str, line: &str) -> ProxyError {
        ProxyError::Exited {
            proxy: format!("{kind}-1"),
            exit: Box::new(Exit {
                refusals: explain([line]),
                status: ExitStatus::from_raw(1 << 8),
                elapsed: Duration::from_millis(34),
                command: format!("etcd {kind} start"),
                log: format!("/run/proxies/{kind}-1/etcd.log").into(),
                log_tail: vec![line.into()],
            }),
        }
    }

    #[test]
    fn texts() {
        insta::assert_snapshot!(
            ended("grpc-proxy", "cert has non empty Common Name (client): /run/client.crt"),
            @r"
        proxy grpc-proxy-1 ended by itself (exit status: 1) after 34.0ms
          cause: the certificate that it shows to members has a common name, client
          fix: give it as --cert one without a common name, which would be a user, for all its clients
          command: etcd grpc-proxy start
          the end of its log /run/proxies/grpc-proxy-1/etcd.log:
            cert has non empty Common Name (client): /run/client.crt
        "
        );
        insta::assert_snapshot!(
            ended("grpc-proxy", "open /run/server.crt: no such file or directory"),
            @r"
        proxy grpc-proxy-1 ended by itself (exit status: 1) after 34.0ms
          cause: there is no file /run/server.crt
          fix: put the file there, or correct the path; a relative one begins where etcd was started
          rule: TLS033-file-missing (docs/doctor/TLS033-file-missing.md)
          command: etcd grpc-proxy start
          the end of its log /run/proxies/grpc-proxy-1/etcd.log:
            open /run/server.crt: no such file or directory
        "
        );
        insta::assert_snapshot!(
            ProxyError::NotReady {
                proxy: "gateway-1".into(),
                lacks: "has not said that it serves".into(),
                given_up: Box::new(GivenUp {
                    refusals: vec![],
                    elapsed: Duration::from_secs(60),
                    log: "/run/proxies/gateway-1/etcd.log".into(),
                    log_tail: vec![],
                }),
            },
            @r"
        proxy gateway-1 is not ready after 60.0s: it has not said that it serves
          its log /run/proxies/gateway-1/etcd.log is empty
        "
        );
        let proxy = || "v2-1".to_owned();
        let source = || io::Error::from(io::ErrorKind::PermissionDenied);
        let others = [
            ProxyError::Directory { path: "/run/proxies".into(), source: source() },
            ProxyError::Spawn { proxy: proxy(), program: "/bin/etcd".into(), source: source() },
            ProxyError::Unknown { proxy: proxy(), log: "/run/etcd.log".into(), source: source() },
            ProxyError::NotRunning { proxy: proxy() },
            ProxyError::Stays { proxy: proxy(), pid: 7, source: source() },
            ProxyError::NoGrpc { proxy: proxy() },
        ];
        let others = others.map(|error| error.to_string()).join("\n");
        insta::assert_snapshot!(others, @r"
        cannot make /run/proxies
        proxy v2-1 cannot be started: /bin/etcd does not run
        cannot tell how far proxy v2-1 is (its log is /run/etcd.log)
        proxy v2-1 is not running: restart it first
        proxy v2-1 (process 7) does not end
        proxy v2-1 passes on HTTP, and no gRPC: ask it by HTTP, under /v2 and /v3
        ");
    }

    #[test]
    fn a_port_that_is_taken_is_told_apart() {
        let taken = "listen tcp 127.0.0.1:2379: bind: address already in use";
        assert!(ended("gateway", taken).is_port_taken());
        let fatal = format!(r#"{{"level":"fatal","msg":"discovery failed","error":"{taken}"}}"#);
        assert!(ended("v2", &fatal).is_port_taken());
        // The controls.
        assert!(!ended("gateway", &taken.replace("already", "not")).is_port_taken());
        assert_eq!(ended("gateway", taken).refusals().len(), 1);
    }
}
