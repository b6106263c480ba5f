//! A rotation that is given up at every kind of moment, and goes on.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security};
use tercet_pki::read::{self, CertificateDetails};
use tercet_tests::{Load, LoadOptions, available, say};

use super::support::{client_of, fleet, look, processes, verify};

/// A moment at which a rotation is given up, as it is seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The file of authorities has so many, and members that have read it before still run.
    Authorities(usize),
    /// One more member has been asked to end, or has just been started. Who gives up then kills it,
    /// or leaves it starting.
    Restarting,
    /// The first certificate of a member is new.
    MemberRenewed,
    /// The certificate of the client is new.
    ClientRenewed,
    /// The first chain is one shorter.
    ChainShortened,
}

/// What a call began with.
struct Before {
    processes: Vec<Option<u32>>,
    stops: usize,
    authorities: usize,
    member: Vec<CertificateDetails>,
    client: Vec<CertificateDetails>,
}

impl Before {
    fn of(cluster: &Cluster) -> Self {
        let files = cluster.files();
        Self {
            processes: processes(cluster),
            stops: stops(cluster),
            authorities: certificates(&files.ca).len(),
            member: certificates(&files.members[0].server.certificate),
            client: certificates(&files.client.certificate),
        }
    }
}

/// How often members were asked to end.
fn stops(cluster: &Cluster) -> usize {
    let logs = cluster.members().map(|member| std::fs::read_to_string(member.log()).unwrap());
    logs.map(|log| log.matches("received signal; shutting down").count()).sum()
}

fn certificates(path: &Path) -> Vec<CertificateDetails> {
    read::certificates(&std::fs::read(path).unwrap()).unwrap()
}

impl Moment {
    fn has_come(self, cluster: &Cluster, before: &Before) -> bool {
        let now = Before::of(cluster);
        match self {
            Self::Authorities(count) => now.authorities == count && before.authorities != count,
            Self::Restarting => now.stops > before.stops || now.processes != before.processes,
            Self::MemberRenewed => now.member[0] != before.member[0],
            Self::ClientRenewed => now.client[0] != before.client[0],
            Self::ChainShortened => now.member.len() < before.member.len(),
        }
    }
}

/// Rotates until the moment has come, and gives up there. Whoever is done before is none to be
/// interrupted.
async fn interrupted(cluster: &Cluster, method: RotationMethod, moment: Moment) {
    let before = Before::of(cluster);
    let mut rotation = pin!(cluster.rotate_authority(method));
    poll_fn(|context| {
        if let Poll::Ready(done) = rotation.as_mut().poll(context) {
            panic!("the rotation has ended, and {moment:?} was not seen: {done:?}");
        }
        if moment.has_come(cluster, &before) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Every phase's files, and its restarts: at two of three members, since whoever has been restarted
/// is not restarted again.
const BUNDLE: [Moment; 8] = [
    Moment::Authorities(2),
    Moment::Restarting,
    Moment::Restarting,
    Moment::MemberRenewed,
    Moment::ClientRenewed,
    Moment::Authorities(1),
    Moment::Restarting,
    Moment::Restarting,
];

const CROSS_SIGNING: [Moment; 5] = [
    Moment::MemberRenewed,
    Moment::ClientRenewed,
    Moment::Restarting,
    Moment::Restarting,
    Moment::ChainShortened,
];

#[tokio::test]
async fn a_bundle_that_is_interrupted_everywhere_goes_on() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            everywhere(etcd, layout, RotationMethod::Bundle, &BUNDLE).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_cross_signing_that_is_interrupted_everywhere_goes_on() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            everywhere(etcd, layout, RotationMethod::CrossSigning, &CROSS_SIGNING).await?;
        }
    }
    Ok(())
}

async fn everywhere(
    etcd: &Binary,
    layout: Layout,
    method: RotationMethod,
    moments: &[Moment],
) -> Result<()> {
    let cluster = fleet(etcd, layout, Security::Mutual).await?;
    let client = cluster.client().await?;
    let old = cluster.identities().authority().clone();
    let load = Load::start(&client, LoadOptions::default()).await;
    let mut killed = 0;
    for moment in moments {
        interrupted(&cluster, method, *moment).await;
        let down = processes(&cluster).iter().filter(|pid| pid.is_none()).count();
        assert!(down <= usize::from(*moment == Moment::Restarting), "{moment:?}");
        killed += down;
        // Whatever is half done: old connections are served, and new ones are made.
        load.acknowledges(20).await;
        cluster.client().await?.put("interrupted", format!("{moment:?}")).await?;
        assert_eq!(cluster.identities().authority().certificate(), old.certificate());
        // Nothing else can be begun in the middle of it.
        let error = cluster.rotate_leaves().await.unwrap_err().to_string();
        assert!(error.starts_with("the authority is being changed"), "{error}");
    }
    cluster.rotate_authority(method).await?;
    load.acknowledges(20).await;
    let report = load.stop().await;
    is_rotated(&cluster, &old).await?;
    let times = moments.len();
    let what = format!("interrupted {times} times ({killed} in a stop), {method:?}, {layout:?}");
    verify(&what, etcd, &report, &client).await;
    Ok(())
}

/// Everything is of the new authority, and nothing of the way there is left.
async fn is_rotated(cluster: &Cluster, old: &tercet_pki::Authority) -> Result<()> {
    let new = cluster.identities().authority();
    assert_ne!(new.certificate(), old.certificate());
    for seen in look(cluster).await {
        assert_eq!(seen.authorities, [format!("CN={}", new.common_name())]);
    }
    assert_eq!(certificates(&cluster.files().ca).len(), 1);
    let members = cluster.files().members.iter();
    let mut paths: Vec<_> =
        members.flat_map(|files| [&files.server, &files.peer]).map(|f| &f.certificate).collect();
    paths.push(&cluster.files().client.certificate);
    for path in paths {
        assert_eq!(certificates(path).len(), 1, "{}", path.display());
    }
    client_of(cluster, new, cluster.identities().client()).await.get("hello").await?;
    cluster.rotate_leaves().await?;
    Ok(())
}

#[tokio::test]
async fn what_one_method_began_the_other_ends() -> Result<()> {
    let etcd = available().last().unwrap();
    let both = [RotationMethod::Bundle, RotationMethod::CrossSigning];
    for (first, second) in [(both[0], both[1]), (both[1], both[0])] {
        for phases in 1..=3 {
            let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
            let client = cluster.client().await?;
            let old = cluster.identities().authority().clone();
            let load = Load::start(&client, LoadOptions::default()).await;
            let mut done = Vec::new();
            for _ in 0..phases {
                done.extend(cluster.rotate_authority_phase(first).await?.phase);
            }
            cluster.rotate_authority(second).await?;
            load.acknowledges(20).await;
            let report = load.stop().await;
            is_rotated(&cluster, &old).await?;
            let done: Vec<_> = done.iter().map(|phase| phase.step.to_string()).collect();
            say(&format!("{first:?} ({}), then {second:?}", done.join(", ")));
            verify(&format!("{first:?}, then {second:?}"), etcd, &report, &client).await;
        }
    }
    Ok(())
}
