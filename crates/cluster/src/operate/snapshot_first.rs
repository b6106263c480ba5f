//! A member that writes a snapshot to its disk, whether or not it is time for it.
//!
//! This is raft's snapshot, where a member begins to read its log when it starts, and not the one
//! that clients can ask for.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::error::{Cause, Step};
use crate::binary::Binary;
use crate::cluster::{Member, StartError};
use crate::plan::MemberPlan;

/// After how many entries of its log a member writes a snapshot.
const SNAPSHOT_COUNT: &str = "snapshot-count";

/// How long after a look at the directory the next one follows.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Restarts the member so that it writes a snapshot after each entry of its log, and waits until it
/// has written one that has all that it knew before. From its next start on it is what it was.
pub(super) async fn write_snapshot(member: Member<'_>) -> Result<(), (Step, Cause)> {
    let cell = member.cluster().cell(member.index());
    let often = member.plan().spec().clone().flag(SNAPSHOT_COUNT, "1");
    let often = member.cluster().plan.member(often);
    let often = often.map_err(|error| (Step::Plan, StartError::from(error).into()))?;
    let known = entries(member).await.map_err(|cause| (Step::WriteSnapshot, cause))?;
    member.stop().await.map_err(|error| (Step::Stop, error.into()))?;
    let _before = Before { member, plan: member.plan().clone(), etcd: member.binary().clone() };
    cell.install(often, member.binary().clone());
    member.restart().await.map_err(|error| (Step::Ready, error.into()))?;
    wait_for_snapshot(member, known).await.map_err(|cause| (Step::WriteSnapshot, cause))
}

/// What a member was, and is again from its next start on when this is dropped.
struct Before<'a> {
    member: Member<'a>,
    plan: MemberPlan,
    etcd: Binary,
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        let cell = self.member.cluster().cell(self.member.index());
        cell.install(self.plan.clone(), self.etcd.clone());
    }
}

/// How far the member's log is.
async fn entries(member: Member<'_>) -> Result<u64, Cause> {
    let client = member.direct_client().await?;
    Ok(client.status(member.direct_client_url()).await?.raft_index())
}

async fn wait_for_snapshot(member: Member<'_>, known: u64) -> Result<(), Cause> {
    let begin = Instant::now();
    let directory = member.data_directory().join("member").join("snap");
    while newest(&directory).is_none_or(|index| index < known) {
        let elapsed = begin.elapsed();
        if elapsed >= member.cluster().ready_within {
            return Err(Cause::NotSeen { elapsed });
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Up to which entry the newest snapshot goes: they are called `TERM-INDEX.snap`, in hexadecimal
/// (`server/etcdserver/api/snap/snapshotter.go`, `save`).
fn newest(directory: &Path) -> Option<u64> {
    let files = std::fs::read_dir(directory).ok()?.flatten();
    files
        .filter_map(|file| {
            let name = file.file_name();
            let (_, index) = name.to_str()?.strip_suffix(".snap")?.split_once('-')?;
            u64::from_str_radix(index, 16).ok()
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_snapshot_is_known_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(newest(directory.path()), None);
        for name in [
            "0000000000000003-000000000000000a.snap",
            "0000000000000002-00000000000000ff.snap",
            "0000000000000004-0000000000000fff.snap.db",
            "db",
        ] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(newest(directory.path()), Some(0xff));
        assert_eq!(newest(&directory.path().join("none")), None);
    }
}
