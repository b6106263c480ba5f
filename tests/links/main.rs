//! Links between members, and between clients and members, broken on purpose: what the fleet does
//! then, and that it heals.

use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Status, Tls};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Faults, Member, Result, Timing};

mod clients;
mod cuts;
mod kinds;
mod life;
mod page;
mod refused;
mod shapes;
mod slow;

/// How long what must happen may take; what it took is printed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fleet whose links can be broken, and whose elections are not brought about by a busy machine.
async fn fleet_of(etcd: &Binary, members: usize) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members).timing(Timing::Ci);
    builder.faults(Faults::NONE.links()).start().await
}

/// A client of this member that gives up soon.
fn impatient(member: Member<'_>) -> Config {
    let files = member.cluster().plan().files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key);
    let config = Config::new([member.client_url()]).tls(tls.expect("the fleet's own files"));
    config.request_timeout(Duration::from_secs(2)).dial_timeout(Duration::from_secs(1))
}

async fn impatient_client(member: Member<'_>) -> Result<Client> {
    Ok(Client::connect(impatient(member)).await?)
}

async fn status(member: Member<'_>) -> Result<Status> {
    Ok(member.client().await?.status(member.client_url()).await?)
}

/// Waits until what a member says of itself is as it should be, and returns how long that took.
async fn until(member: Member<'_>, what: &str, is_so: impl Fn(&Status) -> bool) -> Duration {
    let begin = Instant::now();
    loop {
        let said = status(member).await;
        if said.as_ref().is_ok_and(&is_so) {
            return begin.elapsed();
        }
        assert!(begin.elapsed() < PATIENCE, "{} does not say {what}: {said:?}", member.name());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The leader, one that follows it, and the third.
async fn roles(cluster: &Cluster) -> Result<(Member<'_>, Member<'_>, Member<'_>)> {
    let leader = cluster.leader().await?;
    let others = leader.others();
    Ok((leader, others[0], others[1]))
}

/// A write through this member alone: none where it was not acknowledged.
async fn put(member: Member<'_>, key: &str) -> Option<Duration> {
    let client = impatient_client(member).await.ok()?;
    let begin = Instant::now();
    client.put(key.to_owned(), member.name().to_owned()).await.ok().map(|_| begin.elapsed())
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}
