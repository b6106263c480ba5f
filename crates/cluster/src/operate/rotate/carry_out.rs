//! One phase of a rotation: its files, its restarts, and whether it has come to pass.

use tercet_pki::Durability;
use tercet_pki::rotation::{Change, Condition, Phase};
use tokio::task::yield_now;

use super::RotateError;
use super::holdings::{Look, look, remember_what_was_read};
use crate::cluster::{Member, Proxy};
use crate::operate::course::Course;
use crate::operate::rolling::restart_each;

/// Carries out a phase that was planned from what was seen `before`.
pub(super) async fn carry_out(
    course: &Course<'_>,
    phase: &Phase,
    before: &Look,
) -> Result<(), RotateError> {
    let cluster = course.cluster;
    check(phase, &phase.before, before)?;
    for change in &phase.changes {
        if matches!(change, Change::Authorities { .. }) {
            remember_what_was_read(cluster)?;
        }
        // The fleet ends with its directory: there is nothing that the disk would have to outlive.
        cluster.changing_files(|| change.write_with(Durability::Cached))?;
        // Whoever waits for this thread comes in between, and whoever gives up ends here.
        yield_now().await;
    }
    let restarts: Vec<_> = cluster
        .members()
        .filter(|member: &Member<'_>| phase.restarts.iter().any(|name| name == member.name()))
        .collect();
    if !restarts.is_empty() {
        restart_each(course, &restarts).await?;
    }
    for proxy in cluster.proxies().filter(Proxy::is_running) {
        if phase.restarts.iter().any(|name| name == proxy.name()) {
            proxy.restart().await?;
        }
    }
    let after = look(cluster).await?;
    check(phase, &phase.after, &after)?;
    shows_its_files(&after)
}

/// Whether the conditions of a phase hold. Those about the memory of a member that is down are open:
/// it will have what its files say.
fn check(phase: &Phase, conditions: &[Condition], look: &Look) -> Result<(), RotateError> {
    let fails = |condition: &&Condition| condition.holds(&look.holdings) == Some(false);
    match conditions.iter().find(fails) {
        Some(condition) => {
            Err(RotateError::Condition { step: phase.step, condition: Box::new(condition.clone()) })
        }
        None => Ok(()),
    }
}

/// Whether every member, and every proxy, shows the certificate that is in its file.
fn shows_its_files(look: &Look) -> Result<(), RotateError> {
    for shown in &look.shown {
        let mut held = look.holdings.members.iter().flat_map(|holder| &holder.identities);
        let held = held.find(|held| held.files == shown.files);
        let leaf = held.and_then(|held| held.chain.first());
        if leaf.is_some_and(|leaf| leaf.certificate.der() != shown.leaf) {
            return Err(RotateError::OtherCertificate {
                holder: shown.holder.clone(),
                port: shown.port,
                path: shown.files.certificate.clone(),
            });
        }
    }
    Ok(())
}
