//! `cargo xtask up`: a fleet to play with, held until it is not wanted any more.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use serde_json::json;
use tercet_cluster::binary::{Locator, Request};
use tercet_cluster::{Cluster, Spec, Timing};
use tercet_pki::Layout;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::Failure;
use crate::style::{Style, table};

const USAGE: &str = "\
Starts a fleet with mutual TLS on every link and holds it until Ctrl-C.

Usage: cargo xtask up [OPTIONS]

  --members N             1 to 9 members (3)
  --etcd VERSION|PATH     which etcd: a version such as 3.5.1, a program, or its directory
  --timing fast|ci|stock  how fast the members' clocks tick (fast)
  --shared-cert           one certificate for all members and purposes
  --hold stdin            hold it until standard input ends, as well
  --json                  print one line of JSON when it is ready, and nothing else
";

/// What the command was asked to do.
#[derive(Debug, Default)]
struct Options {
    spec: Spec,
    etcd: Option<Request>,
    hold_stdin: bool,
    json: bool,
}

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("members") => {
                options.spec = options.spec.members(arguments.value()?.parse()?);
            }
            Long("etcd") => options.etcd = Some(which(&arguments.value()?.string()?)?),
            Long("timing") => {
                options.spec = options.spec.timing(arguments.value()?.parse::<Timing>()?);
            }
            Long("shared-cert") => options.spec = options.spec.layout(Layout::Shared),
            Long("hold") => match arguments.value()?.string()?.as_str() {
                "stdin" => options.hold_stdin = true,
                other => return Err(format!("cannot hold on '{other}': only on stdin").into()),
            },
            Long("json") => options.json = true,
            Short('h') | Long("help") => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(up(options));
    // Not to wait for a download that was interrupted.
    runtime.shutdown_background();
    result
}

/// A version if it reads like one, else a path.
pub(crate) fn which(text: &str) -> Result<Request, Failure> {
    match text.parse() {
        Ok(version) => Ok(Request::Version(version)),
        // It was not meant as a path if it looks like none.
        Err(error) if !text.contains('/') && !Path::new(text).exists() => Err(error.into()),
        Err(_) => Ok(Request::Path(PathBuf::from(text))),
    }
}

async fn up(options: Options) -> Result<ExitCode, Failure> {
    // Before anything is started: from here on nothing ends this process without its drops.
    let mut end = End::new(options.hold_stdin)?;
    options.spec.validate()?;
    let request = options.etcd.clone().unwrap_or_default();
    let locating = tokio::task::spawn_blocking(move || Locator::from_env().locate(&request));
    let etcd = tokio::select! {
        etcd = locating => etcd??,
        reason = end.reached() => return Ok(reason.before_ready()),
    };
    if let Some(note) = etcd.note() {
        eprintln!("tercet: {note}");
    }
    let directory = std::env::temp_dir();
    let cluster = tokio::select! {
        cluster = Cluster::start(&options.spec, &etcd, &directory) => cluster?,
        reason = end.reached() => return Ok(reason.before_ready()),
    };
    if options.json {
        println!("{}", describe(&cluster));
    } else {
        show(&cluster);
    }
    std::io::stdout().flush()?;
    let mut down = Vec::new();
    loop {
        tokio::select! {
            _ = end.reached() => return Ok(ExitCode::SUCCESS),
            () = tokio::time::sleep(LOOK_EVERY) => {
                report_ended(&cluster, &mut down);
                if down.len() == cluster.members().len() {
                    return Err("all members have ended".into());
                }
            }
        }
    }
}

/// How often the members are looked after while the fleet is held.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Says, once, which members have ended by themselves.
fn report_ended(cluster: &Cluster, down: &mut Vec<usize>) {
    for member in cluster.members().filter(|member| !member.is_running()) {
        if !down.contains(&member.index()) {
            down.push(member.index());
            eprintln!(
                "tercet: member {} has ended; its log is {}",
                member.name(),
                member.log().display()
            );
        }
    }
}

/// The fleet in one line, for programs.
fn describe(cluster: &Cluster) -> serde_json::Value {
    let files = cluster.plan().files();
    json!({
        "endpoints": cluster.endpoints(),
        "ca": files.ca,
        "cert": files.client.certificate,
        "key": files.client.key,
        "version": cluster.binary().version().to_string(),
        "ready_ms": cluster.start_times().total().as_millis() as u64,
        "members": cluster.members().map(|member| json!({
            "name": member.name(),
            "pid": member.pid(),
            "client_url": member.client_url(),
            "peer_url": member.peer_url(),
            "data_dir": member.data_directory(),
            "log": member.log(),
        })).collect::<Vec<_>>(),
    })
}

/// The fleet for people, with lines to paste.
fn show(cluster: &Cluster) {
    let style = Style::of_stdout();
    println!(
        "{} etcd {}, {} members, ready in {} ms",
        style.good("up:"),
        cluster.binary().version(),
        cluster.members().len(),
        cluster.start_times().total().as_millis()
    );
    println!();
    let mut rows = vec![["NAME", "PID", "CLIENTS", "PEERS", "LOG"].map(str::to_owned).to_vec()];
    rows.extend(cluster.members().map(|member| {
        vec![
            member.name().to_owned(),
            member.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            member.client_url().to_owned(),
            member.peer_url().to_owned(),
            member.log().display().to_string(),
        ]
    }));
    let lines = table(&rows);
    println!("  {}", style.dim(&lines[0]));
    for line in &lines[1..] {
        println!("  {line}");
    }
    let files = cluster.plan().files();
    println!("\n{}", style.bold("etcdctl"));
    for (name, value) in cluster.env() {
        println!("  export {name}={}", value.display());
    }
    let etcdctl = cluster
        .binary()
        .etcdctl()
        .map_or_else(|| "etcdctl".to_owned(), |path| path.display().to_string());
    println!("  {etcdctl} put hello world");
    println!("  {etcdctl} get hello");
    println!("\n{}", style.bold("curl"));
    println!(
        "  curl --cacert {} --cert {} --key {} {}/health",
        files.ca.display(),
        files.client.certificate.display(),
        files.client.key.display(),
        cluster.endpoints()[0]
    );
    println!("\n{}", style.dim("Ctrl-C stops it and removes all of it."));
}

/// Why the hold is over.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// A signal, by its number.
    Signal(u8),
    InputEnded,
}

impl Reason {
    /// How to exit when the fleet was not ready yet. As a shell says it, so that whoever waits for
    /// the line does not take silence for success.
    fn before_ready(self) -> ExitCode {
        match self {
            Self::Signal(number) => ExitCode::from(128 + number),
            Self::InputEnded => ExitCode::FAILURE,
        }
    }
}

/// What ends the hold.
struct End {
    signals: [Signal; 3],
    stdin_ended: Option<oneshot::Receiver<()>>,
}

impl End {
    fn new(stdin: bool) -> std::io::Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                // The terminal was closed.
                signal(SignalKind::hangup())?,
            ],
            stdin_ended: stdin.then(when_stdin_ends),
        })
    }

    /// Returns when it is over. Cancel-safe.
    async fn reached(&mut self) -> Reason {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let stdin_ended = async {
            match &mut self.stdin_ended {
                Some(ended) => {
                    let _ = ended.await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => Reason::Signal(2),
            _ = terminate.recv() => Reason::Signal(15),
            _ = hangup.recv() => Reason::Signal(1),
            () = stdin_ended => Reason::InputEnded,
        }
    }
}

/// Reads standard input to its end in a thread of its own. tokio's would hold up the end of the
/// runtime until a key is pressed.
fn when_stdin_ends() -> oneshot::Receiver<()> {
    let (ended, when_ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    when_ended
}
