//! Shows what the client does, by a subscriber of `tracing`.
//!
//! `cargo run -p tercet-client --example tracing`, with the variables of `common/mod.rs`. Each request
//! is a span at the level `DEBUG`, within the span that asked for it.

mod common;

use tercet_client::{Client, Result};
use tracing::{Instrument as _, info, info_span};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main]
async fn main() -> Result<()> {
    // Ours and the client's, and not those of HTTP/2 below it.
    let wanted = filter_fn(|of| ["tracing", "tercet_client"].iter().any(|&it| of.target() == it));
    let lines = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE);
    tracing_subscriber::registry().with(lines.with_filter(wanted)).init();

    let client = Client::connect(common::config()?).await?;
    let job = async {
        client.put("traced", "done").await?;
        info!("written");
        client.get("traced").await
    };
    job.instrument(info_span!("job", number = 1)).await?;
    Ok(())
}
