//! Puts a layer of tower's around the client's calls, which times each of them.
//!
//! `cargo run -p tercet-client --example layer`, with the variables of `common/mod.rs`. To add metadata
//! or to refuse a call a function is enough: see `metrics.rs`.

mod common;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tercet_client::{Call, Client, Exchange, Reply, Result};
use tower_layer::layer_fn;
use tower_service::Service;

type Error = <Exchange as Service<Call>>::Error;

#[derive(Clone)]
struct Timed(Exchange);

impl Service<Call> for Timed {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Reply, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let what = format!("{} at {}", call.method(), call.endpoint());
        let begin = Instant::now();
        let answer = self.0.call(call);
        Box::pin(async move {
            let answer = answer.await;
            println!("{what}: {:?}", begin.elapsed());
            answer
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = common::config()?.layer(layer_fn(Timed));
    let client = Client::connect(config).await?;
    client.put("timed", "1").await?;
    client.delete("timed").await?;
    Ok(())
}
