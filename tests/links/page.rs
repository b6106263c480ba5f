//! The page of all this, `docs/faults.md`: what is written there as code is here, and runs.

use std::time::Duration;

use tercet_harness::{Cluster, End, Faults, LinkPolicy, Result, Timing};

const PAGE: &str = include_str!("../../docs/faults.md");
const HERE: &str = include_str!("page.rs");

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_page_is_here() {
    let blocks: Vec<_> = PAGE.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 2, "the control: {}", blocks.len());
    let here = trimmed(HERE);
    for block in blocks {
        let (code, _) = block.split_once("```").expect("it ends");
        assert!(here.contains(&trimmed(code)), "this is not run:\n{code}");
    }
}

#[tokio::test]
async fn a_link_of_the_page() -> Result<()> {
    let cluster =
        Cluster::builder().faults(Faults::NONE.links()).timing(Timing::Ci).start().await?;
    let leader = cluster.leader().await?;
    let isolated = cluster.isolate(leader)?;
    // The others elect another one, and go on.
    drop(isolated);
    cluster.wait_until_ready().await?;
    Ok(())
}

#[tokio::test]
async fn policies_of_the_page() -> Result<()> {
    let cluster =
        Cluster::builder().faults(Faults::NONE.links()).timing(Timing::Ci).start().await?;
    let (a, b) = (cluster.member(0), cluster.member(1));
    let slow = cluster.slow(a, b, Duration::from_millis(20))?;
    let refused = cluster.impose_both_ways(End::Clients, a, LinkPolicy::RESET)?;
    drop((slow, refused));
    Ok(())
}
