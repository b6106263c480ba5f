//! Why there is no fleet from a snapshot.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::binary::Version;
use crate::cluster::StartError;
use crate::observe::RefusalCause;

/// How many lines of what a tool printed an error's text has.
const OUTPUT_LINES: usize = 10;

/// Why there is no fleet from a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot is damaged, or has no digest.
    #[error("the snapshot is damaged, or is none: use another")]
    Damaged {
        /// What is wrong with it, and in which file.
        source: tercet_client::Error,
    },
    /// The snapshot cannot be read.
    #[error("the snapshot cannot be read")]
    Unreadable {
        /// What the system said, of which file.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What restores a snapshot is not there.
    #[error(
        "nothing beside {} can restore a snapshot: put the {} of {version} there, from its release archive (`cargo xtask etcd fetch {version}` brings it along)",
        etcd.display(),
        if version.minor() >= 6 { "etcdutl" } else { "etcdutl or etcdctl" }
    )]
    NoTool {
        /// The etcd beside which it should be.
        etcd: PathBuf,
        /// Its version.
        version: Version,
    },
    /// The revision cannot be bumped by that version's tool.
    #[error(
        "the tools of etcd {version} cannot bump the revision: those from 3.4.27 and 3.5.10 on can"
    )]
    NoBump {
        /// The version that was to restore.
        version: Version,
    },
    /// The tool failed for one of the members.
    #[error(
        "the data of member {member} could not be made from the snapshot\n  command: {command}"
    )]
    Tool {
        /// The member's name.
        member: String,
        /// What was run, to be pasted into a shell.
        command: String,
        /// What came of it.
        source: ToolFailure,
    },
    /// The snapshot is of a newer etcd, which this one does not read.
    #[error(
        "the snapshot is of etcd {snapshot}, and etcd {version} reads none that is newer: restore it with {snapshot} or later, and downgrade that"
    )]
    TooNew {
        /// The version that the snapshot's store is written for.
        snapshot: String,
        /// The version that was to run it.
        version: Version,
        /// How the member ended that said so.
        source: Box<StartError>,
    },
    /// The fleet did not start.
    #[error("the fleet did not start from the snapshot")]
    Start(#[from] StartError),
}

/// What came of a tool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolFailure {
    /// It did not run, or not to its end.
    #[error("the tool did not run to its end")]
    NotRun {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It failed.
    #[error("the tool failed ({status}) and said at last:\n{}", last_lines(output))]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// All that it printed.
        output: String,
    },
}

impl RestoreError {
    /// Where the log of the member is that did not start, if one was the reason; see
    /// [`StartError::log`].
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        match self {
            Self::Start(source) => source.log(),
            Self::TooNew { source, .. } => source.log(),
            _ => None,
        }
    }

    /// Of members that had their data.
    pub(super) fn of_start(source: StartError, version: Version) -> Self {
        let refused = source.refusals().iter().find_map(|refusal| match &refusal.cause {
            // Of a store; of a cluster it says its own version too.
            RefusalCause::VersionTooLow { server, cluster } if server.is_empty() => {
                Some(cluster.clone())
            }
            _ => None,
        });
        match refused {
            Some(snapshot) => Self::TooNew { snapshot, version, source: Box::new(source) },
            None => Self::Start(source),
        }
    }

    /// As [`StartError::is_port_taken`].
    pub(super) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Start(error) if error.is_port_taken())
    }
}

fn last_lines(output: &str) -> String {
    let lines: Vec<_> = output.trim().lines().collect();
    let last = &lines[lines.len().saturating_sub(OUTPUT_LINES)..];
    last.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::Duration;

    use super::*;
    use crate::cluster::Exit;

    const OLD: Version = Version::new(3, 6, 14);

    /// What 3.6.14 prints of a store of 3.7, cut short.
    const REFUSAL: &str = r#"{"level":"fatal","msg":"discovery failed","error":"version \"3.7.0\" is not supported"}"#;

    fn exited(line: &str) -> StartError {
        StartError::Exited {
            member: "m1".into(),
            exit: Box::new(Exit {
                refusals: crate::observe::explain([line]),
                status: ExitStatus::from_raw(1 << 8),
                elapsed: Duration::from_millis(34),
                command: "etcd --name=m1".into(),
                log: "/run/m1/etcd.log".into(),
                log_tail: vec![line.into()],
            }),
        }
    }

    #[test]
    fn a_snapshot_that_is_too_new_is_told_apart() {
        let error = RestoreError::of_start(exited(REFUSAL), OLD);
        insta::assert_snapshot!(error, @"the snapshot is of etcd 3.7.0, and etcd 3.6.14 reads none that is newer: restore it with 3.7.0 or later, and downgrade that");
        let error = RestoreError::of_start(exited("something else"), OLD);
        insta::assert_snapshot!(error, @"the fleet did not start from the snapshot");
    }

    #[test]
    fn texts() {
        let etcd: PathBuf = "/usr/bin/etcd".into();
        insta::assert_snapshot!(
            RestoreError::NoTool { etcd: etcd.clone(), version: OLD },
            @"nothing beside /usr/bin/etcd can restore a snapshot: put the etcdutl of 3.6.14 there, from its release archive (`cargo xtask etcd fetch 3.6.14` brings it along)"
        );
        insta::assert_snapshot!(
            RestoreError::NoTool { etcd, version: Version::new(3, 4, 23) },
            @"nothing beside /usr/bin/etcd can restore a snapshot: put the etcdutl or etcdctl of 3.4.23 there, from its release archive (`cargo xtask etcd fetch 3.4.23` brings it along)"
        );
        insta::assert_snapshot!(
            RestoreError::NoBump { version: Version::new(3, 5, 1) },
            @"the tools of etcd 3.5.1 cannot bump the revision: those from 3.4.27 and 3.5.10 on can"
        );
        let output = (1..=12).map(|number| format!("line {number}\n")).collect();
        insta::assert_snapshot!(
            ToolFailure::Failed { status: ExitStatus::from_raw(1 << 8), output },
            @r"
        the tool failed (exit status: 1) and said at last:
            line 3
            line 4
            line 5
            line 6
            line 7
            line 8
            line 9
            line 10
            line 11
            line 12
        "
        );
    }
}
