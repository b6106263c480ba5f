//! A write that is held up on its way and arrives when nobody expects it any more.

use std::time::{Duration, Instant};

use tercet_client::{Client, Op, Outcome, Resolution, Txn};
use tercet_harness::{Cluster, Faults, LinkPolicy, Member, Result};
use tercet_tests::{PATIENCE, available};

use crate::{client_of, fleet_of};

/// A fleet, and a follower whose words to the leader can be held.
async fn roles(cluster: &Cluster) -> Result<(Member<'_>, Member<'_>, Member<'_>)> {
    let leader = cluster.leader().await?;
    let others = leader.others();
    Ok((leader, others[0], others[1]))
}

async fn only(cluster: &Cluster, member: Member<'_>) -> Result<Client> {
    client_of(cluster, vec![member.client_url().to_owned()]).await
}

/// Waits until this member's store is as far as another's was.
async fn follows(member: &Client, revision: i64) {
    let begin = Instant::now();
    loop {
        let read = member.range(tercet_client::Range::key("any").serializable()).await;
        if read.is_ok_and(|read| read.revision() >= revision) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "it stays behind {revision}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A plain write that a read does not show turns up after all: what the guard is there for. A guarded
/// one on the same way never does, since it was resolved.
#[tokio::test]
async fn a_write_that_was_resolved_as_not_applied_never_turns_up() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let (leader, follower, third) = roles(&cluster).await?;
        let through = only(&cluster, follower).await?;
        let elsewhere = client_of(
            &cluster,
            vec![leader.client_url().to_owned(), third.client_url().to_owned()],
        )
        .await?;
        let guarded = through.guarded("guards/");
        guarded.put("before", "1").await?;

        // What the follower hands on waits, and so does nothing that it is told.
        let held = cluster.impose_one_way(follower, leader, LinkPolicy::HOLD)?;
        let (plain, guarded_put) =
            tokio::join!(through.put("plain", "late"), guarded.put("guarded", "late"));
        let (plain, error) = (plain.unwrap_err(), guarded_put.unwrap_err());
        assert_eq!((plain.outcome(), error.outcome()), (Outcome::Unknown, Outcome::Unknown));
        assert_eq!((plain.key(), error.key()), (Some(&b"plain"[..]), Some(&b"guarded"[..])));
        assert!(error.is_resolvable() && !plain.is_resolvable());
        assert_eq!(plain.resolve(&elsewhere).await?, Resolution::Undecidable);
        assert!(
            elsewhere.get("plain").await?.is_none() && elsewhere.get("guarded").await?.is_none()
        );
        assert_eq!(error.resolve(&elsewhere).await?, Resolution::NotApplied);
        assert_eq!(error.resolve(&elsewhere).await?, Resolution::NotApplied, "asked again");
        let mut patience = Duration::from_micros(50);
        let resolved = loop {
            match tokio::time::timeout(patience, error.resolve(&elsewhere)).await {
                Ok(resolved) => break resolved?,
                Err(_) => patience *= 2,
            }
        };
        assert_eq!(resolved, Resolution::NotApplied, "asked by one who was dropped");

        held.heal();
        cluster.wait_until_ready().await?;
        // It comes after those that were held.
        let last = through.put("last", "1").await?.revision();
        follows(&through, last).await;
        let (plain, guarded) = (elsewhere.get("plain").await?, elsewhere.get("guarded").await?);
        assert!(plain.is_some(), "the control: a read proved nothing");
        assert!(guarded.is_none(), "{guarded:?}");
    }
    Ok(())
}

/// The answer is lost, and the write was done.
#[tokio::test]
async fn a_write_whose_answer_was_lost_is_resolved_as_applied_where_it_was() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let (_, follower, _) = roles(&cluster).await?;
        let through = only(&cluster, follower).await?;
        let elsewhere = cluster.client().await?;
        let guarded = through.guarded("guards/");
        guarded.put("before", "1").await?;
        let silent =
            cluster.impose_one_way(follower, tercet_harness::End::Clients, LinkPolicy::HOLD)?;
        let both = Txn::when([tercet_client::Compare::missing("missing")])
            .then([Op::put("then", "1")])
            .otherwise([Op::put("otherwise", "1")]);
        let other = Txn::when([tercet_client::Compare::exists("missing")])
            .then([Op::put("then", "2")])
            .otherwise([Op::put("otherwise", "2")]);
        let (put, delete, then, otherwise) = tokio::join!(
            guarded.put("key", "1"),
            guarded.delete("before"),
            guarded.txn(both),
            guarded.txn(other),
        );
        // What needed a guard first has not been sent.
        let errors = [put.err(), delete.err(), then.err(), otherwise.err()].map(Option::unwrap);
        let sent: Vec<_> = errors.iter().filter(|error| error.is_resolvable()).collect();
        assert!(!sent.is_empty());
        silent.heal();
        for error in &errors {
            match (error.is_resolvable(), error.resolve(&elsewhere).await?) {
                (true, Resolution::Applied { revision, succeeded: true }) => {
                    let key = elsewhere.get(error.key().unwrap().to_vec()).await?;
                    assert_eq!(key.unwrap().mod_revision(), revision);
                }
                (false, Resolution::NotApplied) => {
                    assert!(elsewhere.get("otherwise").await?.is_none());
                }
                other => panic!("{other:?}: {error}"),
            }
        }
    }
    Ok(())
}
