//! A holder of a lock that was paused for too long: what it writes when it goes on is refused.
//!
//! `cargo run -p tercet-client --example fencing`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, ErrorKind, Mutex, Op, Result, Txn};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let first = client.session(Duration::from_secs(5)).await?;
    let stale = Mutex::new(&first, "locks/fenced").lock().await?;
    println!("the first holds it, with the token {}", stale.fence().token());

    // As if it had been paused for longer than its lease lives: the server ends that.
    client.lease_revoke(first.lease_id()).await?;
    let second = client.session(Duration::from_secs(5)).await?;
    let guard = Mutex::new(&second, "locks/fenced").lock().await?;
    println!("the second holds it, with the token {}", guard.fence().token());
    guard.put("fenced", "by the second").await?;

    match stale.put("fenced", "by the first").await {
        Err(error) if error.kind() == ErrorKind::NotHeld => println!("refused: {error}"),
        other => println!("this should not be: {other:?}"),
    }
    // The same for a transaction of one's own, wherever it is made; what is written elsewhere takes
    // the token along.
    let write = guard.fence().guard(Txn::always([Op::put("fenced", "by the second again")]));
    println!("let through: {}", client.txn(write).await?.succeeded());

    // A session tells its end, to stop what should not go on without it.
    println!("{}", first.lost().await);
    guard.unlock().await?;
    second.close().await
}
