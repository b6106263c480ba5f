//! An entry for the log of a fleet in which nobody writes.
//!
//! A member that was sent a snapshot counts what is in it as applied only with the next entry of the
//! log (`server/etcdserver/server.go`, `applySnapshot` and `apply`). Until then it seems to be as far
//! behind as the snapshot is long, and with more than 5000 entries (`v3_server.go`,
//! `maxGapBetweenApplyAndCommitIndex`) it refuses every proposal, from 3.6 on also its own by which
//! it becomes a member that serves clients. In an idle fleet that is for ever: it tries again some
//! thousand times a second. Measured with 3.6.14.

use std::time::Duration;

use tercet_client::{Client, Compare, Config, Is, Op, Txn};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long after an entry the next one follows, while the member has not come on.
const EVERY: Duration = Duration::from_millis(100);

/// A key that is never written, whatever is in it.
const KEY: &str = "tercet/ready";

/// Writes entries, until it is dropped.
#[derive(Default)]
pub(super) struct Stir(JoinSet<()>);

impl Stir {
    /// Begins, if it has not, by whoever of them answers.
    pub(super) fn begin(
        &mut self,
        others: impl FnOnce() -> Result<Config, tercet_client::Error>,
    ) -> Result<(), tercet_client::Error> {
        if self.0.is_empty() {
            let others = others()?;
            self.0.spawn(async move {
                loop {
                    // Whether it came to anything shows in the member.
                    let _ = write(&others).await;
                    sleep(EVERY).await;
                }
            });
        }
        Ok(())
    }
}

/// What may write goes into the log, whether or not it comes to that. It need not be allowed: who may
/// do what is looked at when the entry is applied.
async fn write(config: &Config) -> Result<(), tercet_client::Error> {
    let client = Client::connect(config.clone()).await?;
    client.txn(nothing()).await.map(drop)
}

/// A transaction that does nothing: no key has a version below nought.
fn nothing() -> Txn {
    Txn::when([Compare::version(KEY, Is::Less, 0)]).then([Op::put(KEY, "never")]).into()
}
