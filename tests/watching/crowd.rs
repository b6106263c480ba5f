//! Many watches of one client, and those that nobody reads.

use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Keys, Tls, Watch};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{Curl, available, say};

use crate::support::{PATIENCE, fleet_of, next};

const CROWD: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watches_go_on_over_tls() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        let begin = Instant::now();
        let mut watchers = Vec::new();
        for watch in 0..CROWD {
            watchers.push(client.watch(Watch::key(format!("w/{}", watch % 10))).await?);
        }
        let made = begin.elapsed();
        let mut revisions = Vec::new();
        for round in 0..3 {
            for key in 0..10 {
                revisions
                    .push(client.put(format!("w/{key}"), format!("{round}")).await?.revision());
            }
        }
        let on = watchers[0].endpoint();
        let member = cluster.members().find(|member| member.client_url() == on).unwrap();
        let down = member.kill()?;
        let begin = Instant::now();
        for key in 0..10 {
            revisions.push(crate::support::put(&client, &format!("w/{key}"), "after").await);
        }
        for (watch, watcher) in watchers.iter_mut().enumerate() {
            let mut seen = Vec::new();
            while seen.len() < 4 {
                let response = next(watcher).await;
                seen.extend(response.events().iter().map(|event| event.kv().mod_revision()));
            }
            let expected: Vec<_> = revisions.iter().copied().skip(watch % 10).step_by(10).collect();
            // A write whose answer was lost is made twice.
            assert_eq!(seen[..3], expected[..3]);
            assert!(seen[3] <= expected[3]);
        }
        assert!(watchers.iter().all(|watcher| watcher.endpoint() != on));
        let version = etcd.version();
        say(&format!(
            "{version}: {CROWD} watches in {made:.1?}, elsewhere in {:.1?}",
            begin.elapsed()
        ));
        down.restart().await?;
    }
    Ok(())
}

/// How many watches a member has, by its own count.
async fn watches_at(curl: Curl, url: &str) -> usize {
    let url = format!("{url}/metrics");
    let told = tokio::task::spawn_blocking(move || curl.run(["--silent", &url])).await.unwrap();
    let name = "etcd_debugging_mvcc_watcher_total ";
    let line = told.body.lines().find_map(|line| line.strip_prefix(name));
    line.expect("it counts them").parse().unwrap()
}

async fn wait_for_watches(curl: Curl, url: &str, wanted: usize) {
    let begin = Instant::now();
    loop {
        let found = watches_at(curl, url).await;
        if found == wanted {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{found} watches, and not {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn plaintext(etcd: &Binary) -> Result<(Cluster, Client, String)> {
    let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
    let cluster = builder.security(tercet_harness::Security::Plaintext).start().await?;
    let client = cluster.client().await?;
    let url = cluster.member(0).client_url().to_owned();
    Ok((cluster, client, url))
}

#[tokio::test]
async fn a_watch_that_is_dropped_ends_at_the_server() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let (_cluster, client, url) = plaintext(etcd).await?;
        let mut watchers = Vec::new();
        for _ in 0..100 {
            watchers.push(client.watch("a").await?);
        }
        // The control, too: the count counts.
        wait_for_watches(curl, &url, 100).await;
        watchers.truncate(70);
        wait_for_watches(curl, &url, 70).await;
        // Those that nobody waits for any more never were.
        for _ in 0..20 {
            let begun = client.watch("b");
            let _ = tokio::time::timeout(Duration::from_micros(300), begun).await;
        }
        wait_for_watches(curl, &url, 70).await;
        client.put("a", "told").await?;
        for watcher in &mut watchers {
            assert_eq!(next(watcher).await.events()[0].kv().value(), b"told");
        }
        // The last handles.
        drop(client);
        wait_for_watches(curl, &url, 70).await;
        drop(watchers);
        wait_for_watches(curl, &url, 0).await;
    }
    Ok(())
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_keeps_little() -> Result<()> {
    const ROUNDS: usize = 400;
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let (_cluster, client, url) = plaintext(etcd).await?;
        let all = || Watch::new(Keys::prefix("w/"));
        let mut lazy = client.watch(all().max_buffered_events(20)).await?;
        let mut heavy = client.watch(all().max_buffered_bytes(50_000)).await?;
        let mut eager = client.watch(all()).await?;
        let value = "x".repeat(1_000);
        for round in 0..ROUNDS {
            client.put(format!("w/{round}"), value.clone()).await?;
            let response = next(&mut eager).await;
            assert_eq!(response.events()[0].kv().key(), format!("w/{round}").as_bytes());
        }
        // They are no longer there: what is not read is with neither side.
        wait_for_watches(curl, &url, 1).await;
        assert!(!lazy.is_in_place() && !heavy.is_in_place() && eager.is_in_place());
        // And go on where they were when they are read.
        for watcher in [&mut lazy, &mut heavy] {
            let mut seen = 0;
            while seen < ROUNDS {
                for event in next(watcher).await.events() {
                    assert_eq!(event.kv().key(), format!("w/{seen}").as_bytes());
                    seen += 1;
                }
            }
        }
        wait_for_watches(curl, &url, 3).await;
        // The control: with room for all it stays where it is.
        let unread = client.watch(all()).await?;
        for round in 0..ROUNDS {
            client.put(format!("w/{round}"), "y").await?;
        }
        next(&mut eager).await;
        assert!(unread.is_in_place());
    }
    Ok(())
}

/// Dropped between any two polls, it tells everything all the same.
#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() -> Result<()> {
    const ROUNDS: usize = 300;
    let cluster = fleet_of(&available()[0], 1).start().await?;
    let client = cluster.client().await?;
    let mut watcher = client.watch(Watch::prefix("w/")).await?;
    let writer = tokio::spawn(async move {
        for round in 0..ROUNDS {
            client.put(format!("w/{round}"), "").await.unwrap();
        }
    });
    let (mut seen, mut given_up) = (0, 0);
    while seen < ROUNDS {
        tokio::select! {
            biased;
            () = tokio::time::sleep(Duration::from_micros(200)) => given_up += 1,
            response = watcher.next() => {
                for event in response.expect("it goes on")?.events() {
                    assert_eq!(event.kv().key(), format!("w/{seen}").as_bytes());
                    seen += 1;
                }
            }
        }
    }
    assert!(given_up > 0);
    writer.await.unwrap();
    Ok(())
}

/// With the runtime go the tasks, and who still holds a watch is told.
#[test]
fn a_watch_ends_with_its_runtime() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (runtime, other) = (build(), build());
    let (cluster, mut watcher) = runtime.block_on(async {
        let cluster = fleet_of(&available()[0], 1).start().await.unwrap();
        let files = cluster.plan().files();
        let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key);
        let config = Config::new(cluster.endpoints()).tls(tls.unwrap());
        let client = Client::connect(config).await.unwrap();
        let watcher = client.watch("a").await.unwrap();
        (cluster, watcher)
    });
    drop(runtime);
    other.block_on(async {
        let error = watcher.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("the runtime"), "{error}");
        assert!(watcher.next().await.is_none());
    });
    drop(cluster);
}
