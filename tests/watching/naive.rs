//! The control of what resuming is for: a watch that is only begun again misses something.

use tercet_client::Watch;
use tercet_harness::Result;
use tercet_tests::available;

use crate::checker::{Told, Violation, changes, check_complete};
use crate::support::{fleet_of, next};

#[tokio::test]
async fn a_watch_that_is_begun_anew_misses_what_one_that_resumes_tells() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let client = cluster.client().await?;
    let mut resumes = client.watch(Watch::prefix("w/")).await?;
    let mut naive = client.watch(Watch::prefix("w/")).await?;
    let (mut told, mut told_naively) = (Told::new(), Told::new());
    client.put("w/before", "").await?;
    told.push(changes(next(&mut resumes).await));
    told_naively.push(changes(next(&mut naive).await));

    let on = resumes.endpoint();
    let member = cluster.members().find(|member| member.client_url() == on).unwrap();
    let down = member.kill()?;
    cluster.leader().await?;
    // As who gets an error and asks again, when something has happened meanwhile.
    drop(naive);
    client.put("w/between", "").await?;
    let mut naive = client.watch(Watch::prefix("w/")).await?;
    client.put("w/after", "").await?;
    while told.iter().map(Vec::len).sum::<usize>() < 3 {
        told.push(changes(next(&mut resumes).await));
    }
    told_naively.push(changes(next(&mut naive).await));
    assert_ne!(resumes.endpoint(), on);

    let happened: Vec<_> = told.iter().flatten().cloned().collect();
    assert_eq!(
        happened.iter().map(|it| &it.key[..]).collect::<Vec<_>>(),
        [b"w/before".as_slice(), b"w/between", b"w/after"]
    );
    assert_eq!(check_complete(&told, &happened), Ok(()));
    let missed = check_complete(&told_naively, &happened);
    assert_eq!(missed, Err(Violation::Missing(happened[1].revision)));
    down.restart().await?;
    Ok(())
}
