//! Waiting for what makes a fleet ready.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tercet_client::{Client, Config, ErrorKind};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::blame;
use super::entrance;
use super::error::StartError;
use super::fleet::Cluster;
use super::outcome::{Exit, GivenUp, LOG_TAIL_LINES};
use super::stir::Stir;
use crate::binary::chain;
use crate::fault::CutLinks;
use crate::observe::{Progress, log_tail};

/// How often the logs and the processes are looked at. A look costs microseconds.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How long after a failed probe the next one starts; long enough not to hinder the election.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(5);

/// A key to read; it need not exist.
const PROBE_KEY: &str = "tercet/ready";

/// Waits until the members `indices` have come as far as `reached`; what they lack until then is
/// `lack`.
pub(crate) async fn wait_for(
    cluster: &Cluster,
    indices: &[usize],
    limit: Duration,
    reached: fn(&Progress) -> bool,
    lack: &str,
) -> Result<(), StartError> {
    let mut wait = Wait::new(cluster, limit);
    loop {
        wait.look(indices)?;
        let late: Vec<_> = indices
            .iter()
            .filter(|&&index| !reached(&cluster.state(index).progress))
            .map(|&index| (index, lack.to_owned()))
            .collect();
        if late.is_empty() {
            return Ok(());
        }
        wait.pause(&late).await?;
    }
}

/// Waits until every running member serves clients, has answered a linearizable read over its own
/// client port, and has a link to every other running member; but for what is cut on purpose. Who runs
/// is looked at each time: members may be killed and restarted meanwhile.
pub(crate) async fn wait_until_ready(cluster: &Cluster, limit: Duration) -> Result<(), StartError> {
    let mut wait = Wait::new(cluster, limit);
    let (mut probes, mut stir) = (Probes::default(), Stir::default());
    loop {
        let running = running(cluster);
        if running.is_empty() {
            return Err(StartError::NoneRunning);
        }
        let indices: Vec<_> = running.iter().map(|run| run.index).collect();
        wait.look(&indices)?;
        let cut = cluster.cut_links();
        let mut waiting = Vec::new();
        for &run in &running {
            let is_due = is_due_to_answer(cluster, &cut, run.index, &indices);
            if is_due && !cluster.state(run.index).progress.serves_clients() {
                if cluster.state(run.index).progress.lacks_an_entry() {
                    stir.begin(|| others_config(cluster, run.index, &indices))?;
                }
                waiting.push((run.index, "does not serve clients".to_owned()));
                continue;
            }
            if is_due {
                probes.begin(run, patience(cluster), || probe_config(cluster, run.index))?;
            }
            let unread = probes.missing(run).filter(|_| is_due);
            let missing = unread.or_else(|| missing_links(cluster, &cut, run.index, &indices));
            if let Some(missing) = missing {
                waiting.push((run.index, missing));
            }
        }
        if waiting.is_empty() {
            return running.iter().try_for_each(|run| check_process(cluster, run.index));
        }
        wait.pause(&waiting).await?;
    }
}

/// Refuses a member whose process is not its etcd.
fn check_process(cluster: &Cluster, index: usize) -> Result<(), StartError> {
    let (cell, member) = (cluster.cell(index), cluster.member(index));
    let checked =
        member.pid().map_or(Ok(()), |pid| entrance::check(cell.plan(), cell.binary(), pid));
    checked.inspect_err(|_| cluster.directory.has_strays())
}

/// One run of a member's process.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    index: usize,
    number: u32,
}

/// The members that are not down on purpose.
fn running(cluster: &Cluster) -> Vec<Run> {
    cluster
        .indices()
        .into_iter()
        .filter_map(|index| {
            let state = cluster.state(index);
            state.child.is_some().then_some(Run { index, number: state.run })
        })
        .collect()
}

/// What makes a client that asks one member.
fn probe_config(cluster: &Cluster, index: usize) -> Result<Config, tercet_client::Error> {
    // Nobody's: a token takes etcd a tenth of a second, and a refusal is an answer too.
    cluster.nobodys_config([cluster.member(index).direct_client_url().to_owned()])
}

/// What makes a client that asks any of these members but one.
fn others_config(
    cluster: &Cluster,
    index: usize,
    running: &[usize],
) -> Result<Config, tercet_client::Error> {
    let others = running.iter().filter(|&&other| other != index);
    cluster
        .nobodys_config(others.map(|&other| cluster.member(other).direct_client_url().to_owned()))
}

/// How long the first probe of a member may take.
///
/// A read that was begun under a leader that is gone waits for long; a new one does not. Five
/// elections are time enough for one that can be answered.
fn patience(cluster: &Cluster) -> Duration {
    (5 * cluster.plan().election()).max(Duration::from_millis(500))
}

/// How long any probe may take; see [`Probes::begin`].
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// Whether `index` is waited for until it serves and answers a read, for all that is cut on purpose: everybody whom it
/// reaches, by however many others, reaches all of these directly, and they are a majority. Where
/// some reach each other by detours only, who answers depends on who leads.
fn is_due_to_answer(cluster: &Cluster, cut: &CutLinks, index: usize, running: &[usize]) -> bool {
    let is_cut = |&(one, other): &(usize, usize)| one != other && !cut.let_through(one, other);
    let pairs = running.iter().flat_map(|&one| running.iter().map(move |&other| (one, other)));
    if !pairs.clone().any(|pair| is_cut(&pair)) {
        // It may lack others for other reasons, which are to be told.
        return true;
    }
    let mut reached = vec![index];
    let mut next = 0;
    while let Some(&one) = reached.get(next) {
        let more = running.iter().copied().filter(|&other| !is_cut(&(one, other)));
        let more: Vec<_> = more.filter(|other| !reached.contains(other)).collect();
        reached.extend(more);
        next += 1;
    }
    let is_inside =
        |(one, other): &(usize, usize)| reached.contains(one) && reached.contains(other);
    let votes = |index: &&usize| !cluster.member(**index).is_learner();
    let all = cluster.indices();
    reached.iter().filter(votes).count() > all.iter().filter(votes).count() / 2
        && !pairs.filter(is_inside).any(|pair| is_cut(&pair))
}

/// What `index` lacks to reach each of `running` that it is not cut off from on purpose.
fn missing_links(
    cluster: &Cluster,
    cut: &CutLinks,
    index: usize,
    running: &[usize],
) -> Option<String> {
    let is_due = |other: &usize| *other != index && cut.let_through(index, *other);
    let others: Vec<_> = running.iter().copied().filter(is_due).collect();
    // One lock at a time: see `Cluster::state`.
    let ids: Vec<_> =
        others.iter().map(|&other| cluster.state(other).progress.id().map(str::to_owned)).collect();
    let state = cluster.state(index);
    let missing: Vec<_> = others
        .iter()
        .zip(ids)
        .filter(|(_, id)| !id.as_deref().is_some_and(|id| state.progress.reaches(id)))
        .map(|(&other, _)| cluster.cell(other).plan().name())
        .collect();
    (!missing.is_empty()).then(|| format!("has no link to {}", missing.join(", ")))
}

/// Linearizable reads, one member each, tried until they succeed.
#[derive(Default)]
struct Probes {
    /// Aborts its tasks when dropped.
    tasks: JoinSet<()>,
    /// What the probe of each run has come to.
    state: Vec<(Run, Arc<Mutex<ProbeState>>)>,
}

enum ProbeState {
    Waiting { last_error: Option<String> },
    Answered,
}

impl Probes {
    /// Starts the probe of this run, if there is none, with this patience at first.
    ///
    /// A machine can be so busy that a handshake alone takes longer: 250 ms of the first patience
    /// were too few with sixty processes on two cores, and each handshake that is given up is more
    /// for it to do. So patience grows with each probe that has used it up.
    fn begin(
        &mut self,
        run: Run,
        mut patience: Duration,
        config: impl FnOnce() -> Result<Config, tercet_client::Error>,
    ) -> Result<(), tercet_client::Error> {
        if self.state.iter().any(|(known, _)| *known == run) {
            return Ok(());
        }
        let config = config()?;
        let state = Arc::new(Mutex::new(ProbeState::Waiting { last_error: None }));
        self.state.push((run, Arc::clone(&state)));
        self.tasks.spawn(async move {
            let set = |new| *state.lock().unwrap_or_else(PoisonError::into_inner) = new;
            loop {
                let begin = Instant::now();
                let probe = config.clone().request_timeout(patience);
                let Err(error) = read_once(&probe).await else { break };
                set(ProbeState::Waiting { last_error: Some(chain(&error)) });
                // Half of it is for the connection.
                if begin.elapsed() >= patience / 2 {
                    patience = (patience * 2).min(LONGEST_PATIENCE.max(patience));
                }
                sleep(PROBE_EVERY).await;
            }
            set(ProbeState::Answered);
        });
        Ok(())
    }

    /// What is missing of the probe of this run.
    fn missing(&self, run: Run) -> Option<String> {
        let (_, state) = self.state.iter().find(|(known, _)| *known == run)?;
        match &*state.lock().unwrap_or_else(PoisonError::into_inner) {
            ProbeState::Answered => None,
            ProbeState::Waiting { last_error: None } => {
                Some("has not answered a read yet".to_owned())
            }
            ProbeState::Waiting { last_error: Some(error) } => {
                Some(format!("answers no read: {error}"))
            }
        }
    }
}

/// Over a connection of its own: what an earlier one went through tells nothing of the member now.
pub(super) async fn read_once(config: &Config) -> Result<(), tercet_client::Error> {
    match Client::connect(config.clone()).await?.get(PROBE_KEY).await {
        Err(error) if is_an_answer(error.kind()) => Ok(()),
        result => result.map(drop),
    }
}

/// Whether a member that refuses a read has shown that it serves.
fn is_an_answer(refusal: ErrorKind) -> bool {
    matches!(
        refusal,
        // A learner is asked for no more.
        ErrorKind::NotSupportedForLearner
            // Who may read is looked at when the read is due, after the cluster was asked how far it
            // is (`server/etcdserver/v3_server.go`, `Range`).
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidAuthToken
    )
}

/// A wait for members, which ends early when one of them does.
struct Wait<'a> {
    cluster: &'a Cluster,
    begin: Instant,
    limit: Duration,
}

impl<'a> Wait<'a> {
    fn new(cluster: &'a Cluster, limit: Duration) -> Self {
        Self { cluster, begin: Instant::now(), limit }
    }

    /// Takes in what has happened to the members.
    fn look(&mut self, indices: &[usize]) -> Result<(), StartError> {
        for &index in indices {
            let member = self.cluster.cell(index).plan();
            let mut state = self.cluster.state(index);
            let unknown = |source| StartError::Unknown {
                member: member.name().to_owned(),
                log: member.log().to_owned(),
                source,
            };
            state.progress.update().map_err(unknown)?;
            let Some(child) = &mut state.child else { continue };
            if let Some(status) = child.exit_status().map_err(unknown)? {
                let binary = self.cluster.cell(index).binary();
                let (program, arguments) = entrance::command(member, binary);
                return Err(StartError::Exited {
                    member: member.name().to_owned(),
                    exit: Box::new(Exit {
                        refusals: blame::of_exited(state.progress.refusals()),
                        status,
                        elapsed: self.begin.elapsed(),
                        command: command_line(member.environment(), &program, &arguments),
                        log: member.log().to_owned(),
                        log_tail: log_tail(member.log(), LOG_TAIL_LINES),
                    }),
                });
            }
        }
        Ok(())
    }

    /// Waits a little for the members in `waiting`, each with what it lacks; or gives up.
    async fn pause(&self, waiting: &[(usize, String)]) -> Result<(), StartError> {
        let elapsed = self.begin.elapsed();
        if elapsed < self.limit {
            sleep(LOOK_EVERY).await;
            return Ok(());
        }
        let member = |index: usize| self.cluster.cell(index).plan();
        let indices: Vec<_> = waiting.iter().map(|(index, _)| *index).collect();
        let refusals = blame::of_waiting(self.cluster, &indices);
        let log = indices.first().map_or_else(|| Path::new(""), |&index| member(index).log());
        Err(StartError::NotReady {
            waiting: waiting
                .iter()
                .map(|(index, lacks)| {
                    let mut text = format!("{} {lacks}", member(*index).name());
                    if self.cluster.member(*index).is_paused() {
                        text.push_str(" (it is paused)");
                    }
                    if let Some(trouble) = self.cluster.state(*index).progress.trouble() {
                        let _ = write!(text, " (it last warned: {trouble})");
                    }
                    text
                })
                .collect(),
            given_up: Box::new(GivenUp::new(refusals, elapsed, log)),
        })
    }
}

/// The command as one would type it.
pub(super) fn command_line(
    environment: &[(OsString, OsString)],
    program: &Path,
    arguments: &[OsString],
) -> String {
    let quoted = |word: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let settings = environment.iter().map(|(name, value)| (name.to_string_lossy(), value));
    let settings = settings.filter(|(name, _)| name.starts_with("ETCD_"));
    settings
        .map(|(name, value)| format!("{name}={}", quoted(&value.to_string_lossy())))
        .chain(
            std::iter::once(program.as_os_str())
                .chain(arguments.iter().map(OsString::as_os_str))
                .map(|word| quoted(&word.to_string_lossy())),
        )
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["--name=m1".into(), "--data-dir=/a b/c".into(), "".into(), "it's".into()];
        assert_eq!(
            command_line(&[], Path::new("/bin/etcd"), &words),
            r"/bin/etcd --name=m1 '--data-dir=/a b/c' '' 'it'\''s'"
        );
        let variables = [("GOGC".into(), "800".into()), ("ETCD_DATA_DIR".into(), "/a b/c".into())];
        assert_eq!(
            command_line(&variables, Path::new("/bin/etcd"), &[]),
            "ETCD_DATA_DIR='/a b/c' /bin/etcd"
        );
    }
}
