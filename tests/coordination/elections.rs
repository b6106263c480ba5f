//! Elections: who leads, and who is told.

use std::task::{Context, Poll, Waker};

use tercet_client::{Bytes, Client, Config, Election, ErrorKind, Leaders, LeaseId};
use tercet_harness::{Result, Security};
use tercet_tests::{available, next_of};

use crate::{LONG, fleet_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_leader_is_told_in_order_whatever_happens_to_members() -> Result<()> {
    const TERMS: usize = 6;
    for etcd in available() {
        let cluster = fleet_of(etcd).start().await?;
        let client = cluster.client().await?;
        let watching = client.session(LONG).await?;
        let mut leaders = Election::new(&watching, "office").observe();
        assert!(Election::new(&watching, "office").leader().await?.is_none());
        let seen = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(leader) = leaders.next().await {
                let leader = leader?;
                seen.push((leader.fence().token(), leader.value_str().unwrap().to_owned()));
                if leader.value() == b"the end" {
                    break;
                }
            }
            Ok::<_, tercet_client::Error>(seen)
        });

        let mut expected = Vec::new();
        let mut token = 0;
        for term in 0..TERMS {
            let session = client.session(LONG).await?;
            let election = Election::new(&session, "office");
            let office = election.campaign(format!("{term}")).await?;
            assert!(office.fence().token() > token);
            token = office.fence().token();
            let leader = election.leader().await?.expect("we lead");
            assert_eq!(
                (leader.fence(), leader.value()),
                (office.fence().clone(), format!("{term}").as_bytes())
            );
            expected.push((token, format!("{term}")));
            if term % 2 == 0 {
                cluster.member(term % 3).restart().await?;
            }
            office.proclaim(format!("{term} again")).await?;
            expected.push((token, format!("{term} again")));
            match term {
                0 => office.resign().await?,
                1 => drop(office),
                // Its session ends, and it does not know.
                2 => {
                    client.lease_revoke(session.lease_id()).await?;
                    let error = office.proclaim("late").await.expect_err("it leads no more");
                    assert_eq!(error.kind(), ErrorKind::NotHeld, "{error:?}");
                    let error = office.put("a", "late").await.expect_err("it leads no more");
                    assert_eq!(error.kind(), ErrorKind::NotHeld, "{error:?}");
                }
                _ => session.close().await?,
            }
        }
        let session = client.session(LONG).await?;
        let office = Election::new(&session, "office").campaign("the end").await?;
        expected.push((office.fence().token(), "the end".to_owned()));
        assert_eq!(seen.await.unwrap()?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn leaders_are_a_stream_and_a_wait_that_is_given_up_loses_nobody() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let session = cluster.client().await?.session(LONG).await?;
        let election = Election::new(&session, "office");
        let mut leaders = election.observe();
        // Each wait is given up wherever it is: before the first reading, and while it watches.
        let mut told = Vec::new();
        let give_up = |leaders: &mut Leaders| {
            let context = &mut Context::from_waker(Waker::noop());
            match std::pin::pin!(leaders.next()).poll(context) {
                Poll::Ready(leader) => leader,
                Poll::Pending => None,
            }
        };
        assert!(give_up(&mut leaders).is_none(), "nobody has been asked yet");
        let office = election.campaign("1").await?;
        told.push(next_of(&mut leaders).await.expect("one leads")?);
        for word in ["2", "3", "4"] {
            told.extend(give_up(&mut leaders).transpose()?);
            office.proclaim(word).await?;
        }
        while told.last().is_none_or(|leader| leader.value() != b"4") {
            let leader = match give_up(&mut leaders) {
                Some(leader) => leader,
                None => next_of(&mut leaders).await.expect("it goes on"),
            };
            told.push(leader?);
        }
        let words: Vec<_> = told.iter().map(|leader| leader.value_str().unwrap()).collect();
        assert_eq!(words, ["1", "2", "3", "4"]);
    }
    Ok(())
}

/// A leader whose process is killed: what it has, and nobody keeps.
fn killed_leader(endpoint: Config, name: &'static str) -> (LeaseId, Bytes, i64) {
    let dies = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let left = runtime.block_on(async {
            let client = Client::connect(endpoint).await.unwrap();
            let session = client.session(LONG).await.unwrap();
            let office = Election::new(&session, name).campaign("before").await.unwrap();
            let key = Bytes::copy_from_slice(office.fence().key());
            let left = (session.lease_id(), key, office.fence().token());
            // Neither resigns nor revokes anything.
            std::mem::forget((session, office));
            left
        });
        runtime.shutdown_background();
        left
    };
    std::thread::spawn(dies).join().unwrap()
}

#[tokio::test]
async fn who_is_restarted_leads_on() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).security(Security::Plaintext).start().await?;
        let config = Config::new(cluster.endpoints());
        let (lease, key, token) = killed_leader(config, "office");
        let client = cluster.client().await?;
        let other = client.session(LONG).await?;
        let others = Election::new(&other, "office");
        let waiting = tokio::spawn({
            let others = others.clone();
            async move { others.campaign("another").await }
        });

        let session = client.session_builder().lease(lease).open().await?;
        let election = Election::new(&session, "office");
        // The controls: another one's, of another time, of nobody, and of another election.
        let kind = async |election: &Election, key: &Bytes, token| {
            election.resume(key.clone(), token).await.unwrap_err().kind()
        };
        assert_eq!(kind(&others, &key, token).await, ErrorKind::NotHeld);
        assert_eq!(kind(&election, &key, token - 1).await, ErrorKind::NotHeld);
        assert_eq!(kind(&election, &"office/1".into(), token).await, ErrorKind::NotHeld);
        let error = election.resume("house/1", token).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.to_string(), "resume: the key `house/1` is not of the election `office/`");

        let office = election.resume(key.clone(), token).await?;
        assert_eq!((office.fence().key(), office.fence().token()), (&key[..], token));
        office.proclaim("after").await?;
        let leader = others.leader().await?.expect("one leads");
        assert_eq!((leader.value(), leader.fence().token()), (&b"after"[..], token));
        assert!(!waiting.is_finished(), "nobody led in between");
        // Once: who asks again waits for the first, and then there is nothing.
        let again = tokio::spawn({
            let (election, key) = (election.clone(), key.clone());
            async move { election.resume(key, token).await }
        });
        office.resign().await?;
        assert_eq!(again.await.unwrap().unwrap_err().kind(), ErrorKind::NotHeld);
        let next = waiting.await.unwrap()?;
        assert!(next.fence().token() > token);
    }
    Ok(())
}
