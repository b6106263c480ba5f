//! A copy that follows the store.

use std::collections::BTreeMap;

use tercet_client::{Cache, CacheState, Client, Keys, Op, Txn, Watch};
use tercet_harness::Result;
use tercet_tests::available;

use crate::support::{fleet_of, next, put};

fn contents(cache: &Cache) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    cache.snapshot().iter().map(|kv| (text(kv.key()), text(kv.value()))).collect()
}

/// Two keys that are always written together, so that whoever sees half of it is found out.
async fn write_pair(client: &Client, value: usize) -> Result<i64> {
    let value = value.to_string();
    let both = [Op::put("w/left", value.clone()), Op::put("w/right", value)];
    Ok(client.txn(Txn::when([]).then(both)).await?.revision())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_see_one_revision_and_what_was_waited_for() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        write_pair(&client, 0).await?;
        client.put("elsewhere", "0").await?;
        let mut cache = Cache::start(&client, Keys::prefix("w/")).await?;
        assert_eq!(cache.snapshot().len(), 2);
        assert!(cache.get("elsewhere").is_none());
        let old = cache.snapshot();

        let reader = cache.clone();
        let reading = tokio::spawn(async move {
            let mut last = 0;
            loop {
                let seen = reader.snapshot();
                let value = |key| seen.get(key).unwrap().value_str().unwrap().parse::<i64>();
                let (left, right) = (value("w/left").unwrap(), value("w/right").unwrap());
                assert_eq!(left, right, "half of revision {}", seen.revision());
                assert!(left >= last && reader.revision() >= seen.revision());
                last = left;
                if left == 200 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        for value in 1..=200 {
            let written = write_pair(&client, value).await?;
            cache.wait_for(written).await?;
            assert!(cache.revision() >= written);
            assert_eq!(cache.get("w/left").unwrap().value(), value.to_string().as_bytes());
        }
        reading.await.unwrap();
        assert_eq!(old.get("w/left").unwrap().value(), b"0", "it stays as it is");

        // Nobody writes to these keys.
        let elsewhere = client.put("elsewhere", "1").await?.revision();
        cache.wait_for(elsewhere).await?;
        assert!(cache.revision() >= elsewhere);

        // It goes on without the member that it was on.
        while cache.changed().await? < elsewhere {}
        let down = cluster.leader().await?.kill()?;
        let written = put(&client, "w/more", "after").await;
        cache.wait_for(written).await?;
        client.delete("w/left").await?;
        let deleted = client.delete("w/right").await?.revision();
        cache.wait_for(deleted).await?;
        assert_eq!(contents(&cache), BTreeMap::from([("w/more".to_owned(), "after".to_owned())]));
        assert_eq!((cache.state(), cache.relists()), (CacheState::Following, 0));
        down.restart().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_listed_in_pages_is_of_one_revision_and_goes_on_from_there() -> Result<()> {
    const KEYS: usize = 1_500;
    let cluster = fleet_of(&available()[0], 1).start().await?;
    let client = cluster.client().await?;
    for page in 0..KEYS / 100 {
        let keys = (0..100).map(|key| Op::put(format!("w/{:04}", page * 100 + key), "0"));
        client.txn(Txn::when([]).then(keys.collect::<Vec<_>>())).await?;
    }
    let writer = client.clone();
    let writing = tokio::spawn(async move {
        for round in 0..200 {
            let key = format!("w/{:04}", round * 7 % KEYS);
            writer.put(key, format!("{}", round + 1)).await.unwrap();
        }
    });
    let mut listed = client.list_then_watch(Watch::prefix("w/").prev_kv()).await?;
    assert_eq!(listed.kvs.len(), KEYS);
    assert!(listed.kvs.is_sorted_by_key(|kv| kv.key().to_vec()));
    assert!(listed.kvs.iter().all(|kv| kv.mod_revision() <= listed.revision));
    writing.await.unwrap();
    let last = client.put("w/end", "").await?.revision();
    let mut copy: BTreeMap<_, _> =
        listed.kvs.iter().map(|kv| (kv.key().to_vec(), kv.value().to_vec())).collect();
    let mut seen = listed.revision;
    while seen < last {
        for event in next(&mut listed.watcher).await.events() {
            seen += 1;
            assert_eq!(event.kv().mod_revision(), seen, "nothing is missed");
            copy.insert(event.kv().key().to_vec(), event.kv().value().to_vec());
        }
    }
    let now = client.range(Keys::prefix("w/")).await?;
    assert!(
        now.kvs()
            .iter()
            .map(|kv| (kv.key(), kv.value()))
            .eq(copy.iter().map(|(key, value)| (&key[..], &value[..])))
    );
    Ok(())
}
