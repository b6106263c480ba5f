//! Connects by mutual TLS, with limits of one's own, and says who is there.
//!
//! `cargo run -p tercet-client --example connect`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let config = common::config()?
        .request_timeout(Duration::from_secs(5))
        .dial_timeout(Duration::from_secs(1));
    let client = Client::connect(config).await?;
    for member in client.member_list().await?.members() {
        println!("{member:?}");
        for endpoint in member.client_urls() {
            match client.status(endpoint).await {
                Ok(status) => println!("  {endpoint}: etcd {}", status.version()),
                Err(error) => println!("  {error}"),
            }
        }
    }
    Ok(())
}
