//! `cargo xtask up`: a fleet to play with, held until it is not wanted any more.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tercet_cluster::Cluster;
use tercet_cluster::binary::Locator;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::Failure;
mod options;
mod show;

pub(crate) use options::which;

use options::{Options, USAGE};
use show::{describe, show};

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(up(options));
    // Not to wait for a download that was interrupted.
    runtime.shutdown_background();
    result
}

async fn up(options: Options) -> Result<ExitCode, Failure> {
    // Before anything is started: from here on nothing ends this process without its drops.
    let mut end = End::new(options.hold_stdin)?;
    options.validate()?;
    let request = options.etcd.clone();
    let locating = tokio::task::spawn_blocking(move || Locator::from_env().locate(&request));
    let etcd = tokio::select! {
        etcd = locating => etcd??,
        reason = end.reached() => return Ok(reason.before_ready()),
    };
    for note in etcd.note().map(str::to_owned).into_iter().chain(etcd.release().warning()) {
        eprintln!("tercet: {note}");
    }
    let directory = std::env::temp_dir();
    let cluster = tokio::select! {
        cluster = Cluster::start(&options.spec, &etcd, &directory) => cluster?,
        reason = end.reached() => return Ok(reason.before_ready()),
    };
    for &kind in &options.proxies {
        tokio::select! {
            proxy = cluster.start_proxy(kind) => {
                proxy?;
            }
            reason = end.reached() => return Ok(reason.before_ready()),
        }
    }
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
