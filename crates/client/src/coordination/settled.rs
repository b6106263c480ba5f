//! Transactions that are sent until it is known what became of them.

use std::time::{Duration, Instant};

use super::claim::{Pauses, passes};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::kv::{Guarded, Resolution, Txn};

/// As many times a request's as it may take to find out.
const TIMES: u32 = 3;

/// Does this transaction, which does nothing unless its comparisons hold: once, however often it
/// takes to find out what became of it. Returns whether they held.
///
/// An error is as that of [`Guarded::txn`]: nothing happened, or nobody knows yet, and it can be
/// resolved.
pub(super) async fn settled(guarded: &Guarded, operation: &'static str, txn: &Txn) -> Result<bool> {
    let begin = Instant::now();
    let patience = guarded.client().caller.timeout().saturating_mul(TIMES);
    loop {
        let error = match guarded.txn(txn.clone()).await {
            Ok(answer) => return Ok(answer.succeeded()),
            Err(error) => error.during(operation),
        };
        if !error.is_resolvable() {
            return Err(error);
        }
        match resolved(&error, guarded.client(), || patience.saturating_sub(begin.elapsed())).await
        {
            Some(Resolution::Applied { succeeded, .. }) => return Ok(succeeded),
            Some(Resolution::NotApplied) if begin.elapsed() < patience => {}
            // That it was not applied is known now, and so it is to who asks the error.
            Some(Resolution::NotApplied | Resolution::Undecidable) | None => return Err(error),
        }
    }
}

/// Asks at least once, and until it is answered or time is up.
pub(super) async fn resolved(
    error: &Error,
    client: &Client,
    left: impl Fn() -> Duration,
) -> Option<Resolution> {
    let mut pauses = Pauses::new();
    loop {
        match error.resolve(client).await {
            Ok(resolution) => return Some(resolution),
            Err(again) if left().is_zero() || !passes(&again) => return None,
            Err(_) => pauses.next().await,
        }
    }
}
