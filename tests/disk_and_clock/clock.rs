//! Wall clocks.

use std::time::{Duration, Instant};

use tercet_client::{Client, Put};
use tercet_cluster::binary::Feature;
use tercet_harness::{ClockFault, Cluster, Faults, Member, Result};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{command, eventually, say};

use super::support::{PATIENCE, etcds, fleet_of, followers, log, median, puts};

const CLOCK: Faults = Faults::NONE.clock();

const DAY: Duration = Duration::from_secs(86_400);

/// Where a clock is put, and what a certificate of five days is then.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shift {
    TenDaysAhead,
    TenDaysBehind,
}

impl Shift {
    const BOTH: [Self; 2] = [Self::TenDaysAhead, Self::TenDaysBehind];

    fn of(self, member: Member<'_>) -> Result<ClockFault> {
        Ok(match self {
            Self::TenDaysAhead => member.clock_forward(10 * DAY)?,
            Self::TenDaysBehind => member.clock_back(10 * DAY)?,
        })
    }

    fn of_all(self, cluster: &Cluster) -> Result<ClockFault> {
        Ok(match self {
            Self::TenDaysAhead => cluster.clocks_forward(10 * DAY)?,
            Self::TenDaysBehind => cluster.clocks_back(10 * DAY)?,
        })
    }

    /// What Go says of it (crypto/x509, `CertificateInvalidError`; it says the same of both ends).
    const fn words(self) -> &'static str {
        match self {
            Self::TenDaysAhead => " is after ",
            Self::TenDaysBehind => " is before ",
        }
    }
}

/// Gives the fleet certificates of five days, where it had some of a year. They are read at each
/// handshake.
fn with_short_certificates(cluster: &Cluster) -> Result<()> {
    let (identities, files) = (cluster.identities(), cluster.plan().certificates());
    for member in cluster.members() {
        let directory = files.join(member.name());
        let leaf = |leaf: Leaf| leaf.hosts(LOOPBACK_HOSTS).valid_for(5 * DAY);
        let peer = identities.issue(&leaf(Leaf::peer(member.name()))).unwrap();
        peer.replace(&directory, "peer").unwrap();
        let server = identities.issue(&leaf(Leaf::server(member.name()))).unwrap();
        server.replace(&directory, "server").unwrap();
    }
    let client = identities.issue(&Leaf::client("client").valid_for(5 * DAY)).unwrap();
    let file = &cluster.files().client.certificate;
    client.replace(file.parent().unwrap(), "client").unwrap();
    Ok(())
}

/// Whether somebody who comes now is let in.
async fn lets_in(member: Member<'_>) -> bool {
    let client = member.client().await.unwrap();
    let get = tokio::time::timeout(Duration::from_secs(10), client.get("some")).await;
    get.is_ok_and(|result| result.is_ok())
}

#[tokio::test]
async fn a_wrong_clock_makes_certificates_invalid_and_nothing_else() -> Result<()> {
    for etcd in etcds(CLOCK) {
        for shift in Shift::BOTH {
            wrong_clock(fleet_of(etcd, CLOCK).start().await?, shift).await?;
        }
    }
    Ok(())
}

async fn wrong_clock(cluster: Cluster, shift: Shift) -> Result<()> {
    let version = cluster.binary().version();
    with_short_certificates(&cluster)?;
    let [member, other] = followers(&cluster).await?;
    // They have come before.
    let (through, beside) = (member.client().await?, other.client().await?);
    let before = puts(&through, 30).await?;
    assert!(lets_in(member).await && lets_in(other).await, "the control");
    let term = beside.status(other.client_url()).await?.raft_term();
    let printed = log(member).len();

    let fault = shift.of(member)?;
    assert!(!lets_in(member).await, "{shift:?}");
    assert!(lets_in(other).await, "it is the clock of one");
    assert!(fault.hits() > 0);
    let said = log(member)[printed..].to_owned();
    let expected = "certificate has expired or is not yet valid";
    assert!(said.contains(expected) && said.contains(shift.words()), "{said}");
    // Who is in stays in, reads what is written, and writes what is read; nobody is voted out.
    let during = puts(&through, 30).await?;
    for (writer, reader) in [(&through, &beside), (&beside, &through)] {
        writer.put("hello", format!("{shift:?}")).await?;
        let found = reader.get("hello").await?.expect("it is there");
        assert_eq!(found.value(), format!("{shift:?}").as_bytes());
    }
    assert_eq!(beside.status(other.client_url()).await?.raft_term(), term);

    // A member that comes anew is not let in by it.
    let printed = log(member).len();
    other.kill()?;
    other.start()?;
    let refused = || {
        let said = log(member)[printed..].to_owned();
        said.contains("certificate has expired or is not yet valid")
    };
    assert!(eventually(PATIENCE, refused), "{}", log(member));
    assert!(lets_in(cluster.leader().await?).await);

    fault.heal();
    cluster.wait_until_ready().await?;
    for member in cluster.members() {
        assert!(lets_in(member).await, "healed");
        let client = member.client().await?;
        assert_eq!(
            client.get("hello").await?.expect("still there").value(),
            format!("{shift:?}").as_bytes()
        );
    }
    say(&format!(
        "etcd {version}, {shift:?}: median put through it {:.2?} before, {:.2?} while its clock is wrong",
        median(&before),
        median(&during)
    ));
    Ok(())
}

/// It is put there before the member begins, too.
#[tokio::test]
async fn a_member_that_is_started_with_a_wrong_clock_has_it() -> Result<()> {
    for etcd in etcds(CLOCK) {
        let cluster = fleet_of(etcd, CLOCK).start().await?;
        let member = cluster.member(2);
        let year = |member: Member<'_>| {
            let line = log(member)
                .lines()
                .rfind(|line| line.contains("starting an etcd server"))
                .map(str::to_owned);
            let time = line.and_then(|line| Some(line.split_once("\"ts\":\"")?.1[..4].to_owned()));
            time.expect("its log has times").parse::<u32>().unwrap()
        };
        let before = year(member);
        // The certificates end within the year.
        let fault = member.clock_forward(90 * DAY)?;
        let back = member.clock_back(90 * DAY)?;
        member.restart().await?;
        assert_eq!(year(member), before, "there and back is no change");
        drop(back);
        assert!(lets_in(member).await);
        drop(fault);
        let fault = cluster.clocks_forward(3 * 365 * DAY)?;
        member.kill()?;
        member.start()?;
        assert!(eventually(PATIENCE, || year(member) == before + 3), "{}", log(member));
        fault.heal();
        cluster.wait_until_ready().await?;
    }
    Ok(())
}

/// Leases go by a clock that nobody can put, but on 3.4: there they may end late, and never early.
#[tokio::test]
async fn leases_end_when_they_should_but_late_on_3_4() -> Result<()> {
    for etcd in etcds(CLOCK) {
        let Some(etcdctl) = etcd.etcdctl() else {
            say(&format!("etcd {} is without its etcdctl: left out", etcd.version()));
            continue;
        };
        let is_late = !etcd.release().has(Feature::LeasesIgnoreWallClock);
        let cluster = fleet_of(etcd, CLOCK).start().await?;
        let client = cluster.client().await?;
        client.put("some", "thing").await?;
        for shift in [None, Some(Shift::TenDaysAhead), Some(Shift::TenDaysBehind)] {
            let short = lease(&etcdctl, &cluster, 2);
            let long = lease(&etcdctl, &cluster, 600);
            let begin = Instant::now();
            keys(&client, [("short", short), ("long", long)]).await?;
            let mut fault = shift.map(|shift| shift.of_all(&cluster)).transpose()?;
            if is_late && shift == Some(Shift::TenDaysBehind) {
                // Ten days late, and so long after all others.
                while begin.elapsed() < Duration::from_secs(10) {
                    assert!(client.get("short").await?.is_some());
                }
                fault = None;
            }
            while client.get("short").await?.is_some() {
                assert!(begin.elapsed() < PATIENCE, "{shift:?}: it does not end");
            }
            let ended = begin.elapsed();
            assert!(ended >= Duration::from_secs(1), "{shift:?}: {ended:?}");
            assert!(client.get("long").await?.is_some(), "{shift:?}");
            say(&format!(
                "etcd {}, {shift:?}: a lease of 2 s ended after {ended:.2?}",
                etcd.version()
            ));
            drop(fault);
        }
    }
    Ok(())
}

async fn keys(client: &Client, pairs: [(&'static str, i64); 2]) -> Result<()> {
    for (key, lease) in pairs {
        client.put_with(Put::new(key, "there").lease(lease)).await?;
    }
    Ok(())
}

/// The number of a new lease.
fn lease(etcdctl: &std::path::Path, cluster: &Cluster, seconds: u32) -> i64 {
    let mut command = command(etcdctl);
    command.env_clear().envs(cluster.env()).env("ETCDCTL_API", "3");
    let output = command.args(["lease", "grant", &seconds.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let id = text.split_whitespace().nth(1).and_then(|id| i64::from_str_radix(id, 16).ok());
    id.unwrap_or_else(|| panic!("{output:?}"))
}
