//! From a spec to a ready fleet.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use tercet_pki::{Durability, FleetError, Revocations};

use super::cell::{MemberCell, MemberState};
use super::error::StartError;
use super::fleet::{Cluster, StartTimes};
use super::latest::Latest;
use super::paused::Paused;
use super::spoiled::Spoiled;
use super::user::FleetUser;
use super::{discovery, entrance, ready};
use crate::binary::{Binary, Feature, Release};
use crate::fault::{Links, Real};
use crate::observe::Progress;
use crate::plan::{Address, ConfigurationFile, Joining, MemberPlan, Spec};
use crate::process::{
    Child, DirectoryError, HeldPort, Intercepted, Interception, Launch, RunDirectory,
    RunProcessKind, Share, Spawned, Survival, check_support, spawn, spawn_intercepted,
};
use crate::runs;

/// How many times a fleet is started whose port was taken after all. Ports are held, but on 3.4
/// another program may name the same one with `SO_REUSEADDR` (see `process::port`).
pub(crate) const ATTEMPTS: u32 = 3;

pub(crate) async fn start(
    spec: &Spec,
    binary: &Binary,
    parent: &Path,
) -> Result<Cluster, StartError> {
    let mut attempt = 1;
    loop {
        match start_once(spec, binary, parent).await {
            Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn start_once(spec: &Spec, binary: &Binary, parent: &Path) -> Result<Cluster, StartError> {
    let begin = Instant::now();
    let mut cluster = prepare(spec, binary, parent).await?;
    cluster.times.certificates = begin.elapsed().saturating_sub(cluster.times.discovery);
    if let Err(error) = start_members(&cluster, spec.ready_limit()).await {
        if spec.keeps_failed() && !error.is_port_taken() {
            cluster.keep();
        }
        return Err(error);
    }
    let before = cluster.times.certificates + cluster.times.discovery;
    cluster.times.members = begin.elapsed().saturating_sub(before);
    Ok(cluster)
}

/// How long a member that could not dial another waits until it tries again (`rafthttp/transport.go`,
/// `DialRetryFrequency`).
const REDIAL: Duration = Duration::from_millis(100);

/// For how many others the first member is paused. With four and elections of 50 ms, one start in
/// sixty took five seconds on two cores: the election came while they were still starting, its leader
/// was lost again, and a member's message to it with it. With the longer elections that more members
/// have, it gained nothing. With two there was none in four hundred.
const PAUSED_FOR: usize = 2;

/// In two waves; see `Plan::waves`.
///
/// The first member is paused from the moment it is past its questions until the others listen:
/// otherwise it dials them too early, is refused, and tries again only after 100 ms, which would be
/// most of the start. Paused for longer it would gain nothing, so it never is.
async fn start_members(cluster: &Cluster, limit: Duration) -> Result<(), StartError> {
    let begin = Instant::now();
    let [first, second] = cluster.plan.waves();
    for &index in &first {
        spawn_member(cluster, index)?;
    }
    let lack = "has not started its local member";
    ready::wait_for(cluster, &first, limit, Progress::is_past_discovery, lack).await?;
    let pause = (1..=PAUSED_FOR).contains(&second.len());
    // One that has ended is told by the waits below.
    let paused: Vec<_> = first
        .iter()
        .filter(|_| pause)
        .filter_map(|&index| Paused::begin(cluster.member(index)))
        .collect();
    for &index in &second {
        spawn_member(cluster, index)?;
    }
    // Late ones are waited for below.
    let listening = ready::wait_for(cluster, &second, REDIAL, Progress::listens, "does not listen");
    match listening.await {
        Ok(()) | Err(StartError::NotReady { .. }) => drop(paused),
        Err(error) => return Err(error),
    }
    ready::wait_until_ready(cluster, limit.saturating_sub(begin.elapsed())).await
}

/// Everything but the members' processes. What is made here is undone by dropping it.
pub(crate) async fn prepare(
    spec: &Spec,
    binary: &Binary,
    parent: &Path,
) -> Result<Cluster, StartError> {
    spec.validate()?;
    check_support(intercepted(spec))?;
    check_discovery(spec)?;
    let release = Release::of(binary.version())?;
    // Those of other hosts are not ours to hold.
    let here = if spec.planned_hosts().is_empty() { spec.member_names().len() } else { 0 };
    let links = spec.faults_ready_for().has_links().then(Links::start).transpose();
    let links = links.map_err(StartError::Links)?;
    let held = (0..here).map(|_| hold_place(spec, release, links.as_ref()));
    let held = held.collect::<Result<Vec<_>, _>>()?;
    let (addresses, ports): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    runs::sweep_once(parent);
    let directory = RunDirectory::create(parent).map_err(|error| match error {
        DirectoryError::Create(source) => StartError::Directory { path: parent.to_owned(), source },
        DirectoryError::Watchdog(source) => StartError::Watchdog(source),
    })?;
    let begin = Instant::now();
    let (discovery, spec) = match spec.way_of_joining() {
        &Joining::Discovery { members } => {
            let (discovery, service) =
                discovery::start(members, spec, binary, directory.path()).await?;
            (Some(Box::new(discovery)), &spec.clone().joining(Joining::Through(service)))
        }
        _ => (None, spec),
    };
    let times = StartTimes {
        discovery: discovery.as_ref().map(|_| begin.elapsed()).unwrap_or_default(),
        ..StartTimes::default()
    };
    let plan = spec.plan(release, directory.path(), &addresses)?;
    let identities = plan.fleet(plan.members()).build()?;
    if plan.security().clients().has_certificates() || plan.security().peers().has_certificates() {
        identities.write(plan.certificates())?;
    }
    if let Some(files) = plan.revocation_files() {
        let list = identities.authority().revoke(&Revocations::new());
        files.write(&list.map_err(FleetError::Issue)?, Durability::Cached)?;
    }
    let cells = boxcar::Vec::with_capacity(plan.members().len());
    let ports = ports.into_iter().chain(std::iter::repeat_with(Vec::new));
    for (member, ports) in plan.members().iter().zip(ports) {
        make_directory(member)?;
        cells.push(MemberCell::new(member.clone(), binary.clone(), ports));
    }
    Ok(Cluster {
        cells,
        proxies: boxcar::Vec::new(),
        proxies_named: AtomicUsize::new(0),
        discovery,
        links,
        directory,
        binary: binary.clone(),
        plan,
        identities: Latest::new(identities),
        successor: std::sync::Mutex::default(),
        ready_within: spec.ready_limit(),
        user: FleetUser::default(),
        operating: tokio::sync::Mutex::new(()),
        changing_files: std::sync::RwLock::new(()),
        spoiled: Spoiled::default(),
        journal: crate::fault::Journal::default(),
        times,
    })
}

/// Refuses a discovery whose files cannot be read: over `/v2/keys`, members would trust nobody then,
/// and try for ever.
fn check_discovery(spec: &Spec) -> Result<(), StartError> {
    let Joining::Through(service) = spec.way_of_joining() else { return Ok(()) };
    service.files().try_for_each(|path| {
        let read = std::fs::read(path).map(drop);
        read.map_err(|source| StartError::DiscoveryFile { path: path.to_owned(), source })
    })
}

/// Holds the ports of one member that `release` is to run, and has its links go through `links`.
pub(crate) fn hold_place(
    spec: &Spec,
    release: Release,
    links: Option<&Links>,
) -> Result<(Address, Vec<HeldPort>), StartError> {
    let share = share(release);
    let mut ports = vec![HeldPort::hold(share)?, HeldPort::hold(share)?];
    let mut address = Address::loopback(ports[0].number(), ports[1].number());
    if spec.has_http_port() {
        let http = HeldPort::hold(share)?;
        address = address.with_http(http.number());
        ports.push(http);
    }
    if let Some(links) = links {
        let Address { client, peer, http, .. } = address;
        let real = Real { client, peer, http };
        address = address.linked(links.add(real).map_err(StartError::Links)?);
    }
    Ok((address, ports))
}

/// How `release` is let onto a port that is held for it.
pub(crate) fn share(release: Release) -> Share {
    if release.has(Feature::SocketReusePort) { Share::ReusePort } else { Share::ReuseAddress }
}

/// The member's own directory. etcd makes the data directory in it, 0700.
pub(crate) fn make_directory(member: &MemberPlan) -> Result<(), StartError> {
    let path = member.directory();
    DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(path)
        .map_err(|source| StartError::Directory { path: path.to_owned(), source })
}

/// Spawns a member that is down. It returns as soon as the process runs.
pub(crate) fn spawn_member(cluster: &Cluster, index: usize) -> Result<(), StartError> {
    replace_process(cluster, index, &mut cluster.state(index))
}

/// Spawns the member whose state this is, in the place of the process that it had. Two at once
/// would share a data directory, so the state stays locked until the new process is in it.
pub(crate) fn replace_process(
    cluster: &Cluster,
    index: usize,
    state: &mut MemberState,
) -> Result<(), StartError> {
    let (member, binary) = (cluster.cell(index).plan(), cluster.cell(index).binary());
    let log = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(member.log())
        .map_err(|source| StartError::Directory { path: member.log().to_owned(), source })?;
    // It may have been planned anew since its last start.
    if let Some(file) = member.configuration_file() {
        write_configuration(file)
            .map_err(|source| StartError::Directory { path: file.path.clone(), source })?;
    }
    let (program, arguments) = entrance::command(member, binary);
    let launch = Launch {
        program: program.clone(),
        arguments,
        environment: member.environment().to_vec(),
        stdin: Stdio::null(),
        log: Some(log),
        survival: Survival::DiesWithOwner,
    };
    let calls = intercepted(cluster.plan.spec());
    let spawned = if calls.is_none() {
        spawn(launch).map(Child::new)
    } else {
        let policy = Arc::clone(cluster.cell(index).system());
        spawn_intercepted(launch, &Interception { calls, policy, name: member.name().to_owned() })
    };
    let child = spawned.map_err(|source| StartError::Spawn {
        member: member.name().to_owned(),
        program,
        source,
    })?;
    cluster.directory.spawned(&Spawned {
        kind: RunProcessKind::Member,
        name: member.name().to_owned(),
        pid: child.pid(),
        etcd: Some(binary.version().to_string()),
        url: Some(member.client_url().to_owned()),
    });
    state.child = Some(child);
    state.run += 1;
    Ok(())
}

/// Which calls of its members are to be intercepted, for the faults that it is made ready for.
const fn intercepted(spec: &Spec) -> Intercepted {
    let faults = spec.faults_ready_for();
    Intercepted { disk: faults.has_disk(), clock: faults.has_clock() }
}

/// Nobody reads it meanwhile: its member is down. What it says is not for others to read, since
/// paths of keys and passwords may be in it.
fn write_configuration(file: &ConfigurationFile) -> std::io::Result<()> {
    let mut options = File::options();
    let mut opened =
        options.create(true).write(true).truncate(true).mode(0o600).open(&file.path)?;
    opened.write_all(file.text.as_bytes())
}
