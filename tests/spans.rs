//! What `tracing` is told of requests: by spans with names and fields, and without secrets.
//!
//! Alone in its process: where another thread says something for the first time just when a subscriber
//! begins to listen, tracing may take it for of no interest to anybody, for good.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tercet_client::{Client, Config, Watch};
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::available;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const TTL: std::time::Duration = std::time::Duration::from_secs(60);

const SECRETS: [&str; 4] =
    ["the-key-of-keys", "the-value-of-values", "pass-the-word", "another-word"];

/// Keeps all that is said, as text.
#[derive(Clone)]
struct Heard {
    lines: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicU64>,
    level: Level,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Heard {
    fn at(level: Level) -> Self {
        Self { lines: Arc::default(), next: Arc::new(AtomicU64::new(1)), level }
    }

    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    /// Those of the client's own that begin so.
    fn ours(&self, start: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.starts_with(start)).cloned().collect()
    }
}

fn head(kind: &str, metadata: &Metadata<'_>) -> String {
    format!("{kind} {} {} {}", metadata.target(), metadata.level(), metadata.name())
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields(format!("{} #{id}", head("span", span.metadata())));
        span.record(&mut fields);
        self.note(fields.0);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields(format!("record #{}", span.into_u64()));
        values.record(&mut fields);
        self.note(fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // The name of an event is the line that it comes from.
        let metadata = event.metadata();
        let mut fields = Fields(format!("event {} {}", metadata.target(), metadata.level()));
        event.record(&mut fields);
        self.note(fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A few requests of a user, some of which fail.
async fn requests(url: &str) -> Result<()> {
    let config = Config::new([url.to_owned()]).user("root", SECRETS[2]);
    let client = Client::connect(config).await?;
    client.put(SECRETS[0], SECRETS[1]).await?;
    client.get(SECRETS[0]).await?;
    client.user_change_password("other", SECRETS[3]).await?;
    let mut watcher = client.watch(Watch::key(SECRETS[0]).start_revision(1)).await?;
    watcher.next().await.expect("not over")?;
    client.lease_revoke(1).await.unwrap_err();
    client.lease(TTL).await?.revoke().await?;
    Ok(())
}

#[tokio::test]
async fn each_request_is_a_span_without_secrets() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.security(Security::Plaintext).start().await?;
        let anybody = cluster.client().await?;
        anybody.user_add("root", SECRETS[2]).await?;
        anybody.user_add("other", "before").await?;
        anybody.role_add("root").await?;
        anybody.user_grant_role("root", "root").await?;
        anybody.auth_enable().await?;
        cluster.set_user("root", SECRETS[2]);
        let url = cluster.endpoints()[0].clone();

        let heard = Heard::at(Level::TRACE);
        let guard = tracing::subscriber::set_default(heard.clone());
        requests(&url).await?;
        // The control: what is said is heard, a secret too.
        tracing::debug!(target: "control", word = SECRETS[0], "said");
        drop(guard);

        let spans = heard.ours("span tercet_client DEBUG etcd");
        let id_of = |operation: &str| {
            let wanted = format!("operation=\"{operation}\"");
            let span = spans.iter().find(|span| span.contains(&wanted));
            let span = span.unwrap_or_else(|| panic!("{operation}: {spans:#?}"));
            span.split_whitespace().find(|word| word.starts_with('#')).unwrap().to_owned()
        };
        let fields =
            |operation: &str| heard.ours(&format!("record {} ", id_of(operation))).concat();
        for operation in ["put", "get", "watch", "user_change_password"] {
            let fields = fields(operation);
            for field in ["attempts=1", "result=\"answered\"", &format!("endpoint=\"{url}\"")] {
                assert!(fields.contains(field), "{operation}: {fields}");
            }
        }
        let refused = fields("lease revoke");
        for field in ["result=LeaseNotFound", "outcome=NotApplied"] {
            assert!(refused.contains(field), "{refused}");
        }
        assert!(!heard.ours("event tercet_client DEBUG message=connected").is_empty());
        assert!(!heard.ours("event tercet_client DEBUG message=got a token").is_empty());

        let lines = heard.lines.lock().unwrap().clone();
        for secret in SECRETS {
            let said: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
            let control = usize::from(secret == SECRETS[0]);
            assert_eq!(said.len(), control, "{said:#?}");
        }

        // Nothing of this is for who reads what goes wrong.
        let heard = Heard::at(Level::INFO);
        let guard = tracing::subscriber::set_default(heard.clone());
        requests(&url).await?;
        drop(guard);
        assert_eq!(heard.lines.lock().unwrap().clone(), Vec::<String>::new());
    }
    Ok(())
}
