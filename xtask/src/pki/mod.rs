//! `cargo xtask pki`: the certificates of a fleet on real hosts, from first to last.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;
use tercet_pki::{Fleet, FleetDirectory, IdentityFiles, Layout, Role};

use crate::Failure;

mod extend;
mod inspect;
mod new;
mod renew;
mod request;
mod revoke;
mod rotate;

const HELP: &str = "\
The certificates of a fleet, in a directory.

Usage: cargo xtask pki COMMAND

  new DIR --member NAME=HOST,HOST...   an authority, members and a client
  add-member DIR NAME=HOST,HOST...     one more member
  client DIR NAME                      one more client
  renew DIR --within DAYS | --all      new certificates for old ones
  rotate DIR --by METHOD               another authority, step by step
  revoke DIR CERTIFICATE               one more on the list of those that are no longer good
  csr --common-name NAME [--host ...]  a key, and a request to have it signed
  sign DIR REQUEST --profile ...       what a request asks for, as far as it is allowed
  inspect PATH...                      what is in certificates, keys, requests and lists

Each has more to say: cargo xtask pki COMMAND --help

DIR holds ca.crt, ca.key (keep it off the members), and for each member NAME/server.crt and .key
and NAME/peer.crt and .key, or with one certificate for all server.crt and .key; clients are
NAME.crt and NAME.key. Where the authority's key is kept elsewhere: --ca-key FILE.
Exit status: 0 done, 1 not done, and why is said.
";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let command = match arguments.next()? {
        Some(Value(command)) => command.string()?,
        Some(Short('h') | Long("help")) => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        None => return Err(HELP.into()),
        Some(other) => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "new" => new::run(arguments),
        "add-member" => extend::member(arguments),
        "client" => extend::client(arguments),
        "renew" => renew::run(arguments),
        "revoke" => revoke::run(arguments),
        "rotate" => rotate::run(arguments),
        "csr" => request::csr(arguments),
        "sign" => request::sign(arguments),
        "inspect" => inspect::run(arguments),
        other => Err(format!("there is no 'pki {other}'\n\n{HELP}").into()),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// `NAME=HOST,HOST`.
fn member(text: &str) -> Result<(String, Vec<String>), Failure> {
    let (name, hosts) = text.split_once('=').ok_or_else(|| {
        format!("'{text}' is no member: write NAME=HOST,HOST, such as infra1=10.0.0.1,infra1.local")
    })?;
    let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(str::to_owned);
    Ok((name.to_owned(), hosts.collect()))
}

/// `30`: days.
fn days(text: &str) -> Result<Duration, Failure> {
    let days: u64 = text.parse().map_err(|_| format!("'{text}' is no number of days"))?;
    // More than that is past the year 9999 in any case, and must not overflow on the way there.
    Ok(Duration::from_secs(days.min(10_000_000) * 24 * 60 * 60))
}

/// A lifetime: `30`.
fn lifetime(text: &str) -> Result<Duration, Failure> {
    match days(text)? {
        Duration::ZERO => Err("a certificate is valid for a day or more: --lifetime DAYS".into()),
        lifetime => Ok(lifetime),
    }
}

/// A fleet that is there, made whole if an earlier run was killed.
fn open(dir: &Path, key: Option<&Path>) -> Result<FleetDirectory, Failure> {
    let key = key.map_or_else(|| dir.join("ca.key"), Path::to_owned);
    let recovery = FleetDirectory::recover(dir, &key)?;
    for path in &recovery.finished {
        println!("finished  {} (an earlier run was interrupted)", path.display());
    }
    for path in &recovery.discarded {
        println!("undone    {} (an earlier run was interrupted)", path.display());
    }
    Ok(FleetDirectory::load(dir, key)?)
}

fn wrote(path: &Path) {
    println!("wrote     {}", path.display());
}

fn wrote_pair(files: &IdentityFiles) {
    wrote(&files.key);
    wrote(&files.certificate);
}

/// What each member is to be started with.
fn print_flags(fleet: &FleetDirectory, only: Option<&str>) {
    let pairs: Vec<(String, &IdentityFiles, &IdentityFiles)> = match fleet.layout() {
        Layout::Shared => fleet
            .identity(Role::Shared, None)
            .map(|shared| ("NAME".to_owned(), &shared.files, &shared.files))
            .into_iter()
            .collect(),
        _ => fleet
            .member_names()
            .filter(|name| only.is_none_or(|only| only == *name))
            .filter_map(|name| {
                let server = fleet.identity(Role::Server, Some(name))?;
                let peer = fleet.identity(Role::Peer, Some(name))?;
                Some((name.to_owned(), &server.files, &peer.files))
            })
            .collect(),
    };
    let ca = fleet.directory().join("ca.crt");
    println!("\nGive each member its own files and ca.crt, never ca.key, and these flags of etcd:");
    for (name, server, peer) in pairs {
        let flags = [
            ("cert-file", &server.certificate),
            ("key-file", &server.key),
            ("trusted-ca-file", &ca),
            ("peer-cert-file", &peer.certificate),
            ("peer-key-file", &peer.key),
            ("peer-trusted-ca-file", &ca),
        ];
        println!("\n  --name {}", quoted(Path::new(&name)));
        for (flag, path) in flags {
            println!("  --{flag} {}", quoted(path));
        }
        println!("  --client-cert-auth\n  --peer-client-cert-auth");
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// How a client uses its certificate.
fn print_client(fleet: &FleetDirectory, files: &IdentityFiles) {
    println!(
        "\n  etcdctl --cacert {} --cert {} --key {} --endpoints https://HOST:2379 endpoint status",
        quoted(&fleet.directory().join("ca.crt")),
        quoted(&files.certificate),
        quoted(&files.key)
    );
}

/// The arguments that most of the commands have.
#[derive(Default)]
struct Common {
    values: Vec<String>,
    authority_key: Option<PathBuf>,
    help: bool,
}

impl Common {
    /// Takes an argument if it is one of these.
    fn take(&mut self, argument: lexopt::Arg<'_>) -> Result<Option<Wanted>, Failure> {
        match argument {
            Value(value) => self.values.push(value.string()?),
            Short('h') | Long("help") => self.help = true,
            Long("ca-key") => return Ok(Some(Wanted::AuthorityKey)),
            other => return Err(other.unexpected().into()),
        }
        Ok(None)
    }

    /// The `N` values that a command takes.
    fn values<const N: usize>(&self, help: &str) -> Result<[&str; N], Failure> {
        let values: Vec<_> = self.values.iter().map(String::as_str).collect();
        values.try_into().map_err(|_| Failure::from(help.to_owned()))
    }

    fn authority_key(&self) -> Option<&Path> {
        self.authority_key.as_deref()
    }
}

/// An option whose value is to be read next.
enum Wanted {
    AuthorityKey,
}

/// Reads an argument that is none of the command's own.
macro_rules! common {
    ($common:ident, $arguments:ident, $argument:expr) => {
        if let Some($crate::pki::Wanted::AuthorityKey) = $common.take($argument)? {
            $common.authority_key = Some($arguments.value()?.into());
        }
    };
}
use common;

/// The fleet of a directory, for those that only look.
fn look(dir: &Path, key: Option<&Path>) -> Result<FleetDirectory, Failure> {
    match key {
        Some(key) => Ok(FleetDirectory::load(dir, key)?),
        None => Ok(Fleet::load(dir)?),
    }
}
