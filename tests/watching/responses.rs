//! What responses are like: whole revisions of any size, progress, names within a namespace.

use tercet_client::{Bytes, Client, Event, Op, Txn, Watch, WatchResponse};
use tercet_harness::Result;
use tercet_tests::available;

use crate::checker::{Told, changes, check_order};
use crate::support::{fleet_of, next, tells_progress_in_turn};

fn size(response: &WatchResponse) -> usize {
    let of = |event: &Event| {
        event.kv().value().len() + event.prev_kv().map_or(0, |before| before.value().len())
    };
    response.events().iter().map(of).sum()
}

/// Forty keys of 30 KiB each in one transaction: with what they had before, more than etcd sends at
/// once to who asks for fragments.
async fn write_much(client: &Client, fill: u8) -> Result<i64> {
    let value = Bytes::from(vec![fill; 30 << 10]);
    let puts: Vec<_> = (0..40).map(|key| Op::put(format!("w/{key:02}"), value.clone())).collect();
    Ok(client.txn(Txn::when([]).then(puts)).await?.revision())
}

#[tokio::test]
async fn a_revision_is_one_response_however_large() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).start().await?;
        let client = cluster.client().await?;
        let first = write_much(&client, 1).await?;
        let mut watcher = client.watch(Watch::prefix("w/").prev_kv()).await?;
        let mut told = Told::new();
        for fill in 2..5 {
            let revision = write_much(&client, fill).await?;
            let response = next(&mut watcher).await;
            assert_eq!(response.events().len(), 40);
            assert!(size(&response) > 2 << 20, "{}", size(&response));
            assert!(response.events().iter().all(|event| {
                let before = event.prev_kv().expect("it was there");
                let (now, before) = (event.kv(), before.value());
                now.mod_revision() == revision && now.value()[0] == fill && before[0] == fill - 1
            }));
            told.push(changes(response));
        }
        // All at once: pieces then end anywhere within a revision.
        let from = Watch::prefix("w/").prev_kv().start_revision(first);
        let mut again = client.watch(from).await?;
        let mut told_again = Told::new();
        while told_again.iter().map(Vec::len).sum::<usize>() < 160 {
            told_again.push(changes(next(&mut again).await));
        }
        assert_eq!(check_order(&told_again), Ok(()));
        assert!(told_again.iter().flatten().skip(40).eq(told.iter().flatten()));
    }
    Ok(())
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).start().await?;
        let client = cluster.client().await?;
        client.put("a", "0").await?;
        let mut plain = client.watch("a").await?;
        let mut before = client.watch(Watch::key("a").prev_kv()).await?;
        let mut deletions = client.watch(Watch::key("a").no_puts()).await?;
        let mut writes = client.watch(Watch::key("a").no_deletes()).await?;
        client.put("a", "1").await?;
        client.delete("a").await?;
        client.put("a", "2").await?;
        for value in [Some("1"), None, Some("2")] {
            let (plain, before) = (next(&mut plain).await, next(&mut before).await);
            for response in [&plain, &before] {
                let event = &response.events()[0];
                assert_eq!(event.is_delete(), value.is_none());
                assert_eq!(event.kv().value_str(), Some(value.unwrap_or_default()));
            }
            // Others on the same stream have asked for it.
            assert!(plain.events()[0].prev_kv().is_none());
            assert_eq!(before.events()[0].prev_kv().is_some(), value != Some("2"));
        }
        assert!(next(&mut deletions).await.events()[0].is_delete());
        for value in ["1", "2"] {
            assert_eq!(next(&mut writes).await.events()[0].kv().value_str(), Some(value));
        }
    }
    Ok(())
}

/// Whatever the server has told of what was before the watch is left out, and nothing of what was
/// after.
#[tokio::test]
async fn without_a_start_exactly_what_follows_is_told() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).start().await?;
        let client = cluster.client().await?;
        let writer = client.clone();
        let writing = tokio::spawn(async move {
            for round in 0..400 {
                writer.put("a", format!("{round}")).await.unwrap();
            }
        });
        let mut watchers = Vec::new();
        while !writing.is_finished() {
            watchers.push(client.watch("a").await?);
        }
        let last = client.put("a", "last").await?.revision();
        assert!(watchers.len() > 10, "{}", watchers.len());
        for mut watcher in watchers {
            let mut expected = watcher.created_revision() + 1;
            while expected <= last {
                for event in next(&mut watcher).await.events() {
                    assert_eq!(event.kv().mod_revision(), expected);
                    expected += 1;
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_watch_says_how_far_it_is_and_never_too_far() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).start().await?;
        let client = cluster.client().await?;
        let version = etcd.version();
        let in_turn = tells_progress_in_turn(version);
        let mut watcher = client.watch(Watch::prefix("w/")).await?;
        let mut sent = 0;
        for round in 0..30 {
            for _ in 0..10 {
                sent = client.put("w/key", format!("{round}")).await?.revision();
            }
            let elsewhere = client.put("elsewhere", "").await?.revision();
            match watcher.request_progress().await {
                Ok(()) if in_turn => {}
                Err(error) if !in_turn => {
                    assert_eq!(error.kind(), tercet_client::ErrorKind::Unsupported, "{error}");
                    continue;
                }
                other => panic!("{version}: {other:?}"),
            }
            let mut seen = 0;
            loop {
                let response = next(&mut watcher).await;
                if response.is_progress() {
                    assert!(response.revision() >= elsewhere);
                    assert_eq!(seen, sent, "all that happened before is told before");
                    break;
                }
                seen = response.events().last().unwrap().kv().mod_revision();
            }
        }
    }
    Ok(())
}
