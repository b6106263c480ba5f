//! What clients leave behind: nothing.
//!
//! All in one test, since what is counted is the process's: tasks of the runtime, descriptors,
//! connections that the members have, memory. `TERCET_TEST_CLIENTS=10000` lets so many work in place
//! of the few that a pass over all tests has time for; that many are made in any case.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Tls, Watch};
use tercet_harness::Cluster;
use tercet_tests::say;
use tokio::task::JoinSet;

/// As many as the promise is about.
const MADE: usize = 10_000;

/// How many work when nobody says: seconds.
const WORKING: usize = 300;

/// How many are there at once.
const AT_ONCE: usize = 25;

/// What the allocator may keep of what it got back: after ten thousand that worked it was 2.3 MiB. A
/// client with a connection takes some 26 KiB (measured), so that of the fewest that work here it
/// would be more than this.
const MEMORY_KIB: u64 = 5 * 1024;

/// Until whatever ends has ended, on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_clients_leave_nothing() {
    let working = std::env::var("TERCET_TEST_CLIENTS").ok().map(|many| many.parse().unwrap());
    let working = working.unwrap_or(WORKING);
    let cluster = Cluster::start().await.unwrap();
    let (config, ports) = (config(&cluster), ports(&cluster));
    // Threads, caches and the allocator's arenas come with the first of them.
    work(&config, 2 * AT_ONCE).await;
    let before = settled(&ports).await;

    for _ in 0..MADE / 100 {
        let mut some = Vec::new();
        for _ in 0..100 {
            some.push(Client::connect(config.clone()).await.unwrap());
        }
    }
    let idle = nothing_left(&before, &ports, "clients that asked nothing").await;

    work(&config, working).await;
    let after = nothing_left(&before, &ports, "clients that worked").await;
    say(&format!(
        "before {before:?}, after {MADE} idle {idle:?}, after {working} working {after:?}"
    ));

    // The controls: whatever is left of one client is seen, and memory that is held.
    let before = settled(&ports).await;
    let held = Client::connect(config.clone()).await.unwrap();
    held.get("held").await.unwrap();
    assert!(more_than(&before, &ports).await, "one client is held, and nothing shows it");
    let watcher = held.watch(Watch::key("held")).await.unwrap();
    drop(held);
    assert!(more_than(&before, &ports).await, "one watch is held, and nothing shows it");
    drop(watcher);
    nothing_left(&before, &ports, "what was held").await;

    let held = hold(&config, 2 * WORKING).await;
    let with = Left::now(&ports);
    let memory = with.memory_kib.saturating_sub(before.memory_kib);
    assert!(memory > MEMORY_KIB, "{} clients are held, and take {memory} KiB", held.len());
    drop(held);
    nothing_left(&Left { memory_kib: u64::MAX / 2, ..before }, &ports, "what was held").await;
}

/// What is there of what a client could leave.
#[derive(Debug, Clone, Copy)]
struct Left {
    tasks: usize,
    descriptors: usize,
    /// That the members have.
    connections: usize,
    memory_kib: u64,
}

impl Left {
    fn now(ports: &[u16]) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            connections: connections(ports),
            memory_kib: memory.split_whitespace().next().unwrap().parse().unwrap(),
        }
    }

    /// Whether there is nothing that was not there before.
    fn is_within(&self, before: &Self) -> bool {
        self.tasks <= before.tasks
            && self.descriptors <= before.descriptors
            && self.connections <= before.connections
            && self.memory_kib <= before.memory_kib + MEMORY_KIB
    }
}

/// The members' ends of connections that nobody has closed, or that only the other side has.
fn connections(ports: &[u16]) -> usize {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    let mut found = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(table) = std::fs::read_to_string(table) else { continue };
        for line in table.lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = words[..] else { continue };
            let port = local.rsplit(':').next().unwrap();
            let port = u16::from_str_radix(port, 16).unwrap();
            found +=
                usize::from(ports.contains(&port) && [ESTABLISHED, CLOSE_WAIT].contains(&state));
        }
    }
    found
}

/// What there is when it no longer changes for a while.
async fn settled(ports: &[u16]) -> Left {
    let begin = Instant::now();
    let (mut last, mut same) = (Left::now(ports), 0);
    while same < 10 && begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = Left::now(ports);
        let is_same = now.tasks == last.tasks
            && now.descriptors == last.descriptors
            && now.connections == last.connections;
        same = if is_same { same + 1 } else { 0 };
        last = now;
    }
    last
}

async fn nothing_left(before: &Left, ports: &[u16], of: &str) -> Left {
    let begin = Instant::now();
    loop {
        let now = Left::now(ports);
        if now.is_within(before) {
            return now;
        }
        assert!(begin.elapsed() < PATIENCE, "{of} left something: before {before:?}, now {now:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether each of tasks, descriptors and connections shows that there is more.
async fn more_than(before: &Left, ports: &[u16]) -> bool {
    let now = settled(ports).await;
    now.tasks > before.tasks
        && now.descriptors > before.descriptors
        && now.connections > before.connections
}

/// Clients that write and read; some watch, hold a lease, or a session.
async fn work(config: &Config, clients: usize) {
    let mut workers = JoinSet::new();
    for number in 0..clients {
        if workers.len() == AT_ONCE {
            workers.join_next().await.unwrap().unwrap();
        }
        let config = config.clone();
        workers.spawn(async move {
            let client = Client::connect(config).await.unwrap();
            let key = format!("leaks/{}", number % AT_ONCE);
            if number % 5 == 0 {
                let mut watcher = client.watch(Watch::key(key.clone())).await.unwrap();
                client.put(key.clone(), "seen").await.unwrap();
                watcher.next().await.unwrap().unwrap();
            }
            if number % 7 == 0 {
                let lease = client.lease(Duration::from_secs(5)).await.unwrap();
                assert!(lease.is_alive());
            }
            if number % 11 == 0 {
                // Dropped as it is: its lease is revoked by a task that then ends.
                drop(client.session(Duration::from_secs(5)).await.unwrap());
            }
            client.put(key.clone(), "written").await.unwrap();
            client.get(key).await.unwrap().unwrap();
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

/// So many clients, each with a connection.
async fn hold(config: &Config, clients: usize) -> Vec<Client> {
    let mut held = Vec::new();
    while held.len() < clients {
        let mut some = JoinSet::new();
        for _ in 0..AT_ONCE {
            let config = config.clone();
            some.spawn(async move {
                let client = Client::connect(config).await.unwrap();
                client.put("held", "held").await.unwrap();
                client
            });
        }
        held.extend(some.join_all().await);
    }
    held
}

fn config(cluster: &Cluster) -> Config {
    let identities = cluster.identities();
    let identity = identities.client();
    let authority = identities.authority().certificate_pem();
    let tls = Tls::mutual(authority, identity.chain_pem(), identity.key_pem()).unwrap();
    Config::new(cluster.endpoints()).tls(tls)
}

/// Where the members listen for clients.
fn ports(cluster: &Cluster) -> Vec<u16> {
    let port = |url: String| url.rsplit(':').next().unwrap().parse().unwrap();
    cluster.endpoints().into_iter().map(port).collect()
}
