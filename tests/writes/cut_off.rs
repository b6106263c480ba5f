//! A member that its clients reach, and that reaches no other member.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet_client::{
    AttemptFailed, Balance, Client, Compare, Config, ErrorKind, Is, Op, Outcome, Range, Tls, Txn,
};
use tercet_harness::{Cluster, Faults, Member, Result};
use tercet_tests::available;

use crate::fleet_of;

/// As every client is unless it says otherwise; these members in their order.
async fn client_of(cluster: &Cluster, endpoints: Vec<String>, patience: Duration) -> Client {
    Client::connect(config_of(cluster, endpoints, patience)).await.unwrap()
}

fn config_of(cluster: &Cluster, endpoints: Vec<String>, patience: Duration) -> Config {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key).unwrap();
    Config::new(endpoints).tls(tls).balance(Balance::InOrder).request_timeout(patience)
}

/// The leader's first follower, and all with it before the others.
async fn first_of(cluster: &Cluster) -> Result<(Member<'_>, Vec<String>)> {
    let alone = cluster.leader().await?.others()[0];
    let mut endpoints = vec![alone.client_url().to_owned()];
    endpoints.extend(alone.others().iter().map(|member| member.client_url().to_owned()));
    Ok((alone, endpoints))
}

/// It says that time is up for a write, which then nobody knows the outcome of. The next go where they
/// are done.
#[tokio::test]
async fn it_keeps_no_more_than_one_write() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let (alone, endpoints) = first_of(&cluster).await?;
        // Longer than etcd waits: five seconds and two elections.
        let client = client_of(&cluster, endpoints, Duration::from_secs(20)).await;
        client.put("key", "before").await?;
        let isolated = cluster.isolate(alone)?;

        let mut failed = Vec::new();
        for number in 0..10 {
            if let Err(error) = client.put("key", number.to_string()).await {
                failed.push(error);
            }
        }
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(failed[0].outcome(), Outcome::Unknown, "{}", failed[0]);
        assert_eq!(failed[0].endpoint(), Some(alone.client_url()));
        assert_eq!(client.get("key").await?.expect("it").value(), b"9");
        drop(isolated);
    }
    Ok(())
}

/// The kinds of attempts at a lease that failed.
#[derive(Default)]
struct Failed(Mutex<Vec<ErrorKind>>);

impl tercet_client::Observer for Failed {
    fn attempt_failed(&self, attempt: &AttemptFailed<'_>) {
        if attempt.operation == "lease grant" {
            self.0.lock().unwrap().push(attempt.kind);
        }
    }
}

/// What may be sent again goes to the next one long before etcd gives up: what was on its way to the
/// leader when the leader was gone is lost, and etcd says so after seconds.
#[tokio::test]
async fn it_keeps_what_may_be_sent_again_for_a_second() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let (alone, endpoints) = first_of(&cluster).await?;
        let failed = Arc::new(Failed::default());
        let config = config_of(&cluster, endpoints.clone(), Duration::from_secs(60));
        let client = Client::connect(config.observer(failed.clone())).await?;
        let control = client_of(&cluster, endpoints, Duration::from_secs(60)).await;
        tokio::try_join!(client.put("key", "before"), control.put("key", "before"))?;

        let isolated = cluster.isolate(alone)?;
        let (granted, put) = tokio::join!(
            client.lease_grant(Duration::from_secs(60)),
            // The control: etcd gives up by itself.
            control.put("key", "value"),
        );
        granted?;
        assert_eq!(*failed.0.lock().unwrap(), [ErrorKind::DeadlineExceeded]);
        assert_eq!(put.unwrap_err().kind(), ErrorKind::Timeout);
        drop(isolated);
    }
    Ok(())
}

/// It does not know what the others have, and does not answer comparisons as if it did.
#[tokio::test]
async fn it_compares_nothing() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let alone = cluster.leader().await?.others()[0];
        let url = vec![alone.client_url().to_owned()];
        // For what is answered, however busy the machine is, and for what is not.
        let client = client_of(&cluster, url.clone(), Duration::from_secs(20)).await;
        let impatient = client_of(&cluster, url, Duration::from_secs(2)).await;
        let revision = client.put("key", "old").await?.revision();
        let holds = || Compare::mod_revision("key", Is::Equal, revision);
        // The control: it holds, it can be asked, and what is asked for beside it is not in the answer.
        let answer = client.txn(Txn::when([holds()]).then([])).await?;
        assert!(answer.succeeded() && answer.responses().is_empty(), "{answer:?}");
        let fails = Compare::mod_revision("key", Is::Greater, revision);
        let answer = client.txn(Txn::when([fails]).then([])).await?;
        assert!(!answer.succeeded() && answer.responses().is_empty(), "{answer:?}");

        let isolated = cluster.isolate(alone)?;
        let others = alone.others().iter().map(|member| member.client_url().to_owned()).collect();
        let other = client_of(&cluster, others, Duration::from_secs(20)).await;
        other.put("key", "new").await?;
        // The control: it has the old one, and says so to whom that is enough.
        let stale = client.range(Range::key("key").serializable()).await?;
        assert_eq!(stale.kvs()[0].value(), b"old");
        let serializable = Op::range(Range::key("key").serializable());
        assert!(client.txn(Txn::when([holds()]).then([serializable])).await?.succeeded());

        let error = impatient.txn(Txn::when([holds()]).then([])).await.unwrap_err();
        assert!(error.to_string().starts_with("txn at "), "{error}");
        assert!(!other.txn(Txn::when([holds()]).then([])).await?.succeeded());
        drop(isolated);
    }
    Ok(())
}
