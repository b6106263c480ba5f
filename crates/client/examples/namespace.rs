//! Two applications in one store, each with its keys, its watches and its locks to itself.
//!
//! `cargo run -p tercet-client --example namespace`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Keys, Mutex, Result, Watch};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let (shop, bank) = (client.namespace("shop/"), client.namespace("bank/"));
    let mut changes = bank.watch(Watch::all()).await?;
    shop.put("name", "the shop").await?;
    bank.put("name", "the bank").await?;
    println!("to the shop: {:?}", shop.get("name").await?);
    // Only of its own keys, by the names that they have within.
    if let Some(change) = changes.next().await {
        println!("told to the bank: {:?}", change?);
    }

    // The same name, and two locks.
    let (open, vault) = (
        shop.session(Duration::from_secs(10)).await?,
        bank.session(Duration::from_secs(10)).await?,
    );
    let _shop = Mutex::new(&open, "lock").lock().await?;
    let _bank = Mutex::new(&vault, "lock").lock().await?;
    for prefix in ["shop/", "bank/"] {
        for kv in client.range(Keys::prefix(prefix)).await?.kvs() {
            println!("in the store: {kv:?}");
        }
    }
    // What is dropped at the end of `main` may have no time left to give its locks back.
    open.close().await?;
    vault.close().await
}
