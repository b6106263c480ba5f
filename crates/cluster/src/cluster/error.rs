//! What can go wrong with a running fleet.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::outcome::{Exit, GivenUp};
use crate::binary::UnsupportedVersion;
use crate::http::HttpError;
use crate::observe::Refusal;
use crate::plan::PlanError;
use crate::process::{PortError, Unsupported};

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
    /// It was to be made ready for faults that cannot be had here.
    #[error("the fleet cannot be made ready for such faults")]
    Unsupported(#[from] Unsupported),
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
    /// There is no network between its members whose links could be broken.
    #[error(
        "the network between the members cannot be made: are there free ports on 127.0.0.1, and open files to be had?"
    )]
    Links(#[source] io::Error),
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
    #[error("member {member} {exit}")]
    Exited {
        /// The member's name.
        member: String,
        /// How, and why.
        exit: Box<Exit>,
    },
    /// The members run, but some are not ready.
    #[error(
        "the fleet is not ready after {:.1?}: {}\n{given_up}",
        given_up.elapsed,
        waiting.join("; ")
    )]
    NotReady {
        /// What each member that is not ready lacks, beginning with its name.
        waiting: Vec<String>,
        /// Why, and after how long.
        given_up: Box<GivenUp>,
    },
    /// The fleet by which its members were to find each other did not start.
    #[error("the etcd by which the members are to find each other did not start")]
    Discovery(#[source] Box<Self>),
    /// A file by which members are to know a discovery cannot be read.
    #[error("the file {} of the discovery cannot be read", path.display())]
    DiscoveryFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The discovery could not be told how many members there are to be.
    #[error(
        "the etcd by which the members are to find each other cannot be told how many there are"
    )]
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
            Self::Exited { exit, .. } => Some(&exit.log),
            Self::NotReady { given_up, .. } => Some(&given_up.log),
            Self::Unknown { log, .. } => Some(log),
            Self::Discovery(error) => error.log(),
            _ => None,
        }
    }

    /// Why members refused to start or links did not come up, as far as their logs say it, the most
    /// telling first. Empty when the fleet failed for another reason.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Exited { exit, .. } => &exit.refusals,
            Self::NotReady { given_up, .. } => &given_up.refusals,
            Self::Discovery(error) => error.refusals(),
            _ => &[],
        }
    }

    /// Whether a member found its port taken.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Exited { exit, .. } if exit.is_port_taken())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::explain;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn given_up(refusals: Vec<Refusal>) -> Box<GivenUp> {
        let log = "/run/m1/etcd.log".into();
        Box::new(GivenUp { refusals, elapsed: Duration::from_secs(60), log, log_tail: vec![] })
    }

    #[test]
    fn texts() {
        insta::assert_snapshot!(
            StartError::Exited {
                member: "m2".into(),
                exit: Box::new(Exit {
                    refusals: explain(["flag provided but not defined: -ca-file"]),
                    status: ExitStatus::from_raw(1 << 8),
                    elapsed: Duration::from_millis(34),
                    command: "etcd --name=m2".into(),
                    log: "/run/m2/etcd.log".into(),
                    log_tail: vec!["one".into(), "two".into()],
                }),
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
                given_up: given_up([].into()),
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
                given_up: given_up(refusals.map(|refusal| refusal.of_member("m1")).collect()),
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
        let fix = "leave such tests out";
        insta::assert_snapshot!(
            StartError::from(Unsupported::new("disk", "this is a trial", fix)),
            @"the fleet cannot be made ready for such faults"
        );
        insta::assert_snapshot!(
            KillError::NotRunning { member: "m1".into() },
            @"member m1 is not running: restart it first"
        );
    }

    /// What is behind a discovery that did not start is told as its cause, and typed as if it were
    /// the fleet's own.
    #[test]
    fn texts_of_discovery() {
        let refusals = explain(["flag provided but not defined: -enable-v2"]);
        let exit = Box::new(Exit {
            refusals,
            status: ExitStatus::from_raw(2 << 8),
            elapsed: Duration::from_millis(34),
            command: "etcd --name=m1".into(),
            log: "/run/discovery/m1/etcd.log".into(),
            log_tail: vec![],
        });
        let error =
            StartError::Discovery(Box::new(StartError::Exited { member: "m1".into(), exit }));
        insta::assert_snapshot!(error, @"the etcd by which the members are to find each other did not start");
        insta::assert_snapshot!(
            std::error::Error::source(&error).unwrap(),
            @r"
        member m1 ended by itself (exit status: 2) after 34.0ms
          cause: this version of etcd has no flag --enable-v2
          fix: leave it out, or take another version (versions that have --enable-v2: until 3.5)
          rule: TLS031-unknown-setting (docs/doctor/TLS031-unknown-setting.md)
          command: etcd --name=m1
          its log /run/discovery/m1/etcd.log is empty
        "
        );
        assert_eq!(error.refusals().len(), 1);
        assert_eq!(error.log(), Some(Path::new("/run/discovery/m1/etcd.log")));

        let refused = HttpError::Refused {
            url: "http://127.0.0.1:2379/v2/keys/tercet/x/_config/size".into(),
            status: 404,
            body: "404 page not found".into(),
        };
        let error = StartError::DiscoverySize(refused);
        insta::assert_snapshot!(error, @"the etcd by which the members are to find each other cannot be told how many there are");
        insta::assert_snapshot!(
            std::error::Error::source(&error).unwrap(),
            @"http://127.0.0.1:2379/v2/keys/tercet/x/_config/size answers with HTTP status 404: 404 page not found"
        );
    }
}
