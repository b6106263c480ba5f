//! The page of all this, `docs/faults.md`: what is written there as code is here, and runs.

use std::time::Duration;

use tercet_harness::{
    CertificateFlaw, Cluster, End, Faults, LinkPolicy, Nemesis, Port, Result, Schedule, StartPoint,
    Timing,
};
use tercet_tests::say;

const PAGE: &str = include_str!("../../docs/faults.md");
const HERE: &str = include_str!("page.rs");

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_page_is_here() {
    let blocks: Vec<_> = PAGE.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 6, "the control: {}", blocks.len());
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

#[tokio::test]
async fn processes_of_the_page() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let paused = cluster.member(0).pause()?;
    // Its connections stay open, and nobody answers on them.
    drop(paused);
    cluster.member(1).kill_at(StartPoint::Listens).await?;
    cluster.member(1).restart().await?;
    Ok(())
}

#[tokio::test]
async fn certificates_of_the_page() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let member = cluster.member(2);
    let stranger = member.spoil_certificate(Port::Client, CertificateFlaw::Stranger)?;
    assert!(member.client().await?.get("hello").await.is_err());
    drop(stranger);
    assert!(member.client().await?.get("hello").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn disks_and_clocks_of_the_page() -> Result<()> {
    let faults = Faults::NONE.disk().clock();
    if let Err(unsupported) = faults.check_support() {
        say(&format!("disks and clocks are not broken here: {unsupported}"));
        return Ok(());
    }
    let cluster = Cluster::builder().faults(faults).timing(Timing::Ci).start().await?;
    let slow = cluster.member(0).slow_disk(Duration::from_millis(20))?;
    let wrong = cluster.member(1).clock_forward(Duration::from_secs(10 * 24 * 3600))?;
    drop((slow, wrong));
    Ok(())
}

#[tokio::test]
async fn a_nemesis_of_the_page() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let nemesis = Nemesis::seeded(42);
    let done = nemesis.run(&cluster, 3).await?;
    let again: Schedule = done.schedule().to_string().parse()?;
    again.run(&cluster).await?;
    Ok(())
}

/// The example of the README and of the harness.
#[tokio::test]
async fn the_example_of_the_readme() -> Result<(), Box<dyn std::error::Error>> {
    if let Err(unsupported) = Faults::ALL.check_support() {
        say(&format!("disks and clocks are not broken here: {unsupported}"));
        return Ok(());
    }
    let cluster = Cluster::builder().faults(Faults::ALL).start().await?;
    let leader = cluster.leader().await?;

    let cut = cluster.cut_one_way(leader, leader.others()[0])?;
    let slow = cluster.slow(End::Clients, leader, Duration::from_millis(20))?;
    let disk = cluster.member(2).fail_disk(tercet_harness::DiskError::Io)?;
    let clock = leader.clock_forward(Duration::from_secs(10 * 24 * 3600))?;
    drop((cut, slow, disk, clock));
    cluster.member(2).restart().await?;

    Nemesis::seeded(42).run(&cluster, 1).await?;
    Ok(())
}
