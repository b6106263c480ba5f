//! Puts jobs into a queue, and takes them out by several workers, each once.
//!
//! `cargo run -p tercet-client --example queue`, with the variables of `common/mod.rs`.

mod common;

use std::time::Duration;

use tercet_client::{Client, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(common::config()?).await?;
    let jobs = client.queue("jobs");
    let mut workers = tokio::task::JoinSet::new();
    for worker in 1..=3 {
        let jobs = jobs.clone();
        workers.spawn(async move {
            // A taker may stop waiting at any moment, and loses nothing.
            while let Ok(job) = tokio::time::timeout(Duration::from_secs(1), jobs.dequeue()).await {
                println!("worker {worker} does {}", job?.value_str().unwrap_or("something"));
            }
            Ok::<_, tercet_client::Error>(())
        });
    }
    for job in 1..=10 {
        jobs.enqueue(format!("job {job}")).await?;
    }
    while let Some(worker) = workers.join_next().await {
        worker.expect("no panic")?;
    }

    let urgent = client.priority_queue("urgent");
    urgent.enqueue(7, "sweep the floor").await?;
    urgent.enqueue(1, "put out the fire").await?;
    while let Some(job) = urgent.try_dequeue().await? {
        println!("{}", job.value_str().unwrap_or("something"));
    }
    Ok(())
}
