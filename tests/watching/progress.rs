//! How far a watch is: who asks is told, whatever happens, and nobody asks for whom nobody waits with.

use std::time::{Duration, Instant};

use tercet_client::{Cache, ErrorKind, Keys, Watch};
use tercet_harness::{Cluster, Member, Result, Security};
use tercet_tests::available;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, fleet_of, next, tells_progress_in_turn};

/// etcd answers for none of a stream's watches while it counts one among them that it will never tell
/// anything again.
#[tokio::test]
async fn a_watch_that_has_ended_holds_up_no_other() -> Result<()> {
    for etcd in available() {
        if !tells_progress_in_turn(etcd.version()) {
            continue;
        }
        let cluster = fleet_of(etcd, 1).start().await?;
        let client = cluster.client().await?;
        let mut idle = client.watch("idle").await?;
        let cache = Cache::start(&client, Keys::prefix("cached/")).await?;
        for number in 0..10 {
            client.put("busy", number.to_string()).await?;
        }
        let revision = client.get("busy").await?.expect("it").mod_revision();
        client.compact(revision).await?;
        let mut late = client.watch(Watch::key("busy").start_revision(2)).await?;
        let error = late.next().await.expect("an error").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Compacted, "{error}");

        idle.request_progress().await?;
        assert!(next(&mut idle).await.is_progress());
        let elsewhere = client.put("elsewhere", "value").await?.revision();
        cache.wait_for(elsewhere).await?;
        assert_eq!(cache.relists(), 0);
        drop(late);
    }
    Ok(())
}

/// Its member dies with the request; the next is asked.
#[tokio::test]
async fn a_request_that_dies_with_its_member_is_made_again() -> Result<()> {
    for etcd in available() {
        if !tells_progress_in_turn(etcd.version()) {
            continue;
        }
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        let mut watcher = client.watch("key").await?;
        // The member's version is known from now on.
        watcher.request_progress().await?;
        assert!(next(&mut watcher).await.is_progress());

        let on = watcher.endpoint();
        let member = cluster.members().find(|member| member.client_url() == on).expect("a member");
        let paused = member.pause()?;
        watcher.request_progress().await?;
        member.kill()?;
        drop(paused);
        // Far less than the minute after which each stream is asked.
        let told = timeout(Duration::from_secs(20), next(&mut watcher)).await;
        assert!(told.expect("in time").is_progress());
        assert_ne!(watcher.endpoint(), on);
    }
    Ok(())
}

/// What the member was sent on streams of watches, and how many reads, by its own count.
async fn asked(member: Member<'_>) -> (usize, usize) {
    let address = member.client_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let count = |name: &str, method: &str| -> usize {
        let method = format!("grpc_method=\"{method}\"");
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(&method));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
    };
    (
        count("grpc_server_msg_received_total{", "Watch"),
        count("grpc_server_started_total{", "Range"),
    )
}

/// A revision that never comes is asked for, with pauses, while somebody waits for it, and no longer.
#[tokio::test]
async fn whoever_goes_away_is_not_asked_for() -> Result<()> {
    for etcd in available() {
        // In the clear, so that it can be asked for its counts with a few bytes.
        let builder = Cluster::builder().members(1).security(Security::Plaintext);
        let cluster = builder.binary(etcd.path()).start().await?;
        let client = cluster.client().await?;
        let cache = Cache::start(&client, Keys::prefix("cached/")).await?;
        let member = cluster.member(0);
        // The member has something to say of a watch only from then on.
        client.put("elsewhere", "value").await?;
        let before = asked(member).await;
        // The control: it is asked for, one way or the other.
        let waiting = cache.wait_for(i64::MAX);
        assert!(timeout(Duration::from_secs(2), waiting).await.is_err());
        let mut last = asked(member).await;
        let sum = |(messages, reads): (usize, usize)| messages + reads;
        assert!(sum(last) > sum(before), "{before:?} {last:?}");
        assert!(sum(last) < sum(before) + 50, "without a pause: {before:?} {last:?}");

        // What was under way ends; then all is quiet, but that the stream asks now and then what was
        // not answered yet.
        let begin = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let now = asked(member).await;
            if now.0 <= last.0 + 3 && now.1 == last.1 {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{last:?} {now:?}");
            last = now;
        }
        let written = client.put("elsewhere", "value").await?.revision();
        cache.wait_for(written).await?;
    }
    Ok(())
}
