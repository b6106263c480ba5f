//! Prints what is there, and then each change, without a gap, until it is interrupted.
//!
//! `cargo run -p tercet-client --example watch -- PREFIX`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Client, Keys, Result, Watch};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let prefix = std::env::args().nth(1).unwrap_or_default();
    let keys = if prefix.is_empty() { Keys::all() } else { Keys::prefix(prefix) };
    let now = client.range(keys.clone()).await?;
    for kv in now.kvs() {
        println!("is  {:?} = {:?}", String::from_utf8_lossy(kv.key()), kv.value_str());
    }
    // It goes on by itself when a connection or a member is lost.
    let watch = Watch::new(keys).start_revision(now.revision() + 1);
    let mut watcher = client.watch(watch).await?;
    while let Some(response) = watcher.next().await {
        for event in response?.events() {
            println!("{event:?}");
        }
    }
    Ok(())
}
