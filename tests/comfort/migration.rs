//! The page for users of another client: what is written there as code is here, and runs.

use std::time::Duration;

use tercet_client::{Client, Compare, Config, Is, Keys, Mutex, Op, Tls, Txn};
use tercet_harness::{Cluster, Result};

const PAGE: &str = include_str!("../../docs/migrating-from-etcd-client.md");
const HERE: &str = include_str!("migration.rs");

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_page_is_here() {
    let blocks: Vec<_> = PAGE.split("```rust\n").skip(1).collect();
    assert_eq!(blocks.len(), 4, "the control");
    let here = trimmed(HERE);
    for block in blocks {
        let (code, _) = block.split_once("```").expect("it ends");
        assert!(here.contains(&trimmed(code)), "this is not run:\n{code}");
    }
}

#[tokio::test]
async fn the_examples_of_the_page() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new(cluster.endpoints()).tls(tls);

    let client = Client::connect(config).await?;
    client.put("jobs/1", "new").await?;
    let response = client.range(Keys::prefix("jobs/")).await?;
    assert_eq!(response.kvs().len(), 1);

    let txn = Txn::when([Compare::value("jobs/1", Is::Equal, "new")])
        .then([Op::put("jobs/1", "taken")])
        .otherwise([Op::get("jobs/1")]);
    let taken = client.txn(txn).await?.succeeded();
    assert!(taken);

    let mut jobs = client.list_then_watch(Keys::prefix("jobs/")).await?;
    client.put("jobs/2", "new").await?;
    let response = jobs.watcher.next().await.expect("not over")?;
    assert_eq!(response.events().len(), 1);

    let session = client.session(Duration::from_secs(10)).await?;
    let guard = Mutex::new(&session, "locks/jobs").lock().await?;
    guard.put("jobs/1", "done").await?;
    guard.unlock().await?;
    Ok(())
}
