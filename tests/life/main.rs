//! What a fleet goes through in its life: members that come and go, restarts one after the other,
//! other versions.

use std::time::Duration;

use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Member, Result, Timing};

mod downgrade;
mod history;
mod interrupted;
mod learners;
mod load;
mod members;
mod page;
mod refused;
mod replace;
mod restart;
mod upgrade;

/// A fleet of this etcd whose elections are not brought about by a busy machine.
async fn fleet_of(etcd: &Binary, members: usize) -> Result<Cluster> {
    Cluster::builder().binary(etcd.path()).members(members).timing(Timing::Ci).start().await
}

/// The election that the leader of this member won.
async fn term(member: Member<'_>) -> Result<u64> {
    Ok(member.client().await?.status(member.client_url()).await?.raft_term())
}

/// What the fleet says of its members: name, peer URL, and whether it has a vote.
async fn listed(cluster: &Cluster) -> Result<Vec<(String, String, bool)>> {
    let list = cluster.client().await?.member_list().await?;
    let mut listed: Vec<_> = list
        .into_iter()
        .map(|member| {
            (member.name().to_owned(), member.peer_urls().join(","), !member.is_learner())
        })
        .collect();
    listed.sort();
    Ok(listed)
}

/// Says that the fleet agrees with what its owner thinks of it, and that every member with a vote
/// reads what was written.
async fn assert_whole(cluster: &Cluster) -> Result<()> {
    let mut ours: Vec<_> = cluster
        .members()
        .map(|member| {
            (member.name().to_owned(), member.peer_url().to_owned(), !member.is_learner())
        })
        .collect();
    ours.sort();
    assert_eq!(listed(cluster).await?, ours);
    cluster.wait_until_ready().await?;
    let value = cluster.members().count().to_string();
    cluster.client().await?.put("whole", value.clone()).await?;
    for member in cluster.members().filter(|member| !member.is_learner()) {
        let read = member.client().await?.get("whole").await?;
        assert_eq!(read.expect("it was put").value(), value.as_bytes(), "{}", member.name());
    }
    Ok(())
}

/// What an operation comes to within this time; nothing if it is dropped before its end.
async fn cut_off<T>(after_ms: u64, operation: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_millis(after_ms), operation).await.ok()
}
