//! Writes, and says of each write what became of it: stop a member while it runs.
//!
//! `cargo run -p tercet-client --example outcome`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Outcome, Resolution, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let config = common::config()?.request_timeout(Duration::from_secs(3));
    let client = Client::connect(config).await?;
    let guarded = client.guarded("guards/");
    for number in 0..20 {
        match guarded.put(format!("numbers/{number}"), "written").await {
            Ok(put) => println!("{number}: written at revision {}", put.revision()),
            Err(error) if error.outcome() == Outcome::NotApplied => {
                println!("{number}: not written, and never will be: {error}");
            }
            Err(error) => {
                println!("{number}: {error}");
                let resolution = loop {
                    match error.resolve(&client).await {
                        Ok(resolution) => break resolution,
                        Err(error) => println!("{number}: not known yet: {error}"),
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                };
                match resolution {
                    Resolution::Applied { revision, .. } => {
                        println!("{number}: it was written, at revision {revision}");
                    }
                    Resolution::NotApplied => println!("{number}: it was not, and never will be"),
                    Resolution::Undecidable => println!("{number}: nobody knows any more"),
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
