//! `cargo xtask chaos`: a fleet that is broken by a seed while somebody writes, and whether every write
//! became what its writer was told.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use lexopt::prelude::*;
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{
    Cluster, Faults, Menu, Nemesis, NemesisError, Rampage, Schedule, Spec, StartError, Timing,
};
use tercet_tests::{Load, LoadOptions};

use crate::up::which;
use crate::{Failure, chain};

const USAGE: &str = "\
Breaks a fleet in one way after the other while somebody writes, and says whether every write became
what its writer was told.

Usage: cargo xtask chaos [OPTIONS]

  --seed N               what is done, by chance; the same for the same seed (one of its own)
  --rounds N             how many steps (20)
  --members N            1 to 9 members (3)
  --faults A,B           kills, pauses, restarts, crashes, certificates, links, disk, clock (all)
  --beyond-quorum        also what leaves no majority
  --replay FILE          the very steps of a schedule that was printed
  --etcd VERSION|PATH    which etcd: a version such as 3.5.1, a program, or its directory

It ends with 0 when no acknowledged write was lost, none that was reported as failed has happened, and
the fleet became ready after each step.
";

#[derive(Debug)]
struct Options {
    seed: u64,
    rounds: usize,
    members: usize,
    menu: Option<Menu>,
    beyond_quorum: bool,
    replay: Option<PathBuf>,
    etcd: Request,
}

impl Options {
    /// Reads them; nothing when they ask for help.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        // The seconds since 1970: short enough to be typed again.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut options = Self {
            seed: now.as_secs(),
            rounds: 20,
            members: 3,
            menu: None,
            beyond_quorum: false,
            replay: None,
            etcd: Request::Default,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Long("members") => options.members = arguments.value()?.parse()?,
                Long("faults") => {
                    let menu = arguments.value()?.string()?.parse::<Menu>()?;
                    if menu == Menu::NONE {
                        return Err("--faults names none".into());
                    }
                    options.menu = Some(menu);
                }
                Long("beyond-quorum") => options.beyond_quorum = true,
                Long("replay") => options.replay = Some(arguments.value()?.into()),
                Long("etcd") => options.etcd = which(&arguments.value()?.string()?)?,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    // Read before anything is started.
    let replayed = options.replay.as_ref().map(|path| -> Result<Schedule, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Ok(text.parse::<Schedule>()?)
    });
    let replayed = replayed.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = chaos(&options, replayed.as_ref()) => result,
            // What is started ends as its owners are dropped.
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        }
    });
    // Not to wait for a download that was interrupted.
    runtime.shutdown_background();
    result
}

async fn chaos(options: &Options, replayed: Option<&Schedule>) -> Result<ExitCode, Failure> {
    let request = options.etcd.clone();
    let etcd = tokio::task::spawn_blocking(move || Locator::from_env().locate(&request)).await??;
    let nemesis = Nemesis::seeded(options.seed);
    let nemesis = if options.beyond_quorum { nemesis.beyond_quorum() } else { nemesis };
    let nemesis = match options.menu {
        Some(menu) => nemesis.menu(menu),
        None => nemesis,
    };
    // What cannot be is refused before there is a fleet.
    let members = replayed.map_or(options.members, Schedule::members);
    if let (None, Some(menu)) = (replayed, options.menu) {
        nemesis.schedule(menu, members, options.rounds)?;
    }
    let faults = match (replayed, options.menu) {
        (Some(schedule), _) => schedule.needs(),
        (None, Some(menu)) => menu.needs(),
        (None, None) => Faults::ALL,
    };
    let cluster =
        start(members, faults, &etcd, replayed.is_none() && options.menu.is_none()).await?;
    match replayed {
        Some(_) => println!("etcd {}, a schedule again", etcd.version()),
        None => println!("etcd {}, {members} members, seed {}", etcd.version(), options.seed),
    }
    let client = cluster.client().await?;
    let load = Load::start(&client, LoadOptions::default()).await;
    let done = match replayed {
        Some(schedule) => schedule.run(&cluster).await,
        None => nemesis.run(&cluster, options.rounds).await,
    };
    let report = load.stop().await;
    tell(&cluster, &done);
    println!("{report}");
    let faults = report.faults(&client).await?;
    for fault in &faults {
        println!("violation: {fault}");
    }
    done?;
    if faults.is_empty() {
        println!("no write became anything but what its writer was told");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} violations", faults.len());
    Ok(ExitCode::FAILURE)
}

/// Starts the fleet. Where nobody has asked for disks and clocks, it does without them on a machine
/// that cannot break them, and says so.
async fn start(
    members: usize,
    faults: Faults,
    etcd: &Binary,
    may_do_without: bool,
) -> Result<Cluster, StartError> {
    let spec = Spec::default().members(members).timing(Timing::Ci).faults(faults);
    let parent = std::env::temp_dir();
    match Cluster::start(&spec, etcd, &parent).await {
        Err(StartError::Unsupported(reason)) if may_do_without => {
            eprintln!("tercet: disks and clocks stay whole: {}", chain(&reason));
            Cluster::start(&spec.faults(Faults::NONE.links()), etcd, &parent).await
        }
        result => result,
    }
}

/// What was done, also when it was not all.
fn tell(cluster: &Cluster, done: &Result<Rampage, NemesisError>) {
    match done {
        Ok(rampage) => println!("{rampage}"),
        Err(_) => {
            cluster.rampages().iter().for_each(|rampage| println!("{rampage}"));
            for member in cluster.members() {
                println!("the end of the log of {}:", member.name());
                for line in member.log_tail(15) {
                    println!("  {}", tercet_cluster::readable(&line));
                }
            }
        }
    }
}
