//! Campaigns, leads for three seconds or until its session is lost, and resigns. Run it twice at once.
//!
//! `cargo run -p tercet-client --example election -- NAME`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Election, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let name = std::env::args().nth(1).unwrap_or_else(|| "somebody".to_owned());
    let session = client.session(Duration::from_secs(5)).await?;
    let election = Election::new(&session, "elections/example");
    if let Some(leader) = election.leader().await? {
        println!("{} leads, so we wait", leader.value_str().unwrap_or("?"));
    }
    let office = election.campaign(name.clone()).await?;
    println!("{name} leads");
    office.put("elections/last", name).await?;
    // For three seconds, or until it is lost.
    match tokio::time::timeout(Duration::from_secs(3), office.lost()).await {
        Ok(lost) => println!("{lost}"),
        Err(_) => office.resign().await?,
    }
    Ok(())
}
