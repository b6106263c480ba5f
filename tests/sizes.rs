//! How many members there may be.

use std::time::{Duration, Instant};

use tercet_harness::{Cluster, Result};

async fn works(members: usize) -> Result<Duration> {
    let cluster = Cluster::builder().members(members).start().await?;
    assert_eq!(cluster.members().len(), members);
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    assert_eq!(client.get("hello").await?.expect("there").value(), b"world");
    assert_eq!(client.member_list().await?.len(), members);
    Ok(cluster.start_times().total())
}

#[tokio::test]
async fn one() -> Result<()> {
    works(1).await.map(drop)
}

#[tokio::test]
async fn two() -> Result<()> {
    works(2).await.map(drop)
}

#[tokio::test]
async fn five() -> Result<()> {
    works(5).await.map(drop)
}

#[tokio::test]
async fn nine() -> Result<()> {
    works(9).await.map(drop)
}

#[tokio::test]
async fn none_and_ten_are_refused_at_once() {
    for members in [0, 10] {
        let begin = Instant::now();
        let error = Cluster::builder().members(members).start().await.unwrap_err();
        assert!(begin.elapsed() < Duration::from_secs(1));
        let text = format!("{error:?}");
        assert!(
            text.contains(&format!("a fleet of {members} members is not possible: use 1 to 9")),
            "{text}"
        );
    }
}
