//! Puts, gets, ranges, compares and deletes.
//!
//! `cargo run -p tercet-client --example kv`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Client, Compare, Is, Keys, Op, Outcome, Result, Txn};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    client.put("fruit/apple", "red").await?;
    client.put("fruit/pear", "green").await?;
    if let Some(kv) = client.get("fruit/apple").await? {
        println!("{} since revision {}", kv.value_str().unwrap_or("?"), kv.mod_revision());
    }
    for kv in client.range(Keys::prefix("fruit/")).await?.kvs() {
        println!("{:?} = {:?}", String::from_utf8_lossy(kv.key()), kv.value_str());
    }

    let txn = Txn::when([Compare::value("fruit/apple", Is::Equal, "red")])
        .then([Op::put("fruit/apple", "yellow")])
        .otherwise([Op::get("fruit/apple")]);
    println!("ripened: {}", client.txn(txn).await?.succeeded());

    match client.delete_range(Keys::prefix("fruit/")).await {
        Ok(response) => println!("{} deleted", response.deleted()),
        Err(error) if error.outcome() == Outcome::Unknown => println!("perhaps deleted: {error}"),
        Err(error) => return Err(error),
    }
    Ok(())
}
