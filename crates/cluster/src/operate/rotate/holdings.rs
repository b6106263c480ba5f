//! What everyone in a fleet has.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use tercet_pki::Certificate;
use tercet_pki::read::{CertificateDetails, ReadError, certificates};
use tercet_pki::rotation::{Holder, Holdings};

use super::files::{Pair, directories, pairs};
use super::memory::{self, Shown};
use super::{RotateError, read};
use crate::cluster::{Cluster, Member, Proxy, Successor};
use crate::plan::{Protection, ProxyFiles};

/// What was seen of a fleet at some moment.
pub(super) struct Look {
    pub(super) holdings: Holdings,
    /// What the members show, port by port.
    pub(super) shown: Vec<Shown>,
}

/// Looks at every file and asks every member.
pub(super) async fn look(cluster: &Cluster) -> Result<Look, RotateError> {
    let shown = memory::all(cluster).await?;
    let mut holdings = Holdings::default();
    for member in cluster.members() {
        holdings = holdings.member(of_member(cluster, member, &shown)?);
    }
    for proxy in cluster.proxies().filter(|proxy| *proxy.files() != ProxyFiles::default()) {
        holdings = holdings.member(of_proxy(cluster, proxy, &shown)?);
    }
    for client in clients(cluster)? {
        holdings = holdings.client(client);
    }
    Ok(Look { holdings, shown })
}

/// A member with all certificates that are its own: those that it shows, and what else is in its
/// directory of certificates, such as one for outgoing connections.
fn of_member(
    cluster: &Cluster,
    member: Member<'_>,
    shown: &[Shown],
) -> Result<Holder, RotateError> {
    let plan = member.plan();
    let mut holder = Holder::new(member.name());
    let security = cluster.plan.security();
    // It reads no authorities where it asks nobody for a certificate.
    if [security.clients(), security.peers()].contains(&Protection::Mutual) {
        holder = trusting(holder, &cluster.plan.files().ca)?;
    }
    let files = plan.files();
    let own = if files.server == files.peer {
        vec![&files.server]
    } else {
        vec![&files.server, &files.peer]
    };
    for files in &own {
        holder =
            holding(holder, Pair { files: (*files).clone(), chain: read(&files.certificate)? })?;
    }
    if let Some(directory) = own_directory(cluster, member) {
        let more = ours(cluster, pairs(&directory)?)?;
        for pair in more.into_iter().filter(|pair| !own.contains(&&pair.files)) {
            holder = holding(holder, pair)?;
        }
    }
    Ok(match memory::in_memory(shown, member.name()) {
        Some(names) => holder.shows(names),
        None => holder,
    })
}

/// A proxy, which like a member reads its authorities when it starts.
fn of_proxy(cluster: &Cluster, proxy: Proxy<'_>, shown: &[Shown]) -> Result<Holder, RotateError> {
    let mut holder = trusting(Holder::new(proxy.name()), &cluster.plan.files().ca)?;
    let files = proxy.files();
    for files in files.server.iter().chain(&files.client) {
        let chain = read(&files.certificate)?;
        holder = holding(holder, Pair { files: files.clone(), chain })?;
    }
    let read_before = || cluster.successor()?.read_before.remove(&proxy.pid()?);
    Ok(match memory::in_memory(shown, proxy.name()).or_else(read_before) {
        Some(names) => holder.shows(names),
        None => holder,
    })
}

/// Keeps what proxies that run have in memory by now: the file of authorities is about to change.
pub(super) fn remember_what_was_read(cluster: &Cluster) -> Result<(), RotateError> {
    let path = &cluster.plan.files().ca;
    let authorities = certificates(&read(path)?).map_err(|source| unreadable(path, source))?;
    let names: Vec<_> = authorities.into_iter().map(|one| one.subject.der).collect();
    let pids = cluster.proxies().filter_map(|proxy| proxy.pid());
    let mut successor = cluster.successor.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Successor { read_before, .. }) = &mut *successor {
        for pid in pids {
            // What it read first is what it has.
            read_before.entry(pid).or_insert_with(|| names.clone());
        }
    }
    Ok(())
}

/// Where a member has its certificates, if it has a directory of its own for them.
fn own_directory(cluster: &Cluster, member: Member<'_>) -> Option<PathBuf> {
    let directory = member.plan().files().server.certificate.parent()?;
    (directory != cluster.plan.certificates()).then(|| directory.to_owned())
}

/// Everyone else with a certificate of the fleet in its directory: clients beside `ca.crt`, and
/// whoever has a directory of its own there and is no member.
fn clients(cluster: &Cluster) -> Result<Vec<Holder>, RotateError> {
    let root = cluster.plan.certificates();
    let of_members: Vec<_> = cluster.members().map(|member| member.plan().files()).collect();
    let is_members = |pair: &Pair| {
        of_members.iter().any(|files| files.server == pair.files || files.peer == pair.files)
    };
    let client = |name: String, pairs: Vec<Pair>| {
        let holder = trusting(Holder::new(name), &cluster.plan.files().ca)?;
        pairs.into_iter().try_fold(holder, holding)
    };
    let mut clients = Vec::new();
    let pairs_of_root = ours(cluster, pairs(root)?)?;
    for pair in pairs_of_root.into_iter().filter(|pair| !is_members(pair)) {
        clients.push(client(stem(&pair.files.certificate), vec![pair])?);
    }
    // Also of those that were removed: they get nothing new.
    let everybody = (0..cluster.cells.count()).map(|index| Member::new(cluster, index));
    let directories_of_members: Vec<_> =
        everybody.filter_map(|member| own_directory(cluster, member)).collect();
    for directory in directories(root)? {
        if directories_of_members.contains(&directory) {
            continue;
        }
        let pairs = ours(cluster, pairs(&directory)?)?;
        if !pairs.is_empty() {
            clients.push(client(stem(&directory), pairs)?);
        }
    }
    Ok(clients)
}

/// Those that the fleet's authority has signed, or its next one. Others are none of ours.
fn ours(cluster: &Cluster, pairs: Vec<Pair>) -> Result<Vec<Pair>, RotateError> {
    let old = cluster.identities().authority().certificate().clone();
    let new = cluster.successor().map(|successor| successor.authority.certificate().clone());
    let details = |certificate: Certificate| CertificateDetails::parse(certificate.der());
    let authorities =
        [Some(old), new].into_iter().flatten().map(details).collect::<Result<Vec<_>, _>>();
    let authorities = authorities.map_err(|source| RotateError::Plan(source.into()))?;
    let mut ours = Vec::new();
    for pair in pairs {
        let holder = holding(
            Holder::new(""),
            Pair { files: pair.files.clone(), chain: pair.chain.clone() },
        )?;
        let leads = |authority| holder.identities.iter().any(|held| held.leads_to(authority));
        if authorities.iter().any(leads) {
            ours.push(pair);
        }
    }
    Ok(ours)
}

fn trusting(holder: Holder, path: &Path) -> Result<Holder, RotateError> {
    let pem = read(path)?;
    holder.trusts(path, &pem).map_err(|source| unreadable(path, source))
}

fn holding(holder: Holder, Pair { files, chain }: Pair) -> Result<Holder, RotateError> {
    let path = files.certificate.clone();
    holder.holds(files, &chain).map_err(|source| unreadable(&path, source))
}

fn unreadable(path: &Path, source: ReadError) -> RotateError {
    RotateError::Unreadable { path: path.to_owned(), source }
}

/// What a file is called, without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
