//! Over which members requests are spread, and what a member that is gone costs.

use tercet_client::{Balance, Client, Config, Keys, Permission};
use tercet_harness::{Cluster, Result};
use tercet_tests::available;
use tokio::task::JoinSet;

use crate::{Writing, all_asked, asked, fleet};

const GETS: usize = 30;

async fn balanced(cluster: &Cluster, balance: Balance) -> Result<Client> {
    Ok(Client::connect(Config::new(cluster.endpoints()).balance(balance)).await?)
}

/// How many of `GETS` each member was sent.
async fn spread(cluster: &Cluster, client: &Client) -> Result<Vec<usize>> {
    let before = all_asked(cluster, "Range").await;
    for _ in 0..GETS {
        client.get("key").await?;
    }
    let after = all_asked(cluster, "Range").await;
    Ok(after.iter().zip(before).map(|(after, before)| after - before).collect())
}

/// `GETS` that are all under way at once.
async fn crowd(client: &Client) -> Result<()> {
    let get = |client: Client| async move { client.get("key").await };
    let mut gets: JoinSet<_> = (0..GETS).map(|_| get(client.clone())).collect();
    while let Some(got) = gets.join_next().await {
        got.expect("it does not panic")?;
    }
    Ok(())
}

/// How many of such a crowd each member was sent.
async fn crowded(cluster: &Cluster, client: &Client) -> Result<Vec<usize>> {
    let before = all_asked(cluster, "Range").await;
    crowd(client).await?;
    let after = all_asked(cluster, "Range").await;
    Ok(after.iter().zip(before).map(|(after, before)| after - before).collect())
}

#[tokio::test]
async fn a_crowd_is_shared_out_and_one_thing_at_a_time_stays_where_it_is() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let client = balanced(&cluster, Balance::LeastRequests).await?;
        let shares = crowded(&cluster, &client).await?;
        assert!(shares.iter().all(|&share| share >= GETS / 5), "{shares:?}");
        let mut alone = spread(&cluster, &client).await?;
        alone.sort_unstable();
        assert_eq!(alone, [0, 0, GETS]);

        let in_order = balanced(&cluster, Balance::InOrder).await?;
        assert_eq!(crowded(&cluster, &in_order).await?, [GETS, 0, 0]);
        assert_eq!(spread(&cluster, &in_order).await?, [GETS, 0, 0]);
    }
    Ok(())
}

/// Clients that ask for one thing at a time are not all at the same member.
#[tokio::test]
async fn each_client_begins_somewhere() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let before = all_asked(&cluster, "Range").await;
        // That all of 40 begin at the same two of three happens once in four million runs.
        for _ in 0..40 {
            balanced(&cluster, Balance::LeastRequests).await?.get("key").await?;
        }
        let after = all_asked(&cluster, "Range").await;
        assert!(after.iter().zip(&before).all(|(after, before)| after > before), "{after:?}");
    }
    Ok(())
}

/// A member that was killed is left out, costs no request anything more, and is back when it is.
#[tokio::test]
async fn a_member_that_is_killed_is_left_out_until_it_is_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let client = balanced(&cluster, Balance::LeastRequests).await?;
        let shares = crowded(&cluster, &client).await?;
        assert!(shares.iter().all(|&share| share >= GETS / 5), "{shares:?}");
        let victim = cluster.leader().await?.others()[0];
        let down = victim.kill()?;
        // Reads find that out, and are answered elsewhere. From then on a write is not sent there: one
        // that was, at the very moment of the kill, might have been lost.
        for _ in 0..GETS {
            client.get("key").await?;
        }
        crowd(&client).await?;
        for _ in 0..GETS {
            client.put("key", "value").await?;
        }
        down.restart().await?;
        let before = asked(victim, "Range").await;
        let back = async {
            while asked(victim, "Range").await < before + GETS {
                crowd(&client).await?;
            }
            Ok::<_, tercet_harness::Error>(())
        };
        tokio::time::timeout(crate::PATIENCE, back).await.expect("it has its share again")?;
    }
    Ok(())
}

/// A token is known to the other members only some moments later: that is no reason for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_in_turn_asks_for_few_tokens() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let root = cluster.client().await?;
        root.user_add("root", "secret").await?;
        root.user_grant_role("root", "root").await?;
        root.user_add("alice", "secret").await?;
        root.role_add("alice").await?;
        root.role_grant_permission("alice", Permission::read_write(Keys::all())).await?;
        root.user_grant_role("alice", "alice").await?;
        root.auth_enable().await?;
        let alice = || Config::new(cluster.endpoints()).user("alice", "secret");
        let tokens = || async { all_asked(&cluster, "Authenticate").await.iter().sum::<usize>() };

        let before = tokens().await;
        let client = Client::connect(alice()).await?;
        let mut tasks = Vec::new();
        for task in 0..64 {
            let client = client.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..10 {
                    client.put(format!("key-{task}"), "value").await?;
                }
                Ok::<_, tercet_client::Error>(())
            }));
        }
        for task in tasks {
            task.await.expect("it does not panic")?;
        }
        let given = tokens().await - before;
        assert!((1..=3).contains(&given), "{given} tokens");
        let writing = Writing::begin(&client);
        writing.goes_on(300).await;
        assert_eq!(writing.end().await, Vec::<String>::new());

        // The control: what is counted is counted.
        let before = tokens().await;
        for _ in 0..5 {
            Client::connect(alice()).await?.get("key").await?;
        }
        assert_eq!(tokens().await - before, 5);
    }
    Ok(())
}
