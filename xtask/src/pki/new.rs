//! `cargo xtask pki new`

use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use tercet_pki::{
    Authority, Durability, Fleet, FleetDirectory, KeyKind, Layout, Role, WriteOptions,
};

use super::{lifetime, member, open, print_client, print_flags, wrote, wrote_pair};
use crate::Failure;

const HELP: &str = "\
Makes an authority, and certificates for the members and the clients of a fleet.

Usage: cargo xtask pki new DIR --member NAME=HOST,HOST... [OPTIONS]

  --member NAME=HOST,HOST  a member, with the hosts and addresses that its URLs have and that it
                           dials from; localhost is added. Once for each member
  --client NAME            a client besides the one called client; as often as you like
  --layout shared          one certificate for all members (each has its own)
  --lifetime DAYS          how long all but the authority are valid (365)
  --key p256|p384|ed25519  the kind of all keys (p256); ed25519 is none for etcd 3.4.0 to 3.4.17
  --ca-cert F --ca-key F   an authority that is there, instead of a new one; its key is not copied
  --force                  write over what is there, keys included
";

#[derive(Default)]
struct Options {
    dir: Option<PathBuf>,
    members: Vec<(String, Vec<String>)>,
    clients: Vec<String>,
    layout: Layout,
    lifetime: Option<Duration>,
    key: KeyKind,
    authority: (Option<PathBuf>, Option<PathBuf>),
    force: bool,
}

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(dir) if options.dir.is_none() => options.dir = Some(dir.into()),
            Long("member") => options.members.push(member(&arguments.value()?.string()?)?),
            Long("client") => options.clients.push(arguments.value()?.string()?),
            Long("layout") => options.layout = layout(&arguments.value()?.string()?)?,
            Long("lifetime") => options.lifetime = Some(lifetime(&arguments.value()?.string()?)?),
            Long("key") => options.key = kind(&arguments.value()?.string()?)?,
            Long("ca-cert") => options.authority.0 = Some(arguments.value()?.into()),
            Long("ca-key") => options.authority.1 = Some(arguments.value()?.into()),
            Long("force") => options.force = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let dir = options.dir.clone().ok_or(HELP)?;
    make(&dir, &options)
}

fn make(dir: &Path, options: &Options) -> Result<(), Failure> {
    let key = options.authority.1.clone().unwrap_or_else(|| dir.join("ca.key"));
    if finished_before(dir, &key, options)? {
        println!("The fleet of an earlier run, which was interrupted, is whole now.");
    } else {
        write(dir, options)?;
    }
    let fleet = open(dir, Some(&key))?;
    print_flags(&fleet, None);
    println!("\nA client is given ca.crt and its own two files:");
    if let Some(client) = fleet.identity(Role::Client, Some("client")) {
        print_client(&fleet, &client.files);
    }
    let key = key.display();
    println!("\nWho has {key} can join the fleet: keep it away from the members.");
    Ok(())
}

/// Whether a run that was killed had got so far that this one has nothing to make.
fn finished_before(dir: &Path, key: &Path, options: &Options) -> Result<bool, Failure> {
    let recovery = FleetDirectory::recover(dir, key)?;
    if options.force || !recovery.finished.contains(&dir.join("ca.crt")) {
        return Ok(false);
    }
    let fleet = FleetDirectory::load(dir, key)?;
    let is_there = |role, name: Option<&str>, hosts: &[String]| {
        let names = fleet.identity(role, name).and_then(|one| one.chain.first()?.names.clone());
        names.is_some_and(|names| {
            let ip: Vec<_> = names.ip.iter().map(ToString::to_string).collect();
            hosts.iter().all(|host| names.dns.contains(host) || ip.contains(host))
        })
    };
    let clients =
        options.clients.iter().all(|name| fleet.identity(Role::Client, Some(name)).is_some());
    Ok(clients
        && fleet.layout() == options.layout
        && match options.layout {
            Layout::Shared => {
                options.members.iter().all(|(_, hosts)| is_there(Role::Shared, None, hosts))
            }
            _ => {
                fleet.member_names().count() == options.members.len()
                    && options.members.iter().all(|(name, hosts)| {
                        [Role::Server, Role::Peer]
                            .into_iter()
                            .all(|role| is_there(role, Some(name), hosts))
                    })
            }
        })
}

fn write(dir: &Path, options: &Options) -> Result<(), Failure> {
    let mut builder = Fleet::builder().layout(options.layout).key(options.key);
    for (name, hosts) in &options.members {
        builder = builder.member(name, hosts);
    }
    for client in options.clients.iter().filter(|name| *name != "client") {
        builder = builder.client(client);
    }
    if let Some(lifetime) = options.lifetime {
        builder = builder.valid_for(lifetime);
    }
    let mut writing = WriteOptions::default().durability(Durability::Synced);
    match &options.authority {
        (Some(certificate), Some(key)) => builder = builder.authority(load(certificate, key)?),
        (None, None) => writing = writing.authority_key_in(dir),
        _ => {
            return Err(
                "an authority is its certificate and its key: give --ca-cert and --ca-key".into()
            );
        }
    }
    if options.force {
        writing = writing.overwrite();
    }
    let fleet = builder.build()?;
    let files = fleet.write_with(dir, &writing).map_err(|error| match error {
        tercet_pki::WriteError::Exists { path } => Failure::from(format!(
            "{} is there already, and nothing was written: add to the fleet with `cargo xtask pki \
             add-member` or `client`, take another directory, or write over it with --force (an \
             earlier `new` that was interrupted is whole now, or left nothing)",
            path.display()
        )),
        other => other.into(),
    })?;
    if let Some(key) = writing.authority_key_file() {
        wrote(&key);
    }
    wrote(&files.ca);
    wrote_pair(&files.client);
    files.more_clients.iter().for_each(wrote_pair);
    for member in &files.members {
        wrote_pair(&member.server);
        if member.peer == member.server {
            break;
        }
        wrote_pair(&member.peer);
    }
    Ok(())
}

fn load(certificate: &Path, key: &Path) -> Result<Authority, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| format!("could not read {}: {error}", path.display()))
    };
    Ok(Authority::from_pem(&read(certificate)?, &read(key)?)?)
}

fn layout(text: &str) -> Result<Layout, Failure> {
    match text {
        "shared" => Ok(Layout::Shared),
        "per-member" => Ok(Layout::PerMember),
        other => Err(format!("there is no layout '{other}': write shared or per-member").into()),
    }
}

pub(super) fn kind(text: &str) -> Result<KeyKind, Failure> {
    match text {
        "p256" => Ok(KeyKind::P256),
        "p384" => Ok(KeyKind::P384),
        "ed25519" => Ok(KeyKind::Ed25519),
        other => Err(format!("there is no key '{other}': write p256, p384 or ed25519").into()),
    }
}
