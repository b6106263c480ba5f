//! Prints what is there, and then each change, without a gap, until it is interrupted.
//!
//! `cargo run -p tercet-client --example watch -- PREFIX`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Client, Keys, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let prefix = std::env::args().nth(1).unwrap_or_default();
    let keys = if prefix.is_empty() { Keys::all() } else { Keys::prefix(prefix) };
    let mut listed = client.list_then_watch(keys).await?;
    for kv in &listed.kvs {
        println!("is  {:?} = {:?}", String::from_utf8_lossy(kv.key()), kv.value_str());
    }
    // It goes on by itself when a connection or a member is lost. If what it was to tell was compacted
    // away meanwhile, it ends with `ErrorKind::Compacted`: list again.
    while let Some(response) = listed.watcher.next().await {
        for event in response?.events() {
            println!("{event:?}");
        }
    }
    Ok(())
}
