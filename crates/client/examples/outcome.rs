//! Writes, and says of each write what became of it: stop a member while it runs.
//!
//! `cargo run -p tercet-client --example outcome -- http://127.0.0.1:2379`

use std::time::Duration;

use tercet_client::{Client, Config, Outcome, Resolution, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let config = Config::new(endpoints()).request_timeout(Duration::from_secs(3));
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

/// From the arguments, or else from `ETCD_ENDPOINTS`, with commas between.
fn endpoints() -> Vec<String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return arguments;
    }
    let variable = std::env::var("ETCD_ENDPOINTS");
    let variable = variable.unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());
    variable.split(',').map(str::to_owned).collect()
}
