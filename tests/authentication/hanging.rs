//! A member that takes a request for a token, and does not answer it.

use std::time::Duration;

use tercet_client::{Balance, Client, Config, ErrorKind, Keys, Outcome};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Faults, Member, Result, Timing};
use tercet_pki::Leaf;
use tercet_tests::available;
use tokio::task::JoinSet;

use crate::{ALICE, ROOT, add_users, trusting};

/// Less than an etcd without a quorum takes to say that it has none: five seconds and two elections
/// (`server/config/config.go`, `ReqTimeout`).
const TIMEOUT: Duration = Duration::from_millis(4_800);

/// How many write at once.
const TASKS: usize = 64;

async fn fleet(etcd: &Binary) -> Result<Cluster> {
    let builder = Cluster::builder().members(3).timing(Timing::Ci).faults(Faults::NONE.links());
    let cluster = builder.binary(etcd.path()).start().await?;
    add_users(&cluster).await?;
    cluster.client().await?.auth_enable().await?;
    cluster.set_user(ROOT.0, ROOT.1);
    Ok(cluster)
}

/// A client of this user that asks these members, in this order.
async fn asking(
    cluster: &Cluster,
    members: &[Member<'_>],
    (name, password): (&str, &str),
    timeout: Duration,
) -> Client {
    let identity = cluster.identities().issue(&Leaf::client("a program")).unwrap();
    let urls = members.iter().map(|member| member.client_url());
    let config = Config::new(urls).tls(trusting(cluster, &identity)).balance(Balance::InOrder);
    Client::connect(config.user(name, password).request_timeout(timeout)).await.unwrap()
}

/// Nothing was sent of what waits for a token, and so another member is asked while there is time.
#[tokio::test]
async fn it_leaves_time_for_another() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let leader = cluster.leader().await?;
        let silent = leader.others()[0];
        let mut members = silent.others();
        members.insert(0, silent);
        let isolated = cluster.isolate(silent)?;

        let alice = asking(&cluster, &members, ALICE, TIMEOUT).await;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let alice = alice.clone();
            tasks.spawn(async move { alice.put(format!("alice/{task}"), "value").await });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("no panic")?;
        }
        assert_eq!(alice.range(Keys::prefix("alice/")).await?.kvs().len(), TASKS);

        // The control: it does hang, and there is no other.
        let alone = asking(&cluster, &[silent], ALICE, Duration::from_secs(2)).await;
        let error = alone.put("alice/key", "value").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert_eq!(error.outcome(), Outcome::NotApplied, "{error}");
        let text = error.to_string();
        // On a busy machine some of its time is gone before it asks.
        let text = text.split(" within ").next().unwrap().replace(silent.client_url(), "URL");
        insta::assert_snapshot!(text, @"put at URL: user `alice` is not authenticated: no answer");
        drop(isolated);
    }
    Ok(())
}

/// What may take long does so when it was sent, and not before.
#[tokio::test]
async fn what_may_take_long_waits_for_a_token_no_longer_than_the_rest() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let silent = cluster.leader().await?.others()[0];
        let isolated = cluster.isolate(silent)?;
        let root = asking(&cluster, &[silent], ROOT, Duration::from_secs(2)).await;
        let errors = [
            root.defragment(silent.client_url()).await.unwrap_err(),
            root.snapshot(silent.client_url()).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
            assert_eq!(error.outcome(), Outcome::NotApplied, "{error}");
            let said = "user `root` is not authenticated: no answer within ";
            assert!(error.to_string().contains(said), "{error}");
        }
        // The control: it takes its time, and is done.
        isolated.heal();
        let root = asking(&cluster, &[silent], ROOT, Duration::from_secs(30)).await;
        root.defragment(silent.client_url()).await?;
    }
    Ok(())
}
