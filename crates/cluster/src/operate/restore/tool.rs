//! The tool of etcd that makes a member's data from a snapshot.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Restore;
use super::error::{RestoreError, ToolFailure};
use crate::binary::tool::{Running, Tool, ToolError};
use crate::binary::{Binary, Feature};
use crate::plan::{MemberPlan, Plan};

/// How long it may take: it copies the snapshot, and reads it once. A terabyte is not etcd's.
const RESTORE_WITHIN: Duration = Duration::from_secs(600);

/// The program that restores, found.
#[derive(Debug)]
pub(super) struct RestoreTool(PathBuf);

impl RestoreTool {
    /// That of the same version as `binary`.
    pub(super) fn beside(binary: &Binary) -> Result<Self, RestoreError> {
        let by_etcdctl = || {
            let gone = binary.release().has(Feature::RestoreByEtcdutlOnly);
            if gone { None } else { binary.etcdctl() }
        };
        match binary.etcdutl().or_else(by_etcdctl) {
            Some(program) => Ok(Self(program)),
            None => Err(RestoreError::NoTool {
                etcd: binary.path().to_owned(),
                version: binary.version(),
            }),
        }
    }

    /// Begins to make the data of `member`.
    pub(super) fn start(
        &self,
        restore: &Restore,
        plan: &Plan,
        member: &MemberPlan,
    ) -> Result<Restoring, RestoreError> {
        let arguments = arguments(restore, plan, member);
        let words = std::iter::once(self.0.as_os_str()).chain(arguments.iter().map(|word| &**word));
        let command = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let tool = Tool::new(&self.0, RESTORE_WITHIN)
            // Whatever is set for an etcdctl is not meant for this one.
            .env_where(|_| false)
            .env("ETCDCTL_API", "3")
            .args(arguments);
        let tool = tool.start().map_err(|error| failed(member.name(), &command, error))?;
        Ok(Restoring { tool, member: member.name().to_owned(), command })
    }
}

/// A tool that is at it; killed when dropped.
#[derive(Debug)]
pub(super) struct Restoring {
    tool: Running,
    member: String,
    command: String,
}

impl Restoring {
    pub(super) async fn finish(self) -> Result<(), RestoreError> {
        let Self { tool, member, command } = self;
        let outcome = tool.finish().await.map_err(|error| failed(&member, &command, error))?;
        if outcome.status.success() {
            return Ok(());
        }
        let failure = ToolFailure::Failed { status: outcome.status, output: outcome.text };
        Err(RestoreError::Tool { member, command, source: failure })
    }
}

fn failed(member: &str, command: &str, error: ToolError) -> RestoreError {
    let source = ToolFailure::NotRun { source: Box::new(error) };
    RestoreError::Tool { member: member.to_owned(), command: command.to_owned(), source }
}

fn arguments(restore: &Restore, plan: &Plan, member: &MemberPlan) -> Vec<OsString> {
    let initial_cluster = plan
        .members()
        .iter()
        .map(|member| format!("{}={}", member.name(), member.peer_url()))
        .collect::<Vec<_>>()
        .join(",");
    let mut words: Vec<OsString> = vec!["snapshot".into(), "restore".into()];
    // One that begins with a dash would be a flag.
    words.push(Path::new(".").join(&restore.snapshot).into());
    let mut set = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        words.push(word);
    };
    set("name", &member.name());
    set("data-dir", &member.data_directory());
    set("initial-cluster", &initial_cluster);
    set("initial-cluster-token", &plan.token());
    set("initial-advertise-peer-urls", &member.peer_url());
    if let Some(by) = restore.bump_revision {
        set("bump-revision", &by.to_string());
        // Either is refused without the other.
        set("mark-compacted", &"true");
    }
    if !restore.checked {
        set("skip-hash-check", &"true");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Release;
    use crate::plan::{Address, Spec};

    fn words(restore: &Restore) -> String {
        let release = Release::of("3.6.14".parse().unwrap()).unwrap();
        let addresses = [Address::loopback(1, 2), Address::loopback(3, 4)];
        let spec = Spec::default().members(2);
        let plan = spec.plan(release, Path::new("/run/fleet"), &addresses).unwrap();
        let words = arguments(restore, &plan, &plan.members()[1]);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn words_of_a_restore() {
        insta::assert_snapshot!(words(&Restore::from("/tmp/backup.db")), @r"
        snapshot
        restore
        /tmp/backup.db
        --name=m2
        --data-dir=/run/fleet/m2/data
        --initial-cluster=m1=https://127.0.0.1:2,m2=https://127.0.0.1:4
        --initial-cluster-token=fleet
        --initial-advertise-peer-urls=https://127.0.0.1:4
        ");
        let restore = Restore::from("-backup.db").bump_revision(7).unchecked();
        let all = words(&restore);
        let (first, rest) = (all.lines().nth(2), all.lines().skip(8));
        assert_eq!(first, Some("./-backup.db"));
        assert_eq!(
            rest.collect::<Vec<_>>(),
            ["--bump-revision=7", "--mark-compacted=true", "--skip-hash-check=true"]
        );
        assert!(!words(&Restore::from("x").bump_revision(0)).contains("bump"));
    }
}
