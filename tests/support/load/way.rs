//! Through what a load writes and reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tercet_client::{Client, Config, Error, Guarded, KeyValue, Outcome, Range, Resolution};

use super::history::{Answer, Read};

/// Makes what a client is made of, for every write anew.
pub type Dial = Arc<dyn Fn() -> Config + Send + Sync>;

/// Through what a writer writes.
#[derive(Clone)]
pub(super) enum Way {
    Client(Client),
    Dial(Dial),
    /// What is unknown is resolved.
    Guarded(Guarded),
}

/// What resolutions said.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) applied: AtomicUsize,
    pub(super) not_applied: AtomicUsize,
    pub(super) undecidable: AtomicUsize,
}

impl Way {
    pub(super) async fn client(&self) -> tercet_client::Result<Client> {
        match self {
            Self::Client(client) => Ok(client.clone()),
            Self::Dial(config) => Client::connect(config()).await,
            Self::Guarded(guarded) => Ok(guarded.client().clone()),
        }
    }

    pub(super) async fn write(&self, key: String, value: String, resolved: &Resolved) -> Answer {
        let put = async {
            match self {
                Self::Guarded(guarded) => guarded.put(key, value).await,
                Self::Client(_) | Self::Dial(_) => self.client().await?.put(key, value).await,
            }
        };
        match put.await {
            Ok(put) => Answer::Acknowledged { revision: put.revision() },
            Err(error) if error.is_resolvable() => self.resolve(&error, resolved).await,
            Err(error) => match error.outcome() {
                Outcome::NotApplied => Answer::NotApplied { error: error.to_string() },
                Outcome::Unknown => Answer::Unknown { error: error.to_string() },
            },
        }
    }

    /// Asks until somebody knows.
    async fn resolve(&self, error: &Error, resolved: &Resolved) -> Answer {
        let client = self.client().await.expect("it wrote through one");
        let resolution = loop {
            match error.resolve(&client).await {
                Ok(resolution) => break resolution,
                Err(again) => assert_eq!(again.outcome(), Outcome::NotApplied, "{again}"),
            }
        };
        let (count, answer) = match resolution {
            Resolution::Applied { revision, succeeded } => {
                assert!(succeeded, "a put has no other branch");
                (&resolved.applied, Answer::Acknowledged { revision })
            }
            Resolution::NotApplied => {
                let error = format!("resolved: {error}");
                (&resolved.not_applied, Answer::NotApplied { error })
            }
            Resolution::Undecidable => {
                (&resolved.undecidable, Answer::Unknown { error: error.to_string() })
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Reads what was acknowledged at this revision.
    pub(super) async fn read(&self, key: String, acknowledged: i64) -> tercet_client::Result<Read> {
        let answer = self.client().await?.range(Range::key(key.clone())).await?;
        let shown = answer.kvs().first().map(KeyValue::mod_revision);
        Ok(Read { key, acknowledged, shown, store: answer.revision() })
    }
}
