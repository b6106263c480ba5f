//! What `cargo xtask plan` is asked for.

use std::path::PathBuf;

use lexopt::prelude::*;
use tercet_cluster::binary::{DEFAULT_VERSION, Release, Version};
use tercet_cluster::{Configuration, MemberHost, Security, Spec, Timing};
use tercet_pki::Layout;

use super::CONFIGURATION;
use crate::Failure;

pub(super) const USAGE: &str = "\
Plans a fleet of members on hosts of their own, and writes what goes to each: certificates that name
its address and its names, its settings, and the command that runs etcd with them.

Usage: cargo xtask plan --host NAME=ADDRESS,DNSNAME,... [--host ...] [OPTIONS]

  --host NAME=ADDRESS,DNSNAME,...  a host with its member's name, the IP address that the others see,
                                   and any DNS names; once for each
  --out DIR                        write to this directory, which must not be there yet
  --etcd VERSION               which etcd will run it
  --security WORD              plaintext, server-tls, client-auth, mutual or auto (mutual)
  --shared-cert                one certificate for all members and purposes
  --advertise address|name     what URLs have: the address, or the first DNS name (address)
  --ports CLIENT,PEER          other ports than 2379,2380
  --config flags|env|file      in which form members are told their settings (file)
  --flag NAME=VALUE            one more flag for every member
  --directory DIR              where the files will be on each host (/var/lib/etcd)
";

/// What the command was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) spec: Spec,
    pub(super) release: Release,
    pub(super) directory: PathBuf,
    pub(super) out: Option<PathBuf>,
}

impl Options {
    /// Reads them; nothing when they ask for help.
    pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let (mut hosts, mut by_name, mut ports) = (Vec::<MemberHost>::new(), false, None);
        let mut version = DEFAULT_VERSION;
        let mut directory = PathBuf::from("/var/lib/etcd");
        let mut out = None;
        // Nothing of how tests are made faster: this is to be kept.
        let mut spec = Spec::default().timing(Timing::Stock).configuration(CONFIGURATION);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("host") => hosts.push(arguments.value()?.string()?.parse()?),
                Long("out") => out = Some(arguments.value()?.into()),
                Long("etcd") => version = arguments.value()?.string()?.parse::<Version>()?,
                Long("security") => {
                    spec = spec.security(arguments.value()?.string()?.parse::<Security>()?);
                }
                Long("shared-cert") => spec = spec.layout(Layout::Shared),
                Long("advertise") => by_name = is_by_name(&arguments.value()?.string()?)?,
                Long("ports") => ports = Some(two_ports(&arguments.value()?.string()?)?),
                Long("config") => {
                    let word = arguments.value()?.string()?;
                    spec = spec.configuration(word.parse::<Configuration>()?);
                }
                Long("flag") => {
                    let text = arguments.value()?.string()?;
                    let Some((name, value)) = text.split_once('=') else {
                        return Err(format!("'{text}' is no flag: write NAME=VALUE").into());
                    };
                    spec = spec.flag(name.trim_start_matches('-'), value);
                }
                Long("directory") => directory = arguments.value()?.into(),
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        if hosts.is_empty() {
            return Err(format!("there is no host\n\n{USAGE}").into());
        }
        if !directory.is_absolute() {
            let directory = directory.display();
            return Err(
                format!("'{directory}' is no absolute path: where is it on the hosts?").into()
            );
        }
        let hosts = hosts.into_iter().map(|host| {
            let host = match ports {
                Some((client, peer)) => host.ports(client, peer),
                None => host,
            };
            if by_name { advertised(host) } else { Ok(host) }
        });
        spec = spec.hosts(hosts.collect::<Result<Vec<_>, _>>()?);
        spec.validate()?;
        Ok(Some(Self { spec, release: Release::of(version)?, directory, out }))
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

fn advertised(host: MemberHost) -> Result<MemberHost, Failure> {
    match host.dns_names().first().cloned() {
        Some(name) => Ok(host.advertised_as(name)),
        None => Err(format!(
            "host {} has no DNS name to advertise: write --host {}={},NAME",
            host.member(),
            host.member(),
            host.ip()
        )
        .into()),
    }
}
