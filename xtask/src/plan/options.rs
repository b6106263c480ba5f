//! What `cargo xtask plan` is asked for.

use std::path::PathBuf;

use lexopt::prelude::*;
use tercet_cluster::binary::{DEFAULT_VERSION, Release, Version};
use tercet_cluster::{Configuration, MemberHost, Spec, Timing};

use crate::Failure;
use crate::fleet_options::FleetOptions;

pub(super) const USAGE: &str = concat!(
    "\
Plans a fleet with each member on a host of its own, and writes for each host what goes there:
certificates that name its address and its names, its settings, and what runs it. Nothing is started.

Usage: cargo xtask plan --host NAME=ADDRESS,DNSNAME... [--host ...] [OPTIONS]
       cargo xtask plan --host ... --add NAME=ADDRESS,DNSNAME... --out DIR [OPTIONS]

  --host HOST             a member: NAME=ADDRESS with the IP address of its host that the others
                          see, and with any DNS names, NAME=ADDRESS,DNSNAME,...; once for each
  --out DIR               write to this directory; without it, what members are told is printed
  --force                 put it in the place of a plan that is there, which is kept as DIR.1
  --add HOST              one more for a fleet that runs: with all that it was planned with, those
                          that are members now as --host, and DIR, which it was planned into
  --etcd VERSION          which etcd will run it, such as 3.5.1 (that which Tercet gets by itself)
  --json                  print one line of JSON, and nothing else

Where its members are:

  --advertise address|name  what their URLs have: the address, or the first DNS name (address)
  --ports CLIENT,PEER     other ports than 2379,2380
  --http-port PORT        a port of its own for what is HTTP and not gRPC
  --directory DIR         where the files will be on each host (/var/lib/etcd)
  --user NAME             who runs etcd there (etcd)
  --token WORD            what tells the fleet apart from another one on these hosts (the name of
                          the directory)

How it is secured:

",
    security_help!(),
    "
How it is told, and what it answers:

  --config flags|env|file in which form members are told their settings (file)
  --no-gateway            no JSON over HTTP
  --v2                    etcd's second API as well, until 3.5
  --flag NAME=VALUE       one more flag for every member

Those that name something may be said several times.
DIR has hosts/NAME for each host, client for whoever asks the fleet, and pki, which is kept: with it
`cargo xtask pki` renews certificates, and --add makes more. The authority's key is there alone.
Exit status: 0 done, 1 not done, and why is said.
"
);

/// What the command was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) spec: Spec,
    pub(super) newcomer: Option<MemberHost>,
    pub(super) release: Release,
    pub(super) directory: PathBuf,
    pub(super) user: String,
    pub(super) out: Option<PathBuf>,
    pub(super) force: bool,
    pub(super) json: bool,
}

/// What is as yet to be made sense of.
#[derive(Default)]
struct Said {
    hosts: Vec<MemberHost>,
    newcomer: Option<MemberHost>,
    by_name: bool,
    ports: Option<(u16, u16)>,
    http_port: Option<u16>,
    out: Option<PathBuf>,
    force: bool,
    json: bool,
}

impl Options {
    /// Reads them; nothing when they ask for help.
    pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut said = Said::default();
        let mut version = DEFAULT_VERSION;
        let mut directory = PathBuf::from("/var/lib/etcd");
        let mut user = "etcd".to_owned();
        // Nothing of what makes tests faster: this fleet is to be kept.
        let spec = Spec::default().timing(Timing::Stock).configuration(Configuration::File);
        let mut fleet = FleetOptions::new(spec);
        while let Some(argument) = arguments.next()? {
            let name = match &argument {
                Long(name) => (*name).to_owned(),
                Short('h') => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            };
            if fleet.take(&name, &mut arguments)? {
                continue;
            }
            let mut text = || arguments.value()?.string();
            match name.as_str() {
                "host" => said.hosts.push(text()?.parse()?),
                "add" if said.newcomer.is_some() => {
                    return Err("members join one after the other: give one --add".into());
                }
                "add" => said.newcomer = Some(text()?.parse()?),
                "advertise" => said.by_name = is_by_name(&text()?)?,
                "ports" => said.ports = Some(two_ports(&text()?)?),
                "http-port" => said.http_port = Some(port(&text()?)?),
                "etcd" => version = text()?.parse::<Version>()?,
                "token" => {
                    let token = text()?;
                    fleet.change(|spec| spec.token(token));
                }
                "user" => user = user_name(text()?)?,
                "directory" => directory = on_hosts(&text()?)?,
                "out" => said.out = Some(arguments.value()?.into()),
                "force" => said.force = true,
                "json" => said.json = true,
                "help" => return Ok(None),
                _ => return Err(Long(&name).unexpected().into()),
            }
        }
        said.check()?;
        let hosts =
            said.hosts.iter().map(|host| said.place(host)).collect::<Result<Vec<_>, _>>()?;
        let newcomer = said.newcomer.as_ref().map(|host| said.place(host)).transpose()?;
        let spec = fleet.finish().http_port(said.http_port.is_some());
        // Together with who comes: two on one address is no fleet either.
        spec.clone().hosts(hosts.iter().cloned().chain(newcomer.clone())).validate()?;
        let (spec, release) = (spec.hosts(hosts), Release::of(version)?);
        let Said { out, force, json, .. } = said;
        Ok(Some(Self { spec, newcomer, release, directory, user, out, force, json }))
    }
}

impl Said {
    /// Refuses what is incomplete, or two things at once.
    fn check(&self) -> Result<(), Failure> {
        if self.hosts.is_empty() {
            return Err(match &self.newcomer {
                None => {
                    "there is no host: write --host NAME=ADDRESS,DNSNAME for each member, as \
                         --host infra1=10.0.1.10,etcd-1.example.com"
                }
                Some(_) => "whom does it join? Name the members that there are with --host",
            }
            .into());
        }
        match (&self.newcomer, &self.out) {
            (Some(_), None) => {
                Err("its certificates are made by the authority of the fleet: name \
                                    with --out the directory that the fleet was planned into"
                    .into())
            }
            (Some(_), Some(_)) if self.force => {
                Err("--add puts nothing in the place of anything: leave --force out".into())
            }
            (None, None) if self.force => Err("--force is about --out, which is missing".into()),
            (_, Some(out)) if out.as_os_str().is_empty() => Err("--out names no directory".into()),
            _ => Ok(()),
        }
    }

    /// The host as all are to be.
    fn place(&self, host: &MemberHost) -> Result<MemberHost, Failure> {
        let mut host = host.clone();
        if let Some((client, peer)) = self.ports {
            host = host.ports(client, peer);
        }
        if let Some(http) = self.http_port {
            host = host.http_port(http);
        }
        match host.dns_names().first().cloned() {
            _ if !self.by_name => Ok(host),
            Some(name) => Ok(host.advertised_as(name)),
            None => Err(format!(
                "host {0} has no DNS name to advertise: write {0}={1},DNSNAME",
                host.member(),
                host.ip()
            )
            .into()),
        }
    }
}

fn is_by_name(word: &str) -> Result<bool, Failure> {
    match word {
        "address" => Ok(false),
        "name" => Ok(true),
        other => Err(format!("'{other}' cannot be advertised: use address or name").into()),
    }
}

fn two_ports(text: &str) -> Result<(u16, u16), Failure> {
    let ports = text.split_once(',').map(|(client, peer)| (client.parse(), peer.parse()));
    match ports {
        Some((Ok(client), Ok(peer))) => Ok((client, peer)),
        _ => Err(format!("'{text}' is no pair of ports: write CLIENT,PEER as 2379,2380").into()),
    }
}

fn port(text: &str) -> Result<u16, Failure> {
    text.parse().map_err(|_| format!("'{text}' is no port: write a number up to 65535").into())
}

/// A directory as it is written into files for the hosts.
fn on_hosts(text: &str) -> Result<PathBuf, Failure> {
    let refused = |because: &str| Err(format!("--directory {text:?} {because}").into());
    let is_part = |part: &&str| !part.is_empty();
    if !text.starts_with('/') {
        return refused("is no absolute path: where will the files be on the hosts?");
    }
    if text.chars().any(char::is_control) {
        return refused("has control characters in it");
    }
    if text.split('/').any(|part| part == ".." || part == ".") {
        return refused("leads up or nowhere: write it out");
    }
    if text.split('/').filter(is_part).count() < 2 {
        return refused("is not the fleet's alone: it is given to who runs etcd, with all in it");
    }
    Ok(text.into())
}

/// Who is named in commands for the hosts.
fn user_name(text: String) -> Result<String, Failure> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.is_empty() || text.starts_with(['-', '.']) || !text.chars().all(is_good) {
        return Err(format!("{text:?} is no user: write a name such as etcd").into());
    }
    Ok(text)
}
