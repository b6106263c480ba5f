//! Fleets to be rotated, and what is seen of them from outside.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::sync::Arc;
use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_cluster::binary::Binary;
use tercet_cluster::diagnose::probe::Probe;
use tercet_harness::{Cluster, Layout, Result, Security, Timing};
use tercet_pki::{Authority, Identity, IdentityFiles};
use tercet_tests::{Dial, Load, LoadOptions, LoadReport, say};

/// Three members that do not lose their leader because a machine is busy.
pub(crate) async fn fleet(etcd: &Binary, layout: Layout, security: Security) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
    builder.layout(layout).security(security).start().await
}

/// Which processes run, and how often each member was started.
pub(crate) fn processes(cluster: &Cluster) -> Vec<Option<u32>> {
    cluster.members().map(|member| member.pid()).collect()
}

/// How often each member has been started, by its log: a restart that fails is one as well.
pub(crate) fn starts(cluster: &Cluster) -> Vec<usize> {
    let count = |member: tercet_harness::Member<'_>| {
        let log = std::fs::read_to_string(member.log()).unwrap();
        log.lines().filter(|line| line.contains("starting an etcd server")).count()
    };
    cluster.members().map(count).collect()
}

/// A client with certificates in memory, over a connection of its own.
pub(crate) async fn client_of(cluster: &Cluster, trusted: &Authority, shown: &Identity) -> Client {
    let tls = Tls::mutual(trusted.certificate_pem(), shown.chain_pem(), shown.key_pem()).unwrap();
    let config = Config::new(cluster.endpoints()).tls(tls);
    Client::connect(config.request_timeout(Duration::from_secs(5))).await.unwrap()
}

/// What makes clients of these endpoints, each with the fleet's files as they are when it is made.
pub(crate) fn by_files(cluster: &Cluster, endpoints: Vec<String>) -> Dial {
    let files = cluster.files().clone();
    Arc::new(move || {
        let (ca, IdentityFiles { certificate, key, .. }) = (&files.ca, &files.client);
        // Who starts between a new key and its certificate tries again.
        let mut tries = (0..1000).map(|_| Tls::mutual_files(ca, certificate, key));
        let tls = tries.find_map(std::result::Result::ok).expect("a pair that fits");
        Config::new(endpoints.clone()).tls(tls)
    })
}

/// What each port of each member asks for and shows, as a stranger sees it.
pub(crate) struct Seen {
    /// The common names of the authorities in its memory.
    pub(crate) authorities: Vec<String>,
    /// Its certificate.
    pub(crate) leaf: Vec<u8>,
}

/// Looks at both ports of all members; of members that ask for no certificate, the names are none.
pub(crate) async fn look(cluster: &Cluster) -> Vec<Seen> {
    let mut seen = Vec::new();
    for member in cluster.members() {
        let client = Probe::client_port(member.client_url().parse().unwrap());
        let peer = Probe::peer_port(member.peer_url().parse().unwrap());
        for probe in [client, peer] {
            let answer = probe.ask().await;
            let Some(handshake) = answer.handshake else { continue };
            let names = handshake.asks_for.unwrap_or_default();
            seen.push(Seen {
                authorities: names.iter().map(|name| name.text.clone()).collect(),
                leaf: handshake.chain[0].clone(),
            });
        }
    }
    seen
}

/// How many elections there were so far: each begins another term.
pub(crate) async fn elections(cluster: &Cluster) -> Result<u64> {
    let leader = cluster.leader().await?;
    Ok(leader.client().await?.status(leader.client_url()).await?.raft_term())
}

/// For how long nothing was acknowledged while this did its work.
pub(crate) async fn pause_of(
    cluster: &Cluster,
    work: impl AsyncFnOnce() -> Result<()>,
) -> Result<Duration> {
    let client = cluster.client().await?;
    // Each time with keys of its own.
    let prefix = format!("pauses/{}/", client.put("pauses", "").await?.revision());
    let load = Load::start(&client, LoadOptions::default().prefix(prefix)).await;
    load.acknowledges(20).await;
    let from = load.elapsed();
    work().await?;
    load.acknowledges(20).await;
    let to = load.elapsed();
    let report = load.stop().await;
    report.verify(&client).await;
    Ok(report.longest_pause_in(from, to))
}

/// Checks a load's report against the fleet, and puts its figures on record.
pub(crate) async fn verify(what: &str, etcd: &Binary, report: &LoadReport, client: &Client) {
    say(&format!("{what}, etcd {}: {report}", etcd.version()));
    for (error, times) in report.history().errors() {
        say(&format!("  {times} times {error}"));
    }
    assert!(!was_cut_off(report), "{report}: {:?}", report.history().errors());
    report.verify(client).await;
}

/// Whether a writer was refused for its certificate, or refused a member for that's.
pub(crate) fn was_cut_off(report: &LoadReport) -> bool {
    report.history().errors().keys().any(|error| error.contains("certificate"))
}
