//! Hosts that do not reach each other any more, and do again.

use std::time::Instant;

use tercet_client::Config;
use tercet_harness::{Client, Cluster, Result};
use tercet_tests::available;

use crate::network::{Network, within};
use crate::{PATIENCE, start};

/// What a member says of itself, whomever it reaches.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    id: u64,
    leader: Option<u64>,
    term: u64,
}

async fn said(cluster: &Cluster, host: u8) -> Result<Said> {
    let member = cluster.member(usize::from(host) - 1);
    let status = member.client().await?.status(member.client_url()).await?;
    let (id, leader) = (status.member_id(), status.leader());
    Ok(Said { id, leader, term: status.raft_term() })
}

/// Waits until what these hosts say is so.
async fn wait_until(
    cluster: &Cluster,
    hosts: &[u8],
    what: &str,
    is_so: impl Fn(&[Said]) -> bool,
) -> Result<Vec<Said>> {
    let begin = Instant::now();
    loop {
        let mut all = Vec::new();
        for &host in hosts {
            all.push(said(cluster, host).await?);
        }
        if is_so(&all) {
            return Ok(all);
        }
        assert!(begin.elapsed() < PATIENCE, "{hosts:?} {what}: {all:?}");
    }
}

fn none_lead(all: &[Said]) -> bool {
    all.iter().all(|said| said.leader.is_none())
}

/// All follow one of them.
fn one_leads(all: &[Said]) -> bool {
    let leader = all[0].leader;
    leader.is_some()
        && all.iter().all(|said| said.leader == leader)
        && all.iter().any(|said| Some(said.id) == leader)
}

/// A client of one member, which does not wait for long.
async fn client(cluster: &Cluster, host: u8) -> Result<Client> {
    let url = cluster.member(usize::from(host) - 1).client_url();
    let identities = cluster.identities();
    let shown = identities.client();
    let authority = identities.authority().certificate_pem();
    let tls = tercet_client::Tls::mutual(authority, shown.chain_pem(), shown.key_pem())?;
    let limit = std::time::Duration::from_secs(3);
    Ok(Client::connect(Config::new([url]).tls(tls).request_timeout(limit)).await?)
}

/// Every member takes a write, and all have the same.
async fn goes_on(cluster: &Cluster, hosts: &[u8]) -> Result<()> {
    for &host in hosts {
        let member = cluster.member(usize::from(host) - 1);
        member.client().await?.put("from", member.name().to_owned()).await?;
    }
    let report = cluster.hash_kv().await?;
    assert!(report.agrees(), "{report}");
    Ok(())
}

/// The hosts of a fleet, the leader's first.
async fn from_the_leader(cluster: &Cluster) -> Result<Vec<u8>> {
    let leader = cluster.leader().await?.index();
    let members = cluster.members().len();
    Ok((0..members).map(|step| ((leader + step) % members) as u8 + 1).collect())
}

fn test(name: &str, hosts: u8, scene: impl AsyncFn(&Network, &Cluster, &[u8]) -> Result<()>) {
    within(&format!("partitions::{name}"), async |network: Network| {
        for etcd in available() {
            let members = (1..=hosts).map(|number| network.host(number));
            let cluster = start(etcd, members, PATIENCE).await?;
            let order = from_the_leader(&cluster).await?;
            wait_until(&cluster, &order, "follow one", one_leads).await?;
            scene(&network, &cluster, &order).await?;
            // Healed.
            wait_until(&cluster, &order, "follow one again", one_leads).await?;
            cluster.wait_until_ready().await?;
            goes_on(&cluster, &order).await?;
        }
        Ok(())
    });
}

#[test]
fn network_partition_5_members_leader_in_minority() {
    let name = "network_partition_5_members_leader_in_minority";
    test(name, 5, async |network, cluster, order| {
        let (minority, majority) = order.split_at(2);
        network.cut(minority, majority);
        wait_until(cluster, minority, "have lost their leader", none_lead).await?;
        // Somebody of the majority, and nobody whom they do not reach.
        wait_until(cluster, majority, "follow one of them", one_leads).await?;
        client(cluster, majority[0]).await?.put("hello", "majority").await?;
        client(cluster, minority[0]).await?.put("hello", "minority").await.unwrap_err();
        network.heal(minority, majority);
        wait_until(cluster, order, "follow one again", one_leads).await?;
        let hello = client(cluster, minority[0]).await?.get("hello").await?;
        assert_eq!(hello.expect("it was put").value(), b"majority");
        Ok(())
    });
}

#[test]
fn network_partition_5_members_leader_in_majority() {
    let name = "network_partition_5_members_leader_in_majority";
    test(name, 5, async |network, cluster, order| {
        let (majority, minority) = order.split_at(3);
        let before = said(cluster, majority[0]).await?;
        network.cut(majority, minority);
        wait_until(cluster, minority, "have lost their leader", none_lead).await?;
        let after = wait_until(cluster, majority, "follow one of them", one_leads).await?;
        assert_eq!(after[0], before, "the leader leads on");
        client(cluster, majority[1]).await?.put("hello", "majority").await?;
        client(cluster, minority[0]).await?.put("hello", "minority").await.unwrap_err();
        network.heal(majority, minority);
        Ok(())
    });
}

#[test]
fn network_partition_4_members() {
    test("network_partition_4_members", 4, async |network, cluster, order| {
        let (these, those) = order.split_at(2);
        network.cut(these, those);
        wait_until(cluster, order, "have all lost their leader", none_lead).await?;
        for half in [these, those] {
            client(cluster, half[0]).await?.put("hello", "half").await.unwrap_err();
        }
        network.heal(these, those);
        Ok(())
    });
}
