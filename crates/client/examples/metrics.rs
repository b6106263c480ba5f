//! Counts requests and connections, and adds metadata to each call.
//!
//! `cargo run -p tercet-client --example metrics`, with the variables of `common/mod.rs`. For spans
//! and logs see `tracing.rs`.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tercet_client::{AttemptFailed, Client, Connected, Observer, RequestEnd, RequestEnded, Result};

#[derive(Debug, Default)]
struct Metrics {
    requests: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    connections: AtomicU64,
}

impl Observer for Metrics {
    fn request_ended(&self, request: &RequestEnded<'_>) {
        self.requests.fetch_add(1, Relaxed);
        let micros = u64::try_from(request.elapsed.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
        if matches!(request.end, RequestEnd::Failed(_)) {
            self.failures.fetch_add(1, Relaxed);
        }
    }

    fn attempt_failed(&self, attempt: &AttemptFailed<'_>) {
        println!("{} at {} failed: {:?}", attempt.operation, attempt.endpoint, attempt.kind);
    }

    fn connected(&self, connection: &Connected<'_>) {
        self.connections.fetch_add(1, Relaxed);
        println!("connected to {} in {:?}", connection.endpoint, connection.elapsed);
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let metrics = Arc::new(Metrics::default());
    let config = common::config()?
        .observer(metrics.clone())
        .intercept(|call| Ok(call.insert_metadata("x-from", "an example")?));
    let client = Client::connect(config).await?;
    for number in 0..100 {
        client.put("number", number.to_string()).await?;
    }
    println!("{metrics:?}");
    Ok(())
}
