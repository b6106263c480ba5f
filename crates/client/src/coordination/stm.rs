//! Transactions written as plain code, which is run again when others were faster.

mod commit;
mod memory;
mod options;

use std::fmt;
use std::time::{Duration, Instant};

use self::commit::{Attempt, Commit};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::random::jittered;

pub use self::memory::Stm;
pub use self::options::{Isolation, STM_TIMEOUT, StmOptions};

/// Between two attempts of a transaction that others got in the way of, growing to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// As errors call it.
pub(super) const TRANSACT: &str = "transact";

impl Client {
    /// Reads and writes keys as one transaction: `body` is run with a memory of its own, and what it
    /// wrote there is written to the store at once, if nobody has changed what it read. If somebody
    /// has, it is run again.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::{Error, Stm};
    ///
    /// async fn balance(stm: &Stm, account: &'static str) -> tercet_client::Result<u64> {
    ///     let value = stm.get(account).await?.unwrap_or_default();
    ///     Ok(String::from_utf8_lossy(&value).parse().unwrap_or(0))
    /// }
    ///
    /// let left = client
    ///     .transact(async |stm| {
    ///         let (from, to) = (balance(&stm, "alice").await?, balance(&stm, "bob").await?);
    ///         let Some(left) = from.checked_sub(10) else {
    ///             return Err(Error::aborted("not enough money"));
    ///         };
    ///         stm.put("alice", left.to_string());
    ///         stm.put("bob", (to + 10).to_string());
    ///         Ok(left)
    ///     })
    ///     .await?
    ///     .into_value();
    /// # Ok(()) }
    /// ```
    ///
    /// `body` may be run any number of times, so it should do nothing outside of its memory that may
    /// not happen twice. Write it as `async |stm| …`, which borrows what is around it, or as
    /// `|stm: Stm| async move { … }`.
    ///
    /// What it reads is of one revision of the store, and it is as if all transactions ran one after
    /// the other: see [`Isolation`]. One that writes nothing is not sent at all. A commit takes at most
    /// 128 keys read and written (`--max-txn-ops`).
    ///
    /// Cancelling: before the commit nothing has happened; during the commit it may happen all the
    /// same.
    ///
    /// # Errors
    ///
    /// What `body` returned, and then nothing was written: [`Error::aborted`] makes such an error.
    /// [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) if others were faster until time was up. Any
    /// error of a request; that of the commit says by [`Error::outcome`] whether it may have happened,
    /// and it is not sent again then: for a commit that is, soundly, give
    /// [`StmOptions::guarded`].
    pub async fn transact<T, F: Future<Output = Result<T>>>(
        &self,
        body: impl FnMut(Stm) -> F,
    ) -> Result<Committed<T>> {
        self.transact_with(StmOptions::default(), body).await
    }

    /// The same with another isolation, more patience, or a commit whose unknown outcome is resolved.
    ///
    /// Cancelling: as there.
    ///
    /// # Errors
    ///
    /// As [`transact`](Self::transact).
    pub async fn transact_with<T, F: Future<Output = Result<T>>>(
        &self,
        options: StmOptions,
        mut body: impl FnMut(Stm) -> F,
    ) -> Result<Committed<T>> {
        let begin = Instant::now();
        let left = || options.timeout.saturating_sub(begin.elapsed());
        let mut pause = FIRST_PAUSE;
        let mut attempt = Attempt::first(self, options.isolation);
        for attempts in 1.. {
            let run = async {
                attempt.prefetch(&options.prefetch).await?;
                body(attempt.memory()).await
            };
            match tokio::time::timeout(left(), run).await {
                Ok(Ok(value)) => match attempt.commit(options.guarded.as_ref(), left()).await? {
                    Commit::Done { revision } => {
                        return Ok(Committed { value, revision, attempts });
                    }
                    Commit::Conflict => {}
                },
                // What it read is compacted away, or the like: not its fault.
                Ok(Err(_)) if attempt.is_spoiled() => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(out_of_time(attempts, &attempt)),
            }
            if left().is_zero() {
                return Err(out_of_time(attempts, &attempt));
            }
            tokio::time::sleep(jittered(pause).min(left())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt = attempt.next();
        }
        unreachable!("there is no last number")
    }
}

fn out_of_time(attempts: u32, attempt: &Attempt) -> Error {
    let what = match attempts {
        1 => "time is up in its first attempt".to_owned(),
        _ => format!(
            "time is up in attempt {attempts}: others changed what it read each time before"
        ),
    };
    let failure = Failure::new(ErrorKind::DeadlineExceeded, Fate::NeverSent, what)
        .fix("make it shorter or about fewer keys, or give it more time with StmOptions::timeout");
    Error::new(TRANSACT, failure, Outcome::NotApplied).about(attempt.written())
}

/// What a transaction returned that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed<T> {
    value: T,
    revision: i64,
    attempts: u32,
}

impl<T> Committed<T> {
    /// What its last run returned.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The same, to keep.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The store's revision that it made; of one that wrote nothing, the one that it read. 0 if it
    /// did neither.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How often it was run.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Error {
    /// An error by which the code of a transaction gives it up: see [`Client::transact`]. Nothing is
    /// written then, and it is what `transact` returns, with the reason as its
    /// [`source`](std::error::Error::source).
    pub fn aborted(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let what = "it was given up by its own code";
        let failure = Failure::new(ErrorKind::Aborted, Fate::NeverSent, what);
        Self::new(TRANSACT, failure, Outcome::NotApplied).caused_by(reason)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SerializableSnapshot => "serializable snapshot",
            Self::Serializable => "serializable",
            Self::RepeatableReads => "repeatable reads",
            Self::ReadCommitted => "read committed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nowhere() -> Client {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        Client::connect(url.as_str()).await.unwrap()
    }

    /// Both forms of code, and both from a task.
    #[tokio::test]
    async fn what_touches_no_key_is_not_sent() {
        let client = nowhere().await;
        let name = String::from("borrowed");
        let length = client.transact(async |_| Ok(name.len())).await.unwrap();
        assert_eq!((*length.value(), length.revision(), length.attempts()), (8, 0, 1));
        let task = tokio::spawn(async move {
            let one = client.transact(async |stm| stm.get("key").await).await;
            let other = client.transact(|stm: Stm| async move { stm.get("key").await }).await;
            (one.unwrap_err(), other.unwrap_err())
        });
        let (one, other) = task.await.unwrap();
        assert!(one.is_connect() && other.is_connect());
    }

    #[tokio::test]
    async fn code_that_gives_up_says_why() {
        let client = nowhere().await;
        let given_up = client
            .transact(async |stm| {
                stm.put("key", "value");
                Err::<(), _>(Error::aborted("not enough money"))
            })
            .await
            .unwrap_err();
        assert_eq!(
            (given_up.kind(), given_up.outcome()),
            (ErrorKind::Aborted, Outcome::NotApplied)
        );
        insta::assert_snapshot!(given_up, @"transact: it was given up by its own code");
        let source = std::error::Error::source(&given_up).unwrap();
        assert_eq!(source.to_string(), "not enough money");
    }

    #[tokio::test]
    async fn code_that_hangs_is_dropped() {
        let client = nowhere().await;
        let options = StmOptions::default().timeout(Duration::from_millis(20));
        let late = client
            .transact_with(options, async |stm| {
                stm.put("key", "value");
                std::future::pending::<()>().await;
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!(late.key(), Some(&b"key"[..]));
        insta::assert_snapshot!(late, @"transact: time is up in its first attempt; make it shorter or about fewer keys, or give it more time with StmOptions::timeout");
    }
}
