//! Keeps a copy of some keys in memory, which follows the store, and reads from that.
//!
//! `cargo run -p tercet-client --example cache`, with the variables of `common/mod.rs`.

mod common;

use tercet_client::{Cache, Client, Keys, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    client.put("settings/color", "red").await?;
    let settings = Cache::start(&client, Keys::prefix("settings/")).await?;
    println!("{:?} at {}", settings.get("settings/color"), settings.revision());

    // Who wants to read what was just written waits for its revision, and for no request.
    let written = client.put("settings/color", "green").await?;
    settings.wait_for(written.revision()).await?;
    println!("{:?}", settings.get("settings/color"));

    // Several reads of the same revision, whatever comes meanwhile.
    let before = settings.snapshot();
    let deleted = client.delete("settings/color").await?;
    settings.wait_for(deleted.revision()).await?;
    println!("there were {}, and there are {}", before.len(), settings.snapshot().len());
    Ok(())
}
