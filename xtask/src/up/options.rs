//! What `cargo xtask up` is asked to do.

use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use tercet_cluster::binary::{Release, Request};
use tercet_cluster::{Joining, PlanError, ProxyKind, Spec, Timing};

use crate::Failure;
use crate::fleet_options::FleetOptions;

pub(super) const USAGE: &str = concat!(
    "\
Starts a fleet, with mutual TLS on every link unless said, and holds it until Ctrl-C.

Usage: cargo xtask up [OPTIONS]

  --members N             1 to 9 members (3)
  --etcd VERSION|PATH     which etcd: a version such as 3.5.1, a program, or its directory
  --timing fast|ci|stock  how fast the members' clocks tick (fast)
  --hold stdin            hold it until standard input ends, as well
  --json                  print one line of JSON when it is ready, and nothing else

How it is secured:

",
    security_help!(),
    "
How it is told, and what it answers:

  --config flags|env|file in which form members are told their settings (flags)
  --discovery N           members find each other through another fleet of N members
  --no-gateway            no JSON over HTTP
  --http-port             a port of its own for what is HTTP and not gRPC
  --proxy KIND            a proxy before it: gateway, grpc-proxy or v2 (with --v2)
  --v2                    etcd's second API as well, until 3.5
  --flag NAME=VALUE       one more flag for every member

Those that name something may be said several times.
"
);

/// What the command was asked to do.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) spec: Spec,
    pub(super) etcd: Request,
    pub(super) proxies: Vec<ProxyKind>,
    pub(super) hold_stdin: bool,
    pub(super) json: bool,
}

impl Options {
    /// Reads them; nothing when they ask for help.
    pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut options = Self::default();
        let mut fleet = FleetOptions::default();
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
                "members" => {
                    let members = arguments.value()?.parse()?;
                    fleet.change(|spec| spec.members(members));
                }
                "etcd" => options.etcd = which(&text()?)?,
                "timing" => {
                    let timing = text()?.parse::<Timing>()?;
                    fleet.change(|spec| spec.timing(timing));
                }
                "hold" => match text()?.as_str() {
                    "stdin" => options.hold_stdin = true,
                    other => return Err(format!("cannot hold on '{other}': only on stdin").into()),
                },
                "json" => options.json = true,
                "help" => return Ok(None),
                "discovery" => {
                    let members = arguments.value()?.parse()?;
                    fleet.change(|spec| spec.joining(Joining::Discovery { members }));
                }
                "proxy" => options.proxies.push(text()?.parse()?),
                "http-port" => fleet.change(|spec| spec.http_port(true)),
                _ => return Err(Long(&name).unexpected().into()),
            }
        }
        options.spec = fleet.finish();
        Ok(Some(options))
    }

    /// Refuses what cannot be before anything is looked for.
    pub(super) fn validate(&self) -> Result<(), PlanError> {
        self.spec.validate()?;
        match &self.etcd {
            Request::Version(version) => {
                Release::of(*version).map_or(Ok(()), |release| self.spec.validate_for(release))
            }
            _ => Ok(()),
        }
    }
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
