//! A fleet on three hosts: three networks with an address, a name and certificates each.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod addresses;
mod network;
mod partitions;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use network::{Network, again, dns_name, within};
use tercet_cluster::binary::Binary;
use tercet_cluster::{OperateRefusal, StartError};
use tercet_harness::{Cluster, Layout, MemberHost, Result, Security, Timing};
use tercet_pki::doctor::Rule;
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{available, command_lines_naming, eventually, is_running};

async fn start(
    etcd: &Binary,
    hosts: impl IntoIterator<Item = MemberHost>,
    ready_within: Duration,
) -> Result<Cluster> {
    let builder = Cluster::builder().hosts(hosts).timing(Timing::Ci).ready_within(ready_within);
    builder.binary(etcd.path()).start().await
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes and reads, loses its leader, and has it back.
async fn lives(cluster: &Cluster) -> Result<()> {
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    let down = cluster.leader().await?.kill()?;
    let leader = cluster.leader().await?;
    assert_ne!(leader.index(), down.member().index());
    assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
    down.restart().await?;
    assert_eq!(client.member_list().await?.members().len(), 3);
    Ok(())
}

#[test]
fn three_hosts_are_one_fleet() {
    within("three_hosts_are_one_fleet", async |network: Network| {
        for etcd in available() {
            let cluster = start(etcd, network.hosts(), PATIENCE).await?;
            let urls =
                ["https://10.77.1.10:2379", "https://10.77.2.10:2379", "https://10.77.3.10:2379"];
            assert_eq!(cluster.endpoints(), urls);
            let names: Vec<_> = cluster.members().map(|member| member.name()).collect();
            assert_eq!(names, ["infra1", "infra2", "infra3"]);

            // Each in a network of its own, and none in ours, where nothing listens.
            let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
            let pids = cluster.members().map(|member| member.pid().unwrap().to_string());
            let networks: HashSet<PathBuf> =
                pids.chain(["self".to_owned()]).map(|pid| network(&pid).unwrap()).collect();
            assert_eq!(networks.len(), 4);
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 2379));
            assert!(TcpStream::connect_timeout(&here, Duration::from_secs(1)).is_err());
            lives(&cluster).await?;
        }
        Ok(())
    });
}

#[test]
fn hosts_find_each_other_by_name() {
    within("hosts_find_each_other_by_name", async |network: Network| {
        let hosts = || (1..=3).map(|number| network.host(number).advertised_as(dns_name(number)));
        for etcd in available() {
            let cluster = start(etcd, hosts(), PATIENCE).await?;
            assert_eq!(cluster.member(1).peer_url(), "https://etcd-2.example.com:2380");
            let client = cluster.client().await?;
            let mut known: Vec<_> = client.member_list().await?.into_members();
            known.sort_by(|a, b| a.name().cmp(b.name()));
            assert_eq!(known[2].client_urls(), ["https://etcd-3.example.com:2379"]);
            lives(&cluster).await?;
        }
        Ok(())
    });
}

/// One certificate for all of them, which names all of them; and none at all.
#[test]
fn hosts_need_not_have_certificates_each() {
    within("hosts_need_not_have_certificates_each", async |network: Network| {
        for etcd in available() {
            let builder =
                || Cluster::builder().hosts(network.hosts()).binary(etcd.path()).timing(Timing::Ci);
            lives(&builder().layout(Layout::Shared).start().await?).await?;
            lives(&builder().security(Security::Plaintext).start().await?).await?;
        }
        Ok(())
    });
}

/// A member is known by the address that it comes from: with a certificate that does not name it,
/// nobody takes it for one, and the error says so.
#[test]
fn a_certificate_that_lacks_its_hosts_address_is_refused() {
    within("a_certificate_that_lacks_its_hosts_address_is_refused", async |network: Network| {
        // No address but loopback's; and the first host's.
        let others: [&[&str]; 2] = [&[], &["10.77.1.10", "etcd-1.example.com"]];
        let etcds = [&available()[0], available().last().unwrap()];
        for (etcd, others) in etcds.into_iter().zip(others) {
            let cluster = start(etcd, network.hosts(), Duration::from_secs(20)).await?;
            let member = cluster.member(1);
            let show = |hosts: &[&str]| {
                let leaf = Leaf::peer("infra2").hosts(LOOPBACK_HOSTS).hosts(hosts.iter().copied());
                let identity = cluster.identities().issue(&leaf).unwrap();
                let directory = member.plan().files().peer.certificate.parent().unwrap();
                identity.replace(directory, "peer").unwrap();
            };
            // The control: one that names it, and is not the one that it began with.
            show(&["10.77.2.10"]);
            member.restart().await?;

            show(others);
            let error = member.restart().await.unwrap_err();
            assert!(matches!(error, StartError::NotReady { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("infra2"), "{text}");
            let cause = "the certificate does not name the address 10.77.2.10 that dials";
            assert!(text.contains(cause), "{text}");
            // Two of three go on.
            cluster.member(0).client().await?.put("hello", "world").await?;

            show(&["10.77.2.10"]);
            member.restart().await?;
            lives(&cluster).await?;
        }
        Ok(())
    });
}

/// From another host than its own, a member's certificate is refused for that: nothing is made of it.
/// What is wrong with one is found all the same.
#[test]
fn a_fleet_on_hosts_is_diagnosed() {
    within("a_fleet_on_hosts_is_diagnosed", async |network: Network| {
        for etcd in available() {
            let cluster = start(etcd, network.hosts(), PATIENCE).await?;
            let diagnosis = cluster.diagnose().await;
            assert!(diagnosis.is_sound(), "{}:\n{diagnosis}", etcd.version());
            let unseen = diagnosis.unseen.iter().map(|unseen| unseen.what.as_str());
            assert_eq!(unseen.clone().count(), 6, "each directed link: {diagnosis}");
            assert!(unseen.into_iter().any(|what| what == "whether infra1 lets infra2 in"));

            let leaf = Leaf::peer("infra2").hosts(LOOPBACK_HOSTS);
            let identity = cluster.identities().issue(&leaf).unwrap();
            let directory = cluster.plan().certificates().join("infra2");
            identity.replace(directory, "peer").unwrap();
            let diagnosis = cluster.diagnose().await;
            let mut rules: Vec<_> = diagnosis.findings.iter().map(|found| found.rule).collect();
            rules.dedup();
            assert_eq!(rules, [Rule::HostNotNamed, Rule::PeerAddressNotNamed], "{diagnosis}");
        }
        Ok(())
    });
}

#[test]
fn members_come_and_go_on_hosts() {
    within("members_come_and_go_on_hosts", async |network: Network| {
        for etcd in available() {
            let cluster = start(etcd, network.hosts(), PATIENCE).await?;
            let client = cluster.client().await?;
            client.put("hello", "world").await?;
            // What a fleet on loopback would do, and what cannot be.
            let refused = [
                cluster.add_member().await.unwrap_err(),
                cluster.member(0).update_peer_url().await.unwrap_err(),
                cluster.add_member_on(network.host(1)).await.unwrap_err(),
            ];
            let refused = refused.map(|error| error.refusal().expect("a refusal").clone());
            let named = |member: &str| OperateRefusal::NameTaken { member: member.to_owned() };
            let port = OperateRefusal::PortOfHost { member: "infra1".to_owned() };
            assert_eq!(refused, [OperateRefusal::NoHost, port, named("infra1")]);
            let beside = MemberHost::new("beside", network.host(1).ip());
            let error = cluster.add_member_on(beside).await.unwrap_err();
            assert!(chain(&error).contains("infra1 has it already"), "{}", chain(&error));

            let fourth = cluster.add_member_on(network.host(4)).await?;
            assert_eq!((fourth.name(), fourth.client_url()), ("infra4", "https://10.77.4.10:2379"));
            cluster.member(1).kill()?;
            let second = cluster.member(1).replace().await?;
            assert_eq!((second.name(), second.client_url()), ("m5", "https://10.77.2.10:2379"));
            fourth.remove().await?;
            cluster.leader().await?.kill()?.restart().await?;
            assert_eq!(client.get("hello").await?.expect("there").value(), b"world");
            let members = client.member_list().await?.into_members();
            let mut names: Vec<_> = members.iter().map(|member| member.name()).collect();
            names.sort_unstable();
            assert_eq!(names, ["infra1", "infra3", "m5"]);
        }
        // Nor does a fleet on loopback go to a host.
        let here = Cluster::builder().members(1).start().await?;
        let error = here.add_member_on(network.host(4)).await.unwrap_err();
        assert_eq!(error.refusal(), Some(&OperateRefusal::HostsUnreached));
        Ok(())
    });
}

/// An entrance that starts etcd as a child of its own is found out: who kills it would not kill etcd.
#[test]
fn an_entrance_must_end_in_exec() {
    within("an_entrance_must_end_in_exec", async |network: Network| {
        let etcd = &available()[0];
        let inner = network.host(1);
        let forking = |number| {
            let host = network.host(number);
            let words = network.entrance(number);
            let script = format!("{} \"$@\"; true", words.join(" "));
            if number == 2 { host.entrance(["sh", "-c", &script, "sh"]) } else { host }
        };
        let directory = tempfile::tempdir().unwrap();
        let started = Cluster::builder().hosts((1..=3).map(forking)).timing(Timing::Ci);
        let started = started.binary(etcd.path()).directory(directory.path()).start().await;
        let text = chain(&started.unwrap_err());
        // Not even the stray stays. Without its data it would end by itself, after half a minute.
        let gone = || command_lines_naming(directory.path()).is_empty();
        let limit = Duration::from_secs(15);
        assert!(eventually(limit, gone), "{:?}", command_lines_naming(directory.path()));
        assert!(text.contains("the process of member infra2 is not etcd but /"), "{text}");
        let nowhere = [inner.entrance(["/nonexistent/entrance"])];
        let error = start(etcd, nowhere, PATIENCE).await.unwrap_err();
        let text = chain(&error);
        assert!(text.contains("/nonexistent/entrance does not run"), "{text}");
        Ok(())
    });
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// Held until it is killed, by the test below.
#[test]
fn held() {
    if std::env::var_os("TERCET_TEST_HOLD").is_none() {
        return;
    }
    within("held", async |network: Network| {
        let cluster = start(&available()[0], network.hosts(), PATIENCE).await?;
        let mut pids = network.pids();
        pids.extend(cluster.members().filter_map(|member| member.pid()));
        println!("{}", serde_json::json!({ "pids": pids, "directory": cluster.directory() }));
        std::future::pending().await
    });
}

/// Whatever ends the test, nothing of the network stays, nor of the fleet.
#[test]
fn a_test_that_is_killed_leaves_no_network() {
    let Some(mut held) = again("held") else {
        tercet_tests::say("no network namespaces can be made here: nothing could be left");
        return;
    };
    let held = held.env("TERCET_TEST_HOLD", "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut held = held.spawn().unwrap();
    let lines = BufReader::new(held.stdout.take().unwrap()).lines();
    let said = lines.map_while(std::io::Result::ok).find(|line| line.starts_with('{'));
    let said: serde_json::Value = serde_json::from_str(&said.expect("a fleet")).unwrap();
    let pids: Vec<u32> = serde_json::from_value(said["pids"].clone()).unwrap();
    let directory: PathBuf = serde_json::from_value(said["directory"].clone()).unwrap();
    // The control.
    assert_eq!(pids.len(), 8);
    assert!(pids.iter().copied().all(is_running) && directory.exists());
    held.kill().unwrap();
    held.wait().unwrap();
    assert!(
        eventually(PATIENCE, || !pids.iter().copied().any(is_running) && !directory.exists()),
        "{pids:?} {}",
        directory.display()
    );
}
