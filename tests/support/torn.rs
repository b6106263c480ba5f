//! A fault of etcd's own, to be told from one of ours.

use tercet_cluster::binary::Feature;
use tercet_harness::{Cluster, Result};

use crate::say;

/// Whether the stores of the members differ, of an etcd that is known for it: 3.5.0 to 3.5.2, of
/// which a member that was killed may have left out a write ([`Feature::AppliesOnceWhenKilled`]).
/// Seen with 3.5.1 about once in fifty runs that kill members under load. What clients are told then
/// depends on which member they ask, and a test must begin anew.
///
/// # Errors
///
/// If a member does not say what its store hashes to.
///
/// # Panics
///
/// If the stores of another etcd differ.
pub async fn is_torn(cluster: &Cluster) -> Result<bool> {
    let report = cluster.hash_kv().await?;
    if report.agrees() {
        return Ok(false);
    }
    let release = cluster.binary().release();
    assert!(!release.has(Feature::AppliesOnceWhenKilled), "the stores differ: {report:?}");
    say(&format!("etcd {} has lost a write of its own in a member: once more", release.version()));
    Ok(true)
}
