//! What can go wrong with a running fleet.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::binary::UnsupportedVersion;
use crate::http::HttpError;
use crate::observe::{Refusal, RefusalCause, readable};
use crate::plan::PlanError;
use crate::process::PortError;

/// How many lines of a member's log an error carries: as many as etcd prints when a flag is wrong.
pub(crate) const LOG_TAIL_LINES: usize = 30;

/// Why a fleet, or a member of it, did not come to be ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// What was asked for cannot be.
    #[error("the fleet cannot be planned")]
    Plan(#[from] PlanError),
    /// The program is of a version that Tercet cannot run.
    #[error("the fleet cannot be planned")]
    Version(#[from] UnsupportedVersion),
    /// No ports to listen on.
    #[error("the fleet has no ports")]
    Ports(#[from] PortError),
    /// A file or directory could not be made.
    #[error("cannot make {}: is there such a directory, writable, with room for 130 MB a member?", path.display())]
    Directory {
        /// What was to be made, or where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nobody to clean up should this process be killed.
    #[error("the fleet cannot be watched over: does /bin/sh run?")]
    Watchdog(#[source] io::Error),
    /// Its certificates could not be made.
    #[error("the fleet's certificates cannot be made")]
    Certificates(#[from] tercet_pki::FleetError),
    /// Its certificates could not be written.
    #[error("the fleet's certificates cannot be written")]
    Write(#[from] tercet_pki::WriteError),
    /// A client of it could not be made.
    #[error("no client of the fleet can be made")]
    Client(#[from] tercet_client::Error),
    /// The program could not be run at all.
    #[error("member {member} cannot be started: {} does not run", program.display())]
    Spawn {
        /// The member's name.
        member: String,
        /// What was to be run.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was to lead to a member's host did not become its etcd.
    #[error(
        "the process of member {member} is not etcd but {program}: the entrance of its host must end in exec"
    )]
    Entrance {
        /// The member's name.
        member: String,
        /// What runs in its stead.
        program: String,
    },
    /// A member's process ended by itself.
    #[error(
        "member {member} ended by itself ({status}) after {elapsed:.1?}\n{}  command: {command}\n{}",
        Reasons(refusals),
        Log { path: log, lines: log_tail }
    )]
    Exited {
        /// The member's name.
        member: String,
        /// Why, if its log says it.
        refusals: Box<[Refusal]>,
        /// How it ended.
        status: ExitStatus,
        /// How long after the wait for it had begun.
        elapsed: Duration,
        /// What it was called with, to be pasted into a shell.
        command: Box<str>,
        /// Where its log was.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Box<[String]>,
    },
    /// The members run, but some are not ready.
    #[error(
        "the fleet is not ready after {elapsed:.1?}: {}\n{}{}",
        waiting.join("; "),
        Reasons(refusals),
        Log { path: log, lines: log_tail }
    )]
    NotReady {
        /// What each member that is not ready lacks, beginning with its name.
        waiting: Vec<String>,
        /// Why, as far as the members' logs say it; the most telling first.
        refusals: Box<[Refusal]>,
        /// How long was waited.
        elapsed: Duration,
        /// Where the log of the first of them was.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Box<[String]>,
    },
    /// The fleet by which its members were to find each other did not start.
    #[error("the fleet's discovery did not start")]
    Discovery(#[source] Box<Self>),
    /// The discovery could not be told how many members there are to be.
    #[error("the fleet's discovery cannot be told how many members there are")]
    DiscoverySize(#[source] HttpError),
    /// The old process of a member that is to be started again does not go.
    #[error("the member cannot be started again")]
    Kill(#[from] KillError),
    /// It does not belong to the fleet any more.
    #[error("member {member} was removed, and its data with it: add another")]
    Removed {
        /// The member's name.
        member: String,
    },
    /// There is no member to wait for: all are down on purpose.
    #[error("no member is running: start one first")]
    NoneRunning,
    /// A member's log cannot be read, or its process not be asked, so there is no telling how far it
    /// is.
    #[error("cannot tell how far member {member} is (its log is {})", log.display())]
    Unknown {
        /// The member's name.
        member: String,
        /// Where its log is.
        log: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    /// Where the log of the member is that did not start, if one was the reason. It is there only
    /// if the fleet was to be kept ([`Spec::keep_failed`](crate::Spec::keep_failed)).
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        match self {
            Self::Exited { log, .. } | Self::NotReady { log, .. } | Self::Unknown { log, .. } => {
                Some(log)
            }
            _ => None,
        }
    }

    /// Why members refused to start or links did not come up, as far as their logs say it, the most
    /// telling first. Empty when the fleet failed for another reason.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Exited { refusals, .. } | Self::NotReady { refusals, .. } => refusals,
            Self::Discovery(error) => error.refusals(),
            _ => &[],
        }
    }

    /// Whether a member found its port taken.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Exited { refusals, .. }
            if refusals.iter().any(|refusal| matches!(refusal.cause, RefusalCause::AddressInUse { .. })))
    }
}

/// Why a member could not be taken down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KillError {
    /// It is down already.
    #[error("member {member} is not running: restart it first")]
    NotRunning {
        /// The member's name.
        member: String,
    },
    /// It does not go.
    #[error("member {member} (process {pid}) does not end")]
    Stays {
        /// The member's name.
        member: String,
        /// Its process.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}

/// Why no leader could be named.
#[derive(Debug, thiserror::Error)]
#[error("no leader after {elapsed:.1?}: {}", .said.join("; "))]
pub struct LeaderError {
    pub(crate) elapsed: Duration,
    /// What each member said last, beginning with its name.
    pub(crate) said: Vec<String>,
}

/// Why a member or a fleet is not ready, as a part of an error's text.
pub(crate) struct Reasons<'a>(pub(crate) &'a [Refusal]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// What more there is follows from these, mostly; the error has it.
        const SHOWN: usize = 3;
        for refusal in self.0.iter().take(SHOWN) {
            for line in refusal.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

/// The end of a log, as a part of an error's text.
pub(crate) struct Log<'a> {
    pub(crate) path: &'a Path,
    pub(crate) lines: &'a [String],
}

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "  its log {} is empty", self.path.display());
        }
        write!(f, "  the end of its log {}:", self.path.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n    {}", readable(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::explain;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn texts() {
        insta::assert_snapshot!(
            StartError::Exited {
                member: "m2".into(),
                refusals: explain(["flag provided but not defined: -ca-file"]).into(),
                status: ExitStatus::from_raw(1 << 8),
                elapsed: Duration::from_millis(34),
                command: "etcd --name=m2".into(),
                log: "/run/m2/etcd.log".into(),
                log_tail: ["one".into(), "two".into()].into(),
            },
            @r"
        member m2 ended by itself (exit status: 1) after 34.0ms
          cause: this version of etcd has no flag --ca-file
          fix: use --trusted-ca-file (versions that have --ca-file: until 3.3)
          rule: TLS031-unknown-setting (docs/doctor/TLS031-unknown-setting.md)
          command: etcd --name=m2
          the end of its log /run/m2/etcd.log:
            one
            two
        "
        );
        insta::assert_snapshot!(
            StartError::NotReady {
                waiting: vec!["m1: no link to m2".into(), "m2: does not serve clients".into()],
                refusals: [].into(),
                elapsed: Duration::from_secs(60),
                log: "/run/m1/etcd.log".into(),
                log_tail: [].into(),
            },
            @r"
        the fleet is not ready after 60.0s: m1: no link to m2; m2: does not serve clients
          its log /run/m1/etcd.log is empty
        "
        );
        let id = |number| {
            format!(
                r#"{{"level":"warn","msg":"prober detected unhealthy status","remote-peer-id":"{number}","error":"dial tcp: connection refused"}}"#
            )
        };
        let refusals = explain((2..7).map(id)).into_iter();
        insta::assert_snapshot!(
            StartError::NotReady {
                waiting: vec!["m1: no link to m2, m3, m4, m5, m6".into()],
                refusals: refusals.map(|refusal| refusal.of_member("m1")).collect(),
                elapsed: Duration::from_secs(60),
                log: "/run/m1/etcd.log".into(),
                log_tail: [].into(),
            },
            @r"
        the fleet is not ready after 60.0s: m1: no link to m2, m3, m4, m5, m6
          cause: m1, its link to 2: nobody answers: connection refused
          fix: start that member, and look at its URL, at routes and at firewalls between the two
          cause: m1, its link to 3: nobody answers: connection refused
          fix: start that member, and look at its URL, at routes and at firewalls between the two
          cause: m1, its link to 4: nobody answers: connection refused
          fix: start that member, and look at its URL, at routes and at firewalls between the two
          and 2 more
          its log /run/m1/etcd.log is empty
        "
        );
        insta::assert_snapshot!(
            KillError::NotRunning { member: "m1".into() },
            @"member m1 is not running: restart it first"
        );
    }
}
