//! Everything is told once, in order and whole, while the fleet is broken in every way.

use std::time::{Duration, Instant};

use tercet_client::{Client, Watch, Watcher};
use tercet_harness::{Cluster, End, LinkPolicy, Member, Result};
use tercet_tests::{available, on_a_whole_fleet, say};
use tokio::task::JoinHandle;

use crate::checker::{Change, Told, changes, check, check_complete, check_order, controls};
use crate::scribes::{PREFIX, Scribes, check_acknowledged};
use crate::support::{PATIENCE, fleet_of, impatient, next, put};

/// How many changes are watched: in `TERCET_WATCH_EVENTS` as many as wanted.
fn events() -> usize {
    let wanted = std::env::var("TERCET_WATCH_EVENTS").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(4_000)
}

/// What is put when all is over, so that every watch knows it.
const END: &str = "w/1/end";

/// Reads a watch until the end is told.
fn listen(mut watcher: Watcher, pace: Option<Duration>) -> JoinHandle<Told> {
    tokio::spawn(async move {
        let mut told = Told::new();
        loop {
            let mut response = next_within(&mut watcher).await;
            let end = response.iter().position(|change| change.key == END);
            // What is told at once may go on after it.
            response.truncate(end.map_or(usize::MAX, |end| end + 1));
            told.push(response);
            if end.is_some() {
                return told;
            }
            if let Some(pace) = pace {
                tokio::time::sleep(pace).await;
            }
        }
    })
}

/// The writers have pauses of their own while the fleet is broken.
async fn next_within(watcher: &mut Watcher) -> Vec<Change> {
    let next = tokio::time::timeout(PATIENCE, watcher.next()).await;
    changes(next.expect("in time").expect("it goes on").expect("no error"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_once_in_order_and_whole_whatever_breaks() -> Result<()> {
    for etcd in available() {
        on_a_whole_fleet(fleet_of(etcd, 3), told_exactly).await?;
    }
    Ok(())
}

async fn told_exactly(cluster: &Cluster) -> Result<()> {
    let begin = Instant::now();
    let client = cluster.client().await?;
    let all = || Watch::prefix(PREFIX).prev_kv();
    let watcher = client.watch(all()).await?;
    let first = watcher.created_revision() + 1;
    let other = cluster.client().await?;
    let pace = Some(Duration::from_millis(2));
    let small = client.watch(all().max_buffered_events(50)).await?;
    let one = client.watch(Watch::prefix("w/1/")).await?;
    let puts = other.watch(Watch::prefix(PREFIX).no_deletes()).await?;
    let watcher = listen(watcher, None);
    let one = listen(one, None);
    let puts = listen(puts, None);
    let small = listen(small, pace);

    let mut writers = Vec::new();
    for _ in 0..4 {
        writers.push(impatient(cluster).await?);
    }
    let scribes = Scribes::start(writers, 12);
    let breaks = break_everything(cluster, &client, &scribes).await?;
    let acknowledged = scribes.stop().await;
    cluster.wait_until_ready().await?;
    let end = put(&client, END, "").await;

    // What happened is asked of one that never loses its stream.
    let mut again =
        cluster.client().await?.watch(Watch::prefix(PREFIX).start_revision(first)).await?;
    let mut happened: Vec<Change> = Vec::new();
    while happened.last().is_none_or(|change| change.revision < end) {
        happened.extend(changes(next(&mut again).await));
    }
    happened.retain(|change| change.revision <= end);
    check_acknowledged(&acknowledged, &happened);
    for (who, told) in [("all", watcher), ("slow", small)] {
        let told = told.await.unwrap();
        check(&told, &happened).unwrap_or_else(|violation| panic!("{who}: {violation}"));
        controls(&told, &happened);
    }
    for (who, told, of) in [
        ("puts", puts.await.unwrap(), Box::new(|change: &Change| change.value.is_some()) as Of),
        ("one", one.await.unwrap(), Box::new(|change: &Change| change.key.starts_with(b"w/1/"))),
    ] {
        let happened: Vec<_> = happened.iter().filter(|change| of(change)).cloned().collect();
        check_order(&told).unwrap_or_else(|violation| panic!("{who}: {violation}"));
        check_complete(&told, &happened).unwrap_or_else(|violation| panic!("{who}: {violation}"));
    }
    say(&format!(
        "etcd {}: {} changes in {} revisions were told exactly, {breaks} times broken, in {:.1?}",
        cluster.binary().version(),
        happened.len(),
        end - first,
        begin.elapsed()
    ));
    Ok(())
}

type Of = Box<dyn Fn(&Change) -> bool>;

/// Breaks the fleet in one way after another, until enough is written. Returns how often.
async fn break_everything(cluster: &Cluster, client: &Client, scribes: &Scribes) -> Result<usize> {
    const WAYS: usize = 8;
    let mut breaks = 0;
    let goal = events();
    while breaks < WAYS || scribes.changes() < goal {
        // Mostly that one which the watches are on.
        let probe = client.watch("probe").await?;
        let on = probe.endpoint();
        let watched = cluster.members().find(|member| member.client_url() == on);
        let watched = watched.unwrap_or_else(|| cluster.member(0));
        let leader = cluster.leader().await?;
        let other = cluster.members().find(|it| it.index() != watched.index()).unwrap();
        broken(cluster, breaks % WAYS, watched, leader, other, scribes).await?;
        breaks += 1;
        scribes.wait_for((scribes.changes() + goal / 16).min(goal)).await;
    }
    Ok(breaks)
}

async fn broken(
    cluster: &Cluster,
    way: usize,
    watched: Member<'_>,
    leader: Member<'_>,
    other: Member<'_>,
    scribes: &Scribes,
) -> Result<()> {
    let some = async || scribes.wait_for(scribes.changes() + 24).await;
    match way {
        0 => {
            let down = watched.kill()?;
            some().await;
            down.restart().await?;
        }
        // Streams are reset, and new ones refused.
        1 => {
            let reset = cluster.impose_both_ways(End::Clients, watched, LinkPolicy::RESET)?;
            some().await;
            drop(reset);
        }
        2 => {
            let isolated = cluster.isolate(leader)?;
            some().await;
            drop(isolated);
        }
        3 => {
            let cut = cluster.cut_one_way(watched, other)?;
            some().await;
            drop(cut);
        }
        4 => {
            let paused = watched.pause()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(paused);
        }
        5 => cluster.rotate_leaves().await?,
        6 => {
            let down = leader.kill()?;
            some().await;
            down.restart().await?;
        }
        _ => {
            let isolated = cluster.isolate(watched)?;
            some().await;
            drop(isolated);
        }
    }
    Ok(cluster.wait_until_ready().await?)
}
