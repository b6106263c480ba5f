//! The client against a real fleet.

use std::time::{Duration, Instant};

use tercet_client::{
    Compare, Config, Delete, Is, Keys, Op, OpResponse, Order, Outcome, Put, Range, SortBy, Tls,
    Txn, Watch,
};
use tercet_harness::{Client, Cluster, Result};

fn keys(kvs: &[tercet_client::KeyValue]) -> Vec<String> {
    kvs.iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()).collect()
}

#[tokio::test]
async fn keys_are_put_read_and_deleted() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    assert!(client.get("missing").await?.is_none());

    let first = client.put("a/1", "one").await?.revision();
    client.put(String::from("a/2"), vec![2_u8]).await?;
    client.put("a/3", "three").await?;
    client.put("b", "").await?;
    let replaced = client.put_with(Put::new("a/1", "uno").prev_kv()).await?;
    assert_eq!(replaced.prev_kv().map(|kv| kv.value()), Some(&b"one"[..]));

    let kv = client.get("a/1").await?.expect("there");
    assert_eq!((kv.value(), kv.version(), kv.create_revision()), (&b"uno"[..], 2, first));
    assert!(kv.mod_revision() > first);

    let all = client.range(Range::prefix("a/")).await?;
    assert_eq!(keys(all.kvs()), ["a/1", "a/2", "a/3"]);
    assert!(!all.more());
    let some =
        client.range(Range::prefix("a/").limit(2).sort(SortBy::Key, Order::Descending)).await?;
    assert_eq!(
        (keys(some.kvs()), some.more(), some.count()),
        (vec!["a/3".into(), "a/2".into()], true, 3)
    );
    assert_eq!(keys(client.range(Range::between("a/2", "b")).await?.kvs()), ["a/2", "a/3"]);
    assert_eq!(keys(client.range(Range::starting_at("a/3")).await?.kvs()), ["a/3", "b"]);
    assert_eq!(client.range(Range::all().count_only()).await?.count(), 4);
    assert!(
        client.range(Range::all().keys_only()).await?.kvs().iter().all(|kv| kv.value().is_empty())
    );
    let then = client.range(Range::key("a/1").revision(first)).await?;
    assert_eq!(then.kvs()[0].value(), b"one");

    assert_eq!(client.delete("a/1").await?.deleted(), 1);
    assert_eq!(client.delete("a/1").await?.deleted(), 0);
    let gone = client.delete_range(Delete::new(Keys::prefix("a/")).prev_kv()).await?;
    assert_eq!(keys(gone.prev_kvs()), ["a/2", "a/3"]);
    assert_eq!(keys(client.range(Range::all()).await?.kvs()), ["b"]);
    Ok(())
}

/// A serializable read needs no quorum; a linearizable one does.
#[tokio::test]
async fn a_serializable_read_needs_one_member_only() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.client().await?.put("hello", "world").await?;
    let last = cluster.member(0);
    // It answers for itself, so it must have the key before it is alone.
    assert!(last.client().await?.get("hello").await?.is_some());
    cluster.member(1).kill()?;
    cluster.member(2).kill()?;

    let identity = cluster.identities().client();
    let authority = cluster.identities().authority().certificate_pem();
    let tls = Tls::mutual(authority, identity.chain_pem(), identity.key_pem())?;
    let config = Config::new([last.client_url()]).tls(tls).request_timeout(Duration::from_secs(1));
    let client = Client::connect(config).await?;
    let read = client.range(Range::key("hello").serializable()).await?;
    assert_eq!(read.kvs()[0].value(), b"world");
    assert!(client.range(Range::key("hello")).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_transaction_compares_and_acts_at_once() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    let client = cluster.client().await?;
    let take = |who: &'static str| {
        Txn::when([Compare::missing("lock")])
            .then([Op::put("lock", who)])
            .otherwise([Op::get("lock")])
    };
    assert!(client.txn(take("me")).await?.succeeded());
    let second = client.txn(take("you")).await?;
    assert!(!second.succeeded());
    let OpResponse::Range(holder) = &second.responses()[0] else { panic!("{second:?}") };
    assert_eq!(holder.kvs()[0].value(), b"me");
    let release = Txn::when([Compare::value("lock", Is::Equal, "me")]).then([Op::delete("lock")]);
    assert!(client.txn(release).await?.succeeded());
    assert!(client.get("lock").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_watch_sees_what_happens_and_from_where_it_was_told() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let first = client.put("seen/0", "before").await?.revision();
    let mut watcher = client.watch(Watch::prefix("seen/").start_revision(first)).await?;
    client.put("unseen", "x").await?;
    client.put("seen/1", "one").await?;
    client.delete("seen/1").await?;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let response = tokio::time::timeout(Duration::from_secs(5), watcher.next()).await;
        let response = response.expect("in time").expect("not over")?;
        for event in response.into_events() {
            seen.push((String::from_utf8_lossy(event.kv().key()).into_owned(), event.is_delete()));
        }
    }
    assert_eq!(seen, [("seen/0".into(), false), ("seen/1".into(), false), ("seen/1".into(), true)]);
    Ok(())
}

#[tokio::test]
async fn the_members_are_known() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let mut members = client.member_list().await?.into_members();
    members.sort_by(|a, b| a.name().cmp(b.name()));
    assert_eq!(members.len(), 3);
    for (member, known) in members.iter().zip(cluster.members()) {
        assert_eq!(member.name(), known.name());
        assert_eq!(member.client_urls(), [known.client_url()]);
        assert_eq!(member.peer_urls(), [known.peer_url()]);
    }
    let leader = cluster.leader().await?;
    let status = client.status(leader.client_url()).await?;
    assert!(status.is_leader());
    assert_eq!(Some(status.member_id()), status.leader());
    Ok(())
}

/// The first endpoint is dead: the first request goes on to the next, and the ones after it do not
/// try the dead one again each time.
#[tokio::test]
async fn a_dead_endpoint_costs_next_to_nothing() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.member(0).kill()?;
    cluster.leader().await?;
    let client = cluster.client().await?;
    let begin = Instant::now();
    for _ in 0..50 {
        client.put("hello", "world").await?;
        client.get("hello").await?;
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    Ok(())
}

/// A write during which its member dies may have happened: the client neither repeats it nor calls
/// it failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_cut_off_is_of_unknown_outcome() -> Result<()> {
    let cluster = Cluster::start().await?;
    // How many writes are on their way when the member dies is up to the scheduler: again until
    // some are.
    for round in 0..20 {
        let (acknowledged, unknown) = writes_cut_off(&cluster, round).await?;
        let prefix = format!("{round}/");
        let there = keys(cluster.client().await?.range(Range::prefix(prefix)).await?.kvs());
        // Nothing that was acknowledged is lost, nothing that was refused is there.
        assert!(acknowledged.iter().all(|key| there.contains(key)));
        assert!(there.len() <= acknowledged.len() + unknown);
        if unknown > 0 {
            return Ok(());
        }
    }
    panic!("no write was ever cut off");
}

/// Kills the leader while it is written to, and brings it back. Returns the keys of the writes that
/// were acknowledged, and the number of those whose outcome is unknown.
async fn writes_cut_off(cluster: &Cluster, round: usize) -> Result<(Vec<String>, usize)> {
    let member = cluster.leader().await?;
    let client = member.client().await?;
    client.put("connected", "").await?;
    let write = |number: usize| {
        let (client, key) = (client.clone(), format!("{round}/{number:03}"));
        tokio::spawn(async move { client.put(key.clone(), "value").await.map(|_| key) })
    };
    let writes: Vec<_> = (0..300).map(write).collect();
    tokio::task::yield_now().await;
    member.kill()?;
    let (mut acknowledged, mut unknown) = (Vec::new(), 0);
    for write in writes {
        match write.await.expect("no panic") {
            Ok(key) => acknowledged.push(key),
            Err(error) if error.outcome() == Outcome::Unknown => unknown += 1,
            Err(error) => assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}"),
        }
    }
    member.restart().await?;
    Ok((acknowledged, unknown))
}
