//! Elections: who leads, and who is told.

use tercet_client::{Election, ErrorKind};
use tercet_harness::Result;
use tercet_tests::available;

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
