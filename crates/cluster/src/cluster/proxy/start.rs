//! From a kind to a proxy that is ready.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tercet_pki::{IdentityFiles, LOOPBACK_HOSTS, Leaf};
use tokio::time::sleep;

use super::cell::ProxyCell;
use super::{ProxyError, make_directory};
use crate::binary::chain;
use crate::cluster::blame;
use crate::cluster::fleet::Cluster;
use crate::cluster::outcome::{Exit, GivenUp, LOG_TAIL_LINES};
use crate::cluster::ready::{LOOK_EVERY, PROBE_EVERY, command_line, read_once};
use crate::cluster::start::ATTEMPTS;
use crate::http::{HttpError, Request};
use crate::observe::{explain, log_tail};
use crate::plan::{ProxyKind, ProxyPlan, ProxySpec, Upstream};
use crate::process::{Child, HeldPort, Launch, RunProcessKind, Share, Spawned, Survival, spawn};

/// How long one read through a proxy may take. It may meet a member that has just gone.
const PROBE_WITHIN: Duration = Duration::from_secs(5);

/// Starts a proxy, and returns its index once it is ready.
pub(super) async fn start(cluster: &Cluster, kind: ProxyKind) -> Result<usize, ProxyError> {
    let mut attempt = 1;
    loop {
        let cell = prepare(cluster, kind)?;
        match run(cluster, &cell).await {
            // Proxies of all versions listen as etcd 3.4 does: see `process::port`.
            Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
            Ok(()) => return Ok(cluster.proxies.push(cell)),
            Err(error) => return Err(error),
        }
    }
}

/// Everything but the process.
fn prepare(cluster: &Cluster, kind: ProxyKind) -> Result<ProxyCell, ProxyError> {
    let port = HeldPort::hold(Share::ReuseAddress)?;
    let number = cluster.proxies_named.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
    let plan = cluster.plan().proxy(ProxySpec {
        name: format!("{kind}-{number}"),
        kind,
        address: port.address(),
        release: cluster.binary().release(),
        members: cluster
            .members()
            .map(|member| Upstream {
                name: member.name().to_owned(),
                client_url: member.client_url().to_owned(),
                // It only asks there who the members are, and goes to their client URLs then.
                peer_url: member.plan().direct_peer_url().to_owned(),
            })
            .collect(),
    })?;
    make_directory(plan.directory())?;
    issue(cluster, &plan)?;
    Ok(ProxyCell::new(plan, port))
}

/// Its identities, by whoever signs for the fleet now.
fn issue(cluster: &Cluster, plan: &ProxyPlan) -> Result<(), ProxyError> {
    let identities = cluster.identities();
    let write = |leaf: Leaf, files: &IdentityFiles| -> Result<(), ProxyError> {
        let stem = files.certificate.file_stem().unwrap_or_default().to_string_lossy();
        identities.issue(&leaf)?.write(plan.directory(), &stem)?;
        Ok(())
    };
    let options = cluster.plan().spec().tls_options();
    // By these it is let in, where members look at names; any one will do.
    let as_client = || options.client_hosts().first().cloned();
    let as_peer = || options.peer_hosts().first().cloned();
    if let Some(files) = &plan.files().server {
        // Also shown as a client: by a grpc-proxy to itself, with v2 to members' client ports.
        write(Leaf::server(plan.name()).hosts(LOOPBACK_HOSTS).hosts(as_client()), files)?;
    }
    if let Some(files) = &plan.files().client {
        let leaf = match plan.kind() {
            ProxyKind::V2 => {
                let name = options.peer_names().first().map_or_else(|| plan.name(), String::as_str);
                // Peers look for the address of whoever dials them in its certificate.
                Leaf::client(name).hosts(LOOPBACK_HOSTS).hosts(as_peer())
            }
            ProxyKind::Gateway | ProxyKind::GrpcProxy => {
                Leaf::unnamed_client(plan.name()).hosts(as_client())
            }
        };
        write(leaf, files)?;
    }
    Ok(())
}

/// Spawns the proxy, which is down, and waits until it is ready.
pub(super) async fn run(cluster: &Cluster, cell: &ProxyCell) -> Result<(), ProxyError> {
    spawn_proxy(cluster, cell)?;
    let begin = Instant::now();
    let mut wait = Wait { cluster, cell, begin, lacks: "has not said that it serves".to_owned() };
    while !wait.serves()? {
        wait.pause(LOOK_EVERY).await?;
    }
    loop {
        match read_through(cluster, cell.plan()).await {
            Ok(()) => break,
            Err(error) => wait.lacks = format!("answers no read: {error}"),
        }
        wait.serves()?;
        wait.pause(PROBE_EVERY).await?;
    }
    // It may have answered and ended.
    wait.serves().map(drop)
}

fn spawn_proxy(cluster: &Cluster, cell: &ProxyCell) -> Result<(), ProxyError> {
    let plan = cell.plan();
    let mut state = cell.state();
    if state.child.is_some() {
        // Somebody else has started it meanwhile.
        return Ok(());
    }
    let unknown =
        |source| ProxyError::Unknown { proxy: plan.name().to_owned(), log: plan.log(), source };
    // What an earlier run has said tells nothing of this one.
    state.log.read_new(|_| ()).map_err(unknown)?;
    state.begin = state.log.position();
    state.serves = false;
    let log = File::options().create(true).append(true).mode(0o600).open(plan.log());
    let log = log.map_err(|source| ProxyError::Directory { path: plan.log(), source })?;
    let program = cluster.binary().path().to_owned();
    let spawned = spawn(Launch {
        program: program.clone(),
        arguments: plan.arguments().to_vec(),
        environment: plan.environment().to_vec(),
        stdin: Stdio::null(),
        log: Some(log),
        survival: Survival::DiesWithOwner,
    });
    let proxy = || plan.name().to_owned();
    let spawned =
        spawned.map_err(|source| ProxyError::Spawn { proxy: proxy(), program, source })?;
    let child = Child::new(spawned);
    cluster.directory.spawned(&Spawned {
        kind: RunProcessKind::Proxy,
        name: plan.name().to_owned(),
        pid: child.pid(),
        etcd: Some(cluster.binary().version().to_string()),
        url: Some(plan.endpoint().to_owned()),
    });
    state.child = Some(child);
    Ok(())
}

/// One linearizable read through the proxy, over a connection of its own.
async fn read_through(cluster: &Cluster, plan: &ProxyPlan) -> Result<(), String> {
    let endpoint = plan.endpoint();
    match plan.kind() {
        ProxyKind::Gateway | ProxyKind::GrpcProxy => {
            // As members are asked: who is refused as nobody was answered.
            let config = cluster.nobodys_config([endpoint.to_owned()]);
            let config = config.map(|config| config.request_timeout(PROBE_WITHIN));
            let read = async { read_once(&config?).await };
            read.await.map_err(|error: tercet_client::Error| chain(&error))
        }
        ProxyKind::V2 => {
            let url = format!("{endpoint}/v2/keys/?quorum=true");
            let request = Request { method: "GET", url: &url, form: None };
            let tls = cluster.client_tls().map_err(|error| chain(&error))?;
            match request.send(tls.as_ref(), PROBE_WITHIN).await {
                // The second API has users of its own.
                Ok(_) | Err(HttpError::Refused { status: 401, .. }) => Ok(()),
                Err(error) => Err(chain(&error)),
            }
        }
    }
}

/// A wait for a proxy, which ends early when the proxy does.
struct Wait<'a> {
    cluster: &'a Cluster,
    cell: &'a ProxyCell,
    begin: Instant,
    lacks: String,
}

impl Wait<'_> {
    /// Takes in what has happened, and returns whether it has said that it serves.
    fn serves(&self) -> Result<bool, ProxyError> {
        let plan = self.cell.plan();
        let proxy = || plan.name().to_owned();
        let unknown = |source| ProxyError::Unknown { proxy: proxy(), log: plan.log(), source };
        let mut state = self.cell.state();
        let line = plan.kind().ready_line();
        let mut said = false;
        state.log.read_new(|text| said |= text.contains(line)).map_err(unknown)?;
        state.serves |= said;
        let Some(child) = &mut state.child else {
            return Err(ProxyError::NotRunning { proxy: proxy() });
        };
        match child.exit_status().map_err(unknown)? {
            None => Ok(state.serves),
            Some(status) => Err(ProxyError::Exited {
                proxy: proxy(),
                exit: Box::new(Exit {
                    refusals: blame::of_exited(explain(state.log.lines_from(state.begin))),
                    status,
                    elapsed: self.begin.elapsed(),
                    command: command_line(&[], self.cluster.binary().path(), plan.arguments()),
                    log: plan.log(),
                    log_tail: log_tail(&plan.log(), LOG_TAIL_LINES),
                }),
            }),
        }
    }

    /// Waits a little, or gives up.
    async fn pause(&self, time: Duration) -> Result<(), ProxyError> {
        let elapsed = self.begin.elapsed();
        if elapsed < self.cluster.ready_within {
            sleep(time).await;
            return Ok(());
        }
        let refusals = {
            let state = self.cell.state();
            explain(state.log.lines_from(state.begin))
        };
        let plan = self.cell.plan();
        Err(ProxyError::NotReady {
            proxy: plan.name().to_owned(),
            lacks: self.lacks.clone(),
            given_up: Box::new(GivenUp::new(refusals, elapsed, &plan.log())),
        })
    }
}
