//! Everything is told once, in order and whole, while the fleet is broken in every way.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tercet_client::{Balance, Client, Watch, Watcher};
use tercet_harness::{Cluster, Result};
use tercet_tests::{available, on_a_whole_fleet, say};
use tokio::task::JoinHandle;

use crate::breaks::{Breaks, Resumed};
use crate::checker::{Change, Told, changes, check, check_complete, check_order, controls};
use crate::scribes::{PREFIX, Scribes, check_acknowledged};
use crate::support::{PATIENCE, config_of, fleet_of, impatiently, next, put};

/// How many changes are watched: in `TERCET_WATCH_EVENTS` as many as wanted.
fn events() -> usize {
    let wanted = std::env::var("TERCET_WATCH_EVENTS").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(4_000)
}

/// What is put when all is over, so that every watch knows it.
const END: &str = "w/1/end";

/// As whom everybody comes while the fleet asks for users.
const ROOT: &str = "root";

/// Up to which revision each watch was told.
#[derive(Default)]
pub(crate) struct Heard(Vec<Arc<AtomicI64>>);

impl Heard {
    /// Reads a watch until the end is told.
    fn listen(&mut self, mut watcher: Watcher, pace: Option<Duration>) -> JoinHandle<Told> {
        let heard = Arc::new(AtomicI64::new(0));
        self.0.push(heard.clone());
        tokio::spawn(async move {
            let mut told = Told::new();
            loop {
                let mut response = next_within(&mut watcher).await;
                let end = response.iter().position(|change| change.key == END);
                // What is told at once may go on after it.
                response.truncate(end.map_or(usize::MAX, |end| end + 1));
                if let Some(last) = response.last() {
                    heard.store(last.revision, Ordering::Relaxed);
                }
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

    /// Up to where all of them were told, so that nothing is lost when it is compacted away.
    pub(crate) fn by_all(&self) -> i64 {
        self.0.iter().map(|heard| heard.load(Ordering::Relaxed)).min().unwrap_or_default()
    }

    /// Waits until the first is told more than by now, and so is in place.
    pub(crate) async fn by_first_more(&self) {
        let before = self.0[0].load(Ordering::Relaxed);
        let more = async {
            while self.0[0].load(Ordering::Relaxed) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, more).await.expect("it goes on");
    }
}

/// The writers have pauses of their own while the fleet is broken.
async fn next_within(watcher: &mut Watcher) -> Vec<Change> {
    let next = tokio::time::timeout(PATIENCE, watcher.next()).await;
    changes(next.expect("in time").expect("it goes on").expect("no error"))
}

/// What happened, as watches were told that never lost their stream.
pub(crate) struct History {
    changes: Vec<Change>,
    next: i64,
}

impl History {
    /// Also asked for before it is compacted away: no one is told of it afterwards.
    pub(crate) async fn read_to(&mut self, client: &Client, revision: i64) -> Result<()> {
        let rest = Watch::prefix(PREFIX).start_revision(self.next);
        let mut watcher = client.watch(rest).await?;
        while self.changes.last().is_none_or(|change| change.revision < revision) {
            self.changes.extend(changes(next(&mut watcher).await));
        }
        self.changes.retain(|change| change.revision <= revision);
        self.next = revision + 1;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_once_in_order_and_whole_whatever_breaks() -> Result<()> {
    for etcd in available() {
        // The shortest that there is: watches ask for nothing, and so their tokens are soon old.
        let fleet = fleet_of(etcd, 3).flag("auth-token-ttl", "1").flag("bcrypt-cost", "4");
        on_a_whole_fleet(fleet, told_exactly).await?;
    }
    Ok(())
}

async fn told_exactly(cluster: &Cluster) -> Result<()> {
    let begin = Instant::now();
    let owner = cluster.client().await?;
    owner.user_add(ROOT, ROOT).await?;
    owner.role_add(ROOT).await?;
    owner.user_grant_role(ROOT, ROOT).await?;
    // It does no harm as long as nobody is asked.
    cluster.set_user(ROOT, ROOT);

    // One watch only, so that what is counted is how often it lost its stream.
    let resumed = Arc::new(Resumed::default());
    let config = config_of(cluster)?.balance(Balance::InOrder).user(ROOT, ROOT);
    let client = Client::connect(config.observer(resumed.clone())).await?;
    let all = || Watch::prefix(PREFIX).prev_kv();
    let watcher = client.watch(all()).await?;
    resumed.begin(&watcher.endpoint());
    let first = watcher.created_revision() + 1;
    let other = cluster.client().await?;
    let pace = Some(Duration::from_millis(2));
    let small = other.watch(all().max_buffered_events(50)).await?;
    let one = other.watch(Watch::prefix("w/1/")).await?;
    let puts = other.watch(Watch::prefix(PREFIX).no_deletes()).await?;
    let mut heard = Heard::default();
    let watcher = heard.listen(watcher, None);
    let one = heard.listen(one, None);
    let puts = heard.listen(puts, None);
    let small = heard.listen(small, pace);

    let mut writers = Vec::new();
    for _ in 0..4 {
        let config = impatiently(config_of(cluster)?.user(ROOT, ROOT));
        writers.push(Client::connect(config).await?);
    }
    let scribes = Scribes::start(writers, 12);
    let mut history = History { changes: Vec::new(), next: first };
    let breaks = Breaks { cluster, scribes: &scribes, resumed: &resumed, heard: &heard };
    let (breaks, felt) = breaks.break_everything(&mut history, events()).await?;
    let acknowledged = scribes.stop().await;
    cluster.wait_until_ready().await?;
    let end = put(&client, END, "").await;

    history.read_to(&cluster.client().await?, end).await?;
    let happened = history.changes;
    check_acknowledged(&acknowledged, &happened);
    for (who, told) in [("all", watcher), ("slow", small)] {
        let told = told.await.unwrap();
        let left_out = check(&told, &happened);
        let left_out = left_out.unwrap_or_else(|violation| panic!("{who}: {violation}"));
        // Each time a watch is begun anew it may be a few: it would be nearly all if they were not
        // asked for.
        assert!(left_out * 1_000 <= happened.len(), "{who}: {left_out} of {}", happened.len());
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
    let times = resumed.times();
    assert!(times >= felt, "{felt} breaks end the stream of a watch, which resumed {times} times");
    say(&format!(
        "etcd {}: {} changes in {} revisions were told exactly, {breaks} times broken; one watch \
         resumed {times} times, of which {felt} were asked for, with {} tokens; in {:.1?}",
        cluster.binary().version(),
        happened.len(),
        end - first,
        resumed.tokens(),
        begin.elapsed()
    ));
    Ok(())
}

type Of = Box<dyn Fn(&Change) -> bool>;
