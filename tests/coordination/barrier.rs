//! Gates.

use std::time::Duration;

use tercet_client::{Client, DoubleBarrier, ErrorKind, Range};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{PATIENCE, available};
use tokio::task::JoinSet;

const TTL: Duration = Duration::from_secs(5);

async fn fleet_of(etcd: &Binary) -> Result<(Cluster, Client)> {
    let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
    let cluster = builder.start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// A task that waits, and how to see whether it still does.
fn waiting(client: &Client) -> tokio::task::JoinHandle<tercet_client::Result<()>> {
    let gate = client.barrier("gate");
    tokio::spawn(async move { gate.wait().await })
}

async fn opens(task: tokio::task::JoinHandle<tercet_client::Result<()>>) -> Result<()> {
    Ok(tokio::time::timeout(PATIENCE, task).await.expect("it opens").expect("no panic")?)
}

#[tokio::test]
async fn all_wait_while_it_is_held() -> Result<()> {
    for etcd in available() {
        let (_cluster, client) = fleet_of(etcd).await?;
        let gate = client.barrier("gate");
        gate.wait().await?;
        assert!(gate.hold().await?);
        assert!(!gate.hold().await?, "it is held already");
        let tasks = [waiting(&client), waiting(&client), waiting(&client)];
        // The control: who would not wait is through by now.
        client.put("other", "1").await?;
        tokio::time::timeout(Duration::from_millis(100), gate.wait()).await.unwrap_err();
        assert!(tasks.iter().all(|task| !task.is_finished()));
        assert!(gate.release().await?);
        for task in tasks {
            opens(task).await?;
        }
        assert!(!gate.release().await?);

        let session = client.session(TTL).await?;
        assert!(gate.hold_within(&session).await?);
        let task = waiting(&client);
        session.close().await?;
        opens(task).await?;
        gate.wait().await?;
    }
    Ok(())
}

const COUNT: usize = 4;

async fn places(client: &Client, count: usize) -> Result<Vec<DoubleBarrier>> {
    let mut places = Vec::new();
    for _ in 0..count {
        places.push(client.session(TTL).await?.double_barrier("both", COUNT));
    }
    Ok(places)
}

async fn waiters(client: &Client) -> Result<i64> {
    Ok(client.range(Range::prefix("both/waiters/").count_only()).await?.count())
}

async fn until_waiting(client: &Client, count: i64) -> Result<()> {
    let seen = async {
        while waiters(client).await? != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("as many as that")
}

/// They enter together and leave together, twice; one too many is refused.
#[tokio::test]
async fn enough_enter_together_and_leave_together() -> Result<()> {
    for etcd in available() {
        let (_cluster, client) = fleet_of(etcd).await?;
        let all = places(&client, COUNT).await?;
        for round in 0..2 {
            let mut tasks = JoinSet::new();
            for place in &all[1..] {
                let place = place.clone();
                tasks.spawn(async move { place.enter().await });
            }
            until_waiting(&client, 3).await?;
            assert!(tasks.try_join_next().is_none(), "the control: three are not enough");
            let mut inside = vec![all[0].enter().await?];
            while let Some(entered) = tasks.join_next().await {
                inside.push(entered.expect("no panic")?);
            }
            let full = all[0].enter().await.unwrap_err();
            assert_eq!(full.kind(), ErrorKind::BarrierFull);
            let last = inside.pop().expect("four");
            let mut leaving = JoinSet::new();
            for one in inside {
                leaving.spawn(one.leave());
            }
            until_waiting(&client, 1).await?;
            assert!(leaving.try_join_next().is_none(), "the control: one is still there");
            let early = all[0].enter().await.unwrap_err();
            assert_eq!(early.kind(), ErrorKind::BarrierFull, "the next round has not begun");
            if round == 0 {
                last.leave().await?;
            } else {
                drop(last);
            }
            while let Some(left) = leaving.join_next().await {
                left.expect("no panic")?;
            }
            until_waiting(&client, 0).await?;
        }
    }
    Ok(())
}

/// One that gives up is not counted any more, and one whose session ends is not waited for.
#[tokio::test]
async fn who_is_gone_is_neither_counted_nor_waited_for() -> Result<()> {
    for etcd in available() {
        let (_cluster, client) = fleet_of(etcd).await?;
        let mut all = places(&client, COUNT).await?;
        let giving_up = tokio::spawn({
            let place = all[0].clone();
            async move { place.enter().await.map(drop) }
        });
        until_waiting(&client, 1).await?;
        giving_up.abort();
        until_waiting(&client, 0).await?;

        let doomed = client.session(TTL).await?;
        all[0] = doomed.double_barrier("both", COUNT);
        let mut tasks = JoinSet::new();
        for place in all {
            tasks.spawn(async move { place.enter().await });
        }
        let mut inside = Vec::new();
        while let Some(entered) = tasks.join_next().await {
            inside.push(entered.expect("no panic")?);
        }
        doomed.close().await?;
        let mut gone = 0;
        let mut leaving = JoinSet::new();
        for one in inside {
            leaving.spawn(one.leave());
        }
        while let Some(left) = leaving.join_next().await {
            match left.expect("no panic") {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::LeaseLost => gone += 1,
                Err(error) => return Err(error.into()),
            }
        }
        assert_eq!(gone, 1, "whose session is over");
        until_waiting(&client, 0).await?;
    }
    Ok(())
}
