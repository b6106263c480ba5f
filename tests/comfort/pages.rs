//! Any number of keys, a page at a time.

use tercet_client::{Client, ErrorKind, Range};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{all, available, next_of};

const KEYS: usize = 57;

fn expected() -> Vec<String> {
    (0..KEYS).map(|number| format!("k/{number:03}")).collect()
}

async fn filled(client: &Client) -> Result<()> {
    for key in expected() {
        client.put(key, "v").await?;
    }
    client.put("l", "not of them").await?;
    Ok(())
}

async fn read(client: &Client, range: Range, size: u32) -> Result<(Vec<usize>, Vec<String>)> {
    let (mut sizes, mut keys) = (Vec::new(), Vec::new());
    let mut pages = client.pages(range, size);
    while let Some(page) = pages.next().await {
        let page = page?;
        sizes.push(page.kvs().len());
        keys.extend(page.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()));
        // What comes while they are read is of another revision.
        client.put("k/0000", "new").await?;
        client.put("k/zzz", "new").await?;
    }
    client.delete("k/0000").await?;
    client.delete("k/zzz").await?;
    Ok((sizes, keys))
}

#[tokio::test]
async fn all_are_of_one_revision_and_none_is_left_out() -> Result<()> {
    for etcd in available() {
        let cluster =
            Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?;
        filled(&client).await?;
        let range = || Range::prefix("k/");
        assert_eq!(read(&client, range(), 20).await?, (vec![20, 20, 17], expected()));
        assert_eq!(read(&client, range().serializable(), 19).await?, (vec![19; 3], expected()));
        assert_eq!(read(&client, range(), 1000).await?, (vec![KEYS], expected()));
        let (sizes, keys) = read(&client, range().limit(45), 20).await?;
        assert_eq!((sizes, &keys[..]), (vec![20, 20, 5], &expected()[..45]));
        assert_eq!(read(&client, Range::prefix("none"), 20).await?, (vec![0], vec![]));
        assert_eq!(read(&client, Range::key("l"), 20).await?, (vec![1], vec!["l".to_owned()]));

        // Dropped while it waits, the next call has the page all the same.
        let mut pages = client.pages(range(), 20);
        for _ in 0..3 {
            let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
            let mut next = std::pin::pin!(pages.next());
            assert!(next.as_mut().poll(context).is_pending());
        }
        assert_eq!(pages.next().await.expect("a page")?.kvs().len(), 20);

        // Compacted between two pages.
        client.put("k/000", "again").await?;
        let newest = client.put("k/000", "and again").await?.revision();
        client.compact(newest).await?;
        let error = pages.next().await.expect("an end").expect_err("it is gone");
        assert_eq!(error.kind(), ErrorKind::Compacted);
        assert!(pages.next().await.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_of_the_server_or_the_version_that_has_it() -> Result<()> {
    for etcd in all() {
        let cluster =
            Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?.namespace("app/");
        filled(&client).await?;
        let streamed = client.range_stream(Range::prefix("k/")).await;
        let version = etcd.version();
        if (version.major(), version.minor()) < (3, 7) {
            let error = streamed.expect_err("it has none");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().ends_with("which came with etcd 3.7"), "{error}");
            continue;
        }
        let mut stream = streamed?;
        let (mut keys, mut parts) = (Vec::new(), 0);
        while let Some(part) = stream.next().await {
            let part = part?;
            parts += 1;
            keys.extend(part.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()));
        }
        assert_eq!(keys, expected());
        assert!(parts > 1, "a part at a time");
        assert!(next_of(&mut stream).await.is_none());
        let mut stream = client.range_stream("k/000").await?;
        assert_eq!(next_of(&mut stream).await.expect("a part")?.kvs().len(), 1);
    }
    Ok(())
}
