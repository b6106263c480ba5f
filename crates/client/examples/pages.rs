//! Reads many keys a page at a time, and one by one: all as of one revision.
//!
//! `cargo run -p tercet-client --example pages`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Client, Keys, Op, Range, Result, Txn};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    for hundred in 0..10 {
        // A transaction has 128 steps at most, unless the server is told otherwise.
        let puts = (0..100).map(|one| Op::put(format!("pages/{hundred}{one:02}"), "value"));
        client.txn(Txn::always(puts)).await?;
    }

    let mut pages = client.pages(Range::prefix("pages/").keys_only(), 300);
    while let Some(page) = pages.next().await {
        let page = page?;
        if let (Some(first), Some(last)) = (page.kvs().first(), page.kvs().last()) {
            let (first, last) = (first.key().escape_ascii(), last.key().escape_ascii());
            println!("{} keys, from {first} to {last}", page.kvs().len());
        }
    }

    // It asks for pages by itself, and stops asking when it is dropped.
    let mut keys = client.stream(Range::prefix("pages/"));
    let mut bytes = 0;
    while let Some(kv) = keys.next().await {
        bytes += kv?.value().len();
    }
    println!("{bytes} bytes of values");

    println!("{} deleted", client.delete_range(Keys::prefix("pages/")).await?.deleted());
    Ok(())
}
