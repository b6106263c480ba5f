//! What is wrong is said at once and clearly, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod asked;
mod etcds;
mod files;

use std::time::{Duration, Instant};

use tercet_harness::Builder;

/// Starts a cluster that cannot start, and returns what was said.
async fn refused(builder: Builder, limit: Duration) -> String {
    let parent = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let error = builder.directory(parent.path()).start().await.expect_err("it cannot start");
    assert!(begin.elapsed() < limit, "took {:?}: {error:?}", begin.elapsed());
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0, "nothing is left");
    format!("{error:?}")
}

/// A refusal takes milliseconds; other tests run beside this one, on as few as two cores.
const SECOND: Duration = Duration::from_secs(1);
