//! Where things are: on the hosts, and in the directory that is written here.

use std::path::{Path, PathBuf};

use tercet_cluster::Plan;
use tercet_cluster::plan::MemberPlan;

use super::has_certificates;

/// All certificates of the fleet and the authority's key, as `cargo xtask pki` keeps them.
pub(super) fn pki(out: &Path) -> PathBuf {
    out.join("pki")
}

/// What a client is given.
pub(super) fn client(out: &Path) -> PathBuf {
    out.join("client")
}

/// A directory for each host.
pub(super) fn hosts(out: &Path) -> PathBuf {
    out.join("hosts")
}

/// Where a client finds its copy of a file of the plan.
pub(super) fn of_client(out: &Path, path: &Path) -> PathBuf {
    client(out).join(path.file_name().unwrap_or_default())
}

/// Where a file that is at `path` on the host is in the directory for the host.
pub(super) fn in_host(plan: &Plan, host: &Path, path: &Path) -> PathBuf {
    host.join(path.strip_prefix(plan.directory()).unwrap_or(path))
}

/// Where the certificate or key that is at `path` on a host is kept.
pub(super) fn in_pki(plan: &Plan, out: &Path, path: &Path) -> PathBuf {
    pki(out).join(path.strip_prefix(plan.certificates()).unwrap_or(path))
}

/// Where the command that runs a member is on its host.
pub(super) fn run_script(member: &MemberPlan) -> PathBuf {
    member.directory().join("run")
}

/// Where what systemd is to be told is on the member's host.
pub(super) fn unit(member: &MemberPlan) -> PathBuf {
    member.directory().join("etcd.service")
}

/// Where a member's environment is on its host, where it is told its settings so.
pub(super) fn environment_file(member: &MemberPlan) -> Option<PathBuf> {
    let told = member.environment().iter().any(|(name, _)| name == "ETCD_NAME");
    told.then(|| member.directory().join("etcd.env"))
}

/// The certificates, keys and lists that a member reads, where they are on its host; and the
/// authority's certificate also where only whoever asks the member from there needs it.
pub(super) fn certificates(plan: &Plan, member: &MemberPlan) -> Vec<PathBuf> {
    if !has_certificates(plan) {
        return Vec::new();
    }
    let (server, peer) = (member.server_files(), member.peer_files());
    let outgoing = member.files().outgoing.as_ref();
    let pairs = [
        server,
        peer,
        outgoing.map(|outgoing| &outgoing.server).filter(|_| server.is_some()),
        outgoing.map(|outgoing| &outgoing.peer).filter(|_| peer.is_some()),
    ];
    let mut files = vec![plan.files().ca.clone()];
    for pair in pairs.into_iter().flatten() {
        // One pair may be for everything.
        if !files.contains(&pair.key) {
            files.extend([pair.certificate.clone(), pair.key.clone()]);
        }
    }
    files.extend(plan.revocation_files().map(|files| files.der));
    files
}
