//! What a write may leave as it is, and bounds for what is read.

use std::time::Duration;

use tercet_client::{ErrorKind, Outcome, Put, Range};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

#[tokio::test]
async fn a_value_or_a_lease_stays() -> Result<()> {
    for etcd in available() {
        let cluster =
            Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?;
        let lease = client.lease_grant(Duration::from_secs(60)).await?.id();
        for put in [Put::keep_value("k").lease(lease), Put::new("k", "v").keep_lease()] {
            let error = client.put_with(put).await.expect_err("there is no such key");
            let is = (error.kind(), error.outcome());
            assert_eq!(is, (ErrorKind::KeyNotFound, Outcome::NotApplied));
        }
        let created = client.put("k", "v").await?.revision();
        client.put_with(Put::keep_value("k").lease(lease)).await?;
        client.put_with(Put::new("k", "w").keep_lease()).await?;
        let kv = client.get("k").await?.expect("there");
        assert_eq!((kv.value(), kv.lease()), (&b"w"[..], Some(lease)));
        client.put_with(Put::keep_value("k")).await?;
        let kv = client.get("k").await?.expect("there");
        assert_eq!((kv.value(), kv.lease()), (&b"w"[..], None));

        let last = kv.mod_revision();
        for (range, there) in [
            (Range::all().min_mod_revision(last), true),
            (Range::all().min_mod_revision(last + 1), false),
            (Range::all().max_mod_revision(last), true),
            (Range::all().max_mod_revision(last - 1), false),
            (Range::all().min_create_revision(created), true),
            (Range::all().min_create_revision(created + 1), false),
            (Range::all().max_create_revision(created), true),
            (Range::all().max_create_revision(created - 1), false),
        ] {
            let words = format!("{range:?}");
            assert_eq!(client.range(range).await?.kvs().len(), usize::from(there), "{words}");
        }
    }
    Ok(())
}
