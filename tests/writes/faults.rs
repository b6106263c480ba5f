//! Two loads at once, one plain and one guarded, while members are broken in every way that there is.

use tercet_client::Client;
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Faults, Result, Schedule};
use tercet_tests::{Load, LoadOptions, available, on_a_whole_fleet, say};

use crate::{client_of, fleet_of};

/// What a schedule of each kind of fault is; in each, somebody leads at any time or soon after.
const PROCESSES: &str = "seed 0, 3 members:
    kill the leader, for 300 ms, then quiet for 50 ms
    kill member 1, for 200 ms, then quiet for 50 ms
    kill member 2, for 200 ms, then quiet for 50 ms
    kill member 3, for 200 ms, then quiet for 50 ms
    pause the leader, for 1500 ms, then quiet for 50 ms
    stop the leader, for 200 ms, then quiet for 50 ms
    kill the leader, for 200 ms, then quiet for 50 ms";
const LINKS: &str = "seed 0, 3 members:
    isolate the leader, for 1500 ms, then quiet for 50 ms
    cut what the leader sends to follower 1, for 800 ms, then quiet for 50 ms
    cut what follower 2 sends to the leader, for 800 ms, then quiet for 50 ms
    cut the leader from follower 1, for 800 ms, then quiet for 50 ms
    isolate the leader, for 2500 ms, then quiet for 50 ms
    slow the link of the leader and follower 2 by 20 ms, for 200 ms, then quiet for 50 ms";
const DISKS: &str = "seed 0, 3 members:
    slow the disk of the leader by 50 ms, for 500 ms, then quiet for 50 ms
    fail the disk of the leader, for 500 ms, then quiet for 50 ms
    fail the disk of follower 1, for 300 ms, then quiet for 50 ms
    fill the disk of member 3, for 300 ms, then quiet for 50 ms";
const CERTIFICATES: &str = "seed 0, 3 members:
    restart the leader with a certificate on its client port that is a stranger's, for 400 ms, then quiet for 50 ms
    restart member 2 with a certificate on its client port that is expired, for 400 ms, then quiet for 50 ms
    restart the leader with a certificate on its peer port that is expired, for 400 ms, then quiet for 50 ms";

/// Plays it under both loads, and checks every write against the store. What is unknown at first is
/// counted in the guarded load's report, as what it was resolved to be.
pub(crate) async fn under_loads(cluster: &Cluster, schedule: &Schedule) -> Result<[usize; 3]> {
    let mut ends = cluster.endpoints();
    let client = client_of(cluster, ends.clone()).await?;
    ends.reverse();
    let other = client_of(cluster, ends).await?;
    // As patient as a client is by default: no fault lasts for so long.
    let reader = cluster.client().await?;
    let loads = async |client: &Client, guarded: bool, prefix: &str| {
        let options = LoadOptions::default().writers(2).prefix(prefix).reader(&reader);
        if guarded {
            Load::guarded(client, options).await
        } else {
            Load::start(client, options).await
        }
    };
    let plain = loads(&client, false, "plain/").await;
    let guarded = loads(&other, true, "guarded/").await;
    let rampage = schedule.run(cluster).await?;
    let (plain, guarded) = tokio::join!(
        async {
            plain.acknowledges(10).await;
            plain.stop().await
        },
        async {
            guarded.acknowledges(10).await;
            guarded.stop().await
        }
    );
    let resolved = guarded.resolved();
    let [applied, not_applied, undecidable] = resolved;
    say(&format!(
        "etcd {}, {} steps: plain: {plain}; guarded: {guarded}; of the unknown {applied} were \
         applied, {not_applied} not",
        cluster.binary().version(),
        rampage.deeds().len(),
    ));
    let client = cluster.client().await?;
    plain.verify(&client).await;
    guarded.verify(&client).await;
    assert_eq!((guarded.unknown(), undecidable), (0, 0), "{:?}", guarded.history().errors());
    for report in [plain, guarded] {
        assert!(report.unread().is_empty(), "reads were not asked again: {:?}", report.unread());
    }
    Ok(resolved)
}

async fn all_survive(etcd: &Binary, faults: Faults, schedule: &str) -> Result<[usize; 3]> {
    let schedule = schedule.parse().unwrap();
    let fleet = fleet_of(etcd).faults(faults);
    on_a_whole_fleet(fleet, async |cluster| under_loads(cluster, &schedule).await).await
}

#[tokio::test]
async fn no_write_is_lost_or_misreported_while_members_are_killed_and_paused() -> Result<()> {
    for etcd in available() {
        let [applied, not_applied, _] = all_survive(etcd, Faults::NONE, PROCESSES).await?;
        assert!(applied + not_applied > 0, "a leader dies with writes under way");
    }
    Ok(())
}

#[tokio::test]
async fn no_write_is_lost_or_misreported_while_links_are_cut() -> Result<()> {
    for etcd in available() {
        let [applied, not_applied, _] = all_survive(etcd, Faults::NONE.links(), LINKS).await?;
        assert!(applied + not_applied > 0, "an isolated leader answers nobody");
    }
    Ok(())
}

#[tokio::test]
async fn no_write_is_lost_or_misreported_while_disks_are_slow_or_fail() -> Result<()> {
    if let Err(unsupported) = Faults::NONE.disk().check_support() {
        say(&format!("left out: {unsupported}"));
        return Ok(());
    }
    for etcd in available() {
        all_survive(etcd, Faults::NONE.disk(), DISKS).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_write_is_lost_or_misreported_while_certificates_are_wrong() -> Result<()> {
    for etcd in available() {
        all_survive(etcd, Faults::NONE, CERTIFICATES).await?;
    }
    Ok(())
}
