//! Holds a lock, and writes so that nobody who has lost it can.
//!
//! `cargo run -p tercet-client --example lock`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Mutex, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let session = client.session(Duration::from_secs(10)).await?;
    let guard = Mutex::new(&session, "locks/report").lock().await?;
    println!("locked, with the token {}", guard.fence().token());
    // Refused if the lock is no longer ours.
    guard.put("report", "of today").await?;
    guard.unlock().await?;
    session.close().await
}
