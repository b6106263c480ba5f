//! Faults by a seed, while somebody writes.

use std::time::Duration;

use tercet_cluster::{FaultError, NemesisError, StepError};
use tercet_harness::{Cluster, Faults, Menu, Nemesis, Result, Schedule, Security};
use tercet_tests::{Load, LoadOptions, PATIENCE, available, eventually, say};

use super::support::fleet_of;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Lets it loose while somebody writes, and checks every write.
async fn under_load(cluster: &Cluster, nemesis: &Nemesis, rounds: usize) -> Result<()> {
    let client = cluster.client().await?;
    let load = Load::start(&client, LoadOptions::default()).await;
    load.acknowledges(20).await;
    let rampage = nemesis.run(cluster, rounds).await?;
    load.acknowledges(20).await;
    let report = load.stop().await;
    say(&format!("etcd {}: {report}\n{rampage}", cluster.binary().version()));
    report.verify(&client).await;
    assert_eq!(rampage.deeds().len(), rounds);
    assert!(rampage.deeds().iter().all(|deed| deed.ready.is_some()), "{rampage}");
    assert!(cluster.members().all(|member| member.is_running() && !member.is_paused()));
    Ok(())
}

#[tokio::test]
async fn nothing_is_lost_by_what_leaves_a_majority() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let nemesis = Nemesis::seeded(42).lasting(MS(200)..=MS(1000)).quiet(MS(50)..=MS(200));
        under_load(&cluster, &nemesis, 10).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_lost_by_what_leaves_none() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let menu = Menu::NONE.kills().pauses().crashes();
        let nemesis = Nemesis::seeded(7).menu(menu).beyond_quorum();
        under_load(&cluster, &nemesis.quiet(MS(50)..=MS(200)), 6).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_same_is_done_again_as_it_is_printed() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let nemesis = Nemesis::seeded(3).menu(Menu::NONE.kills().pauses());
    let nemesis = nemesis.lasting(MS(100)..=MS(200)).quiet(MS(0)..=MS(50));
    let first = nemesis.run(&cluster, 4).await?;
    let schedule: Schedule = first.schedule().to_string().parse()?;
    let second = schedule.run(&cluster).await?;
    assert_eq!(first.schedule(), second.schedule());
    assert_eq!(cluster.rampages().len(), 2);
    // Members by their place are the same, those by their role are who has it then.
    for (one, other) in first.deeds().iter().zip(second.deeds()) {
        assert_eq!(one.step, other.step);
        assert_eq!(one.members.len(), other.members.len());
    }
    Ok(())
}

#[tokio::test]
async fn cancelled_everything_is_healed_and_the_killed_stay_down() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let minute = |act: &str| {
        let text = format!("seed 0, 3 members:\n{act}, for 60000 ms, then quiet for 0 ms");
        text.parse::<Schedule>()
    };
    let paused = |index: usize| cluster.member(index).is_paused();
    let pause = minute("pause member 2")?;
    {
        let mut run = std::pin::pin!(pause.run(&cluster));
        tokio::select! {
            _ = &mut run => unreachable!("it lasts a minute"),
            () = async { while !paused(1) { tokio::time::sleep(MS(1)).await } } => {}
        }
        assert!(paused(1));
    }
    assert!(!paused(1));
    cluster.wait_until_ready().await?;
    let kill = minute("kill member 3")?;
    let member = cluster.member(2);
    assert!(tokio::time::timeout(MS(300), kill.run(&cluster)).await.is_err());
    assert!(eventually(PATIENCE, || !member.is_running()));
    assert!(cluster.rampages()[1].to_string().contains("not healed yet"));
    // One that was down before is nobody's to start.
    let pause = "seed 0, 3 members:\npause member 1, for 50 ms, then quiet for 0 ms";
    pause.parse::<Schedule>()?.run(&cluster).await?;
    assert!(!member.is_running());
    member.restart().await?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet_of(etcd, 3).security(Security::Plaintext).start().await?;
    let pids = || cluster.members().map(|member| member.pid()).collect::<Vec<_>>();
    let before = pids();
    for menu in
        [Menu::NONE.certificates(), Menu::NONE.links(), Menu::NONE.disk(), Menu::NONE.clock()]
    {
        let error = Nemesis::seeded(1).menu(menu).run(&cluster, 3).await.unwrap_err();
        let NemesisError::NotPossible { source, .. } = &error else { panic!("{error}") };
        let not_ready = matches!(source, FaultError::NotReadyFor { .. });
        assert!(not_ready || matches!(source, FaultError::NoCertificate { .. }), "{source}");
        assert_eq!(menu.needs() == Faults::NONE, !not_ready);
    }
    let five: Schedule =
        "seed 1, 5 members:\nkill member 5, for 10 ms, then quiet for 0 ms".parse()?;
    assert!(matches!(
        five.run(&cluster).await.unwrap_err(),
        NemesisError::OtherSize { members: 5, there: 3 }
    ));
    assert_eq!(pids(), before);
    assert!(cluster.rampages().is_empty());
    // What turns out only then is said with its step.
    cluster.member(1).kill()?;
    let two: Schedule =
        "seed 1, 3 members:\npause member 2, for 10 ms, then quiet for 0 ms".parse()?;
    let error = two.run(&cluster).await.unwrap_err();
    let NemesisError::Fault { number: 1, source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, StepError::Fault(FaultError::NotRunning { .. })), "{source}");
    Ok(())
}

/// Every act that there is, once.
const EVERYTHING: &str = "seed 0, 4 members:
    kill the leader, for 400 ms, then quiet for 100 ms
    pause the leader, for 600 ms, then quiet for 100 ms
    stop follower 1, for 200 ms, then quiet for 100 ms
    restart member 2 and kill it when it is past its discovery, for 200 ms, then quiet for 100 ms
    restart follower 3 with a certificate on its peer port that is expired, for 400 ms, then quiet for 100 ms
    restart member 1 with a certificate on its client port that is a stranger's, for 400 ms, then quiet for 100 ms
    cut the leader from follower 1, for 800 ms, then quiet for 100 ms
    cut what the leader sends to follower 2, for 800 ms, then quiet for 100 ms
    isolate the leader, for 800 ms, then quiet for 100 ms
    split off member 4, for 600 ms, then quiet for 100 ms
    slow the link of the leader and follower 3 by 20 ms, for 400 ms, then quiet for 100 ms
    make the links a ring, for 600 ms, then quiet for 100 ms
    make follower 2 a bridge, for 600 ms, then quiet for 100 ms
    slow the disk of the leader by 20 ms, for 400 ms, then quiet for 100 ms
    fail the disk of follower 1, for 400 ms, then quiet for 100 ms
    fill the disk of member 3, for 400 ms, then quiet for 100 ms
    put the clock of the leader forward by 864000000 ms, for 400 ms, then quiet for 100 ms
    put the clock of follower 2 back by 3600000 ms, for 400 ms, then quiet for 100 ms";

/// Links, disks and clocks as well, where this machine can break them.
#[tokio::test]
async fn nothing_is_lost_by_all_that_there_is() -> Result<()> {
    for etcd in available() {
        let cluster = match fleet_of(etcd, 4).faults(Faults::ALL).start().await {
            Ok(cluster) => cluster,
            Err(error) if is_unsupported(&error) => {
                say(&format!("disks and clocks stay whole here: {error:?}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let client = cluster.client().await?;
        let load = Load::start(&client, LoadOptions::default()).await;
        load.acknowledges(20).await;
        let rampage = EVERYTHING.parse::<Schedule>()?.run(&cluster).await?;
        load.acknowledges(20).await;
        let report = load.stop().await;
        say(&format!("etcd {}: {report}\n{rampage}", etcd.version()));
        report.verify(&client).await;
        assert_eq!(rampage.deeds().len(), rampage.schedule().steps().len());
    }
    Ok(())
}

fn is_unsupported(error: &tercet_harness::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<tercet_cluster::Unsupported>() {
            return true;
        }
        cause = error.source();
    }
    false
}
