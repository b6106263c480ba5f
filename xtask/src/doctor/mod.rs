//! `cargo xtask doctor`: what is wrong with the TLS of an etcd, and what to do.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;
use tercet_cluster::diagnose::Unseen;
use tercet_pki::doctor::{Description, Severity, Url, examine, look};
use tercet_pki::etcd::{Go, Release, Version};

use crate::Failure;

mod live;
mod ports;
mod report;

const USAGE: &str = "\
Says what is wrong with the TLS of an etcd, what it says itself, and what to do.

Usage: cargo xtask doctor [OPTIONS] DIR...
       cargo xtask doctor [OPTIONS] [--config FILE]... [--pid PID]...
       cargo xtask doctor [OPTIONS] -- ETCD-ARGUMENTS...
       cargo xtask doctor [OPTIONS] --endpoint URL... [any of the above]

  DIR                  a directory of certificates: written by Tercet, kubeadm, cfssl or openssl
  --config FILE        a member by its configuration file
  --pid PID            a member that runs here (Linux)
  -- ETCD-ARGUMENTS    a member by its command line, as one would type it: with the variables
                       ETCD_* that are set here, and from this directory

  --endpoint URL       a port for clients of a member that runs, to be asked: https://HOST:2379. The
                       other members are found through it, if it lets the client in
  --peer-endpoint URL  a port for peers of one: https://HOST:2380

  --etcd VERSION       judge by the rules of this etcd, such as 3.5.1 (that of the first endpoint
                       that tells it; or the newest known)
  --go VERSION         and of this Go, such as 1.19, which 'etcd --version' tells (any that upstream
                       or a later builder may have taken)
  --cacert FILE        what a client was given, as etcdctl is; --client-cacert and so on are the same
  --cert FILE
  --key FILE
  --url URL            where the client dials, as often as needed (what the members advertise)
  --json               print one line of JSON

Give several members of a fleet at once: what is between them is judged too. Nothing is run and
nothing is changed. Endpoints are asked with a TLS handshake and one question, which a member that
refuses it logs; a key signs that handshake and goes nowhere.

Exit status: 0 it is sound, but for warnings; 1 something is wrong; 2 it could not be looked at.
";

/// What the command was asked to do.
#[derive(Debug, Default)]
struct Options {
    etcd: Option<Version>,
    go: Option<Go>,
    json: bool,
    directories: Vec<PathBuf>,
    config_files: Vec<PathBuf>,
    pids: Vec<u32>,
    arguments: Option<Vec<OsString>>,
    client: ClientOptions,
    live: LiveOptions,
}

/// The ports that are to be asked.
#[derive(Debug, Default)]
struct LiveOptions {
    endpoints: Vec<Url>,
    peer_endpoints: Vec<Url>,
}

impl LiveOptions {
    fn is_given(&self) -> bool {
        !self.endpoints.is_empty() || !self.peer_endpoints.is_empty()
    }
}

#[derive(Debug, Default)]
struct ClientOptions {
    cacert: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    urls: Vec<Url>,
}

impl ClientOptions {
    fn is_given(&self) -> bool {
        self.cacert.is_some() || self.cert.is_some() || self.key.is_some() || !self.urls.is_empty()
    }
}

/// Its exit status says more than that of the other commands, so it prints its errors itself.
pub(crate) fn run(arguments: lexopt::Parser) -> ExitCode {
    match doctor(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", crate::chain(&*error));
            ExitCode::from(2)
        }
    }
}

fn doctor(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let seen = if options.live.is_given() { see_live(&options)? } else { see(&options)? };
    let findings = examine(&seen.description);
    let text =
        if options.json { report::json(&seen, &findings) } else { report::human(&seen, &findings) };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// All that is judged.
struct Seen {
    description: Description,
    /// What could not be seen; `None` where nobody was asked.
    unseen: Option<Vec<Unseen>>,
    /// Whether nobody said which etcd it is.
    is_guess: bool,
}

fn see(options: &Options) -> Result<Seen, Failure> {
    let etcd = options.etcd.unwrap_or(Release::NEWEST_KNOWN);
    warn(etcd)?;
    let description = look(options, etcd)?;
    Ok(Seen { description, unseen: None, is_guess: options.etcd.is_none() })
}

fn see_live(options: &Options) -> Result<Seen, Failure> {
    live::check_files(&options.client)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let known = live::know(&options.live, &options.client).await;
        let told = options.etcd.or(known.version);
        let etcd = told.unwrap_or(Release::NEWEST_KNOWN);
        warn(etcd)?;
        let mut description = look(options, etcd)?;
        let unseen = live::look_at(&mut description, &options.live, known).await;
        Ok(Seen { description, unseen: Some(unseen), is_guess: told.is_none() })
    })
}

fn warn(etcd: Version) -> Result<(), Failure> {
    if let Some(warning) = Release::of(etcd)?.warning() {
        eprintln!("tercet: {warning}");
    }
    Ok(())
}

/// Nothing if help was asked for.
fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options::default();
    loop {
        // What follows `--` is etcd's, and not to be taken for a directory.
        if let Some(mut raw) = arguments.try_raw_args()
            && raw.peek().is_some_and(|argument| argument == "--")
        {
            raw.next();
            options.arguments = Some(raw.collect());
            break;
        }
        let Some(argument) = arguments.next()? else { break };
        match argument {
            Long("etcd") => options.etcd = Some(arguments.value()?.string()?.parse()?),
            Long("go") => options.go = Some(arguments.value()?.string()?.parse()?),
            Long("json") => options.json = true,
            Long("config") => options.config_files.push(arguments.value()?.into()),
            Long("pid") => options.pids.push(arguments.value()?.parse()?),
            Long("client-cacert" | "cacert") => {
                options.client.cacert = Some(arguments.value()?.into())
            }
            Long("client-cert" | "cert") => options.client.cert = Some(arguments.value()?.into()),
            Long("client-key" | "key") => options.client.key = Some(arguments.value()?.into()),
            Long("url") => {
                let text = arguments.value()?.string()?;
                for url in text.split(',') {
                    options.client.urls.push(Url::of_client(url)?);
                }
            }
            Long("endpoint") => {
                let urls = live::endpoints(&arguments.value()?.string()?, "--endpoint")?;
                options.client.urls.extend(urls.iter().cloned());
                options.live.endpoints.extend(urls);
            }
            Long("peer-endpoint") => {
                let urls = live::endpoints(&arguments.value()?.string()?, "--peer-endpoint")?;
                options.live.peer_endpoints.extend(urls);
            }
            Value(directory) => options.directories.push(directory.into()),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    let nothing = options.directories.is_empty()
        && options.config_files.is_empty()
        && options.pids.is_empty()
        && options.arguments.is_none();
    if nothing && !options.client.is_given() && !options.live.is_given() {
        return Err(format!("there is nothing to look at\n\n{USAGE}").into());
    }
    Ok(Some(options))
}

/// Gathers all that was asked for.
fn look(options: &Options, etcd: Version) -> Result<Description, Failure> {
    let mut description = Description::new(etcd, time::OffsetDateTime::now_utc());
    description.go = options.go;
    let here = Path::new("");
    if let Some(arguments) = &options.arguments {
        let environment = std::env::vars_os();
        let member = look::arguments(arguments.iter(), environment, here, etcd)?;
        description.members.push(member);
    }
    for path in &options.config_files {
        description.members.push(look::config_file(path, here, etcd)?);
    }
    for pid in &options.pids {
        description.members.push(look::process(*pid, etcd)?);
    }
    for directory in &options.directories {
        look::directory(directory)?.add_to(&mut description);
    }
    if options.client.is_given() {
        let ClientOptions { cacert, cert, key, urls } = &options.client;
        description.clients.push(look::client(
            urls.clone(),
            cacert.as_deref(),
            cert.as_deref(),
            key.as_deref(),
        ));
    }
    Ok(description)
}
