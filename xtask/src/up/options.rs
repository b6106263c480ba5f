//! What `cargo xtask up` is asked to do.

use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use tercet_cluster::binary::{Release, Request};
use tercet_cluster::{
    Configuration, Joining, PlanError, ProxyKind, Security, Spec, Timing, TlsOptions, TlsVersion,
};
use tercet_pki::Layout;

use crate::Failure;

pub(super) const USAGE: &str = "\
Starts a fleet, with mutual TLS on every link unless said, and holds it until Ctrl-C.

Usage: cargo xtask up [OPTIONS]

  --members N             1 to 9 members (3)
  --etcd VERSION|PATH     which etcd: a version such as 3.5.1, a program, or its directory
  --timing fast|ci|stock  how fast the members' clocks tick (fast)
  --hold stdin            hold it until standard input ends, as well
  --json                  print one line of JSON when it is ready, and nothing else

How it is secured:

  --security WORD         plaintext, server-tls, client-auth, mutual or auto (mutual)
  --shared-cert           one certificate for all members and purposes
  --tls-min 1.2|1.3       the lowest version of TLS
  --tls-max 1.2|1.3       the highest
  --cipher-suites A,B     which cipher suites below TLS 1.3, by Go's names
  --crl                   look at a list of revoked certificates, empty at first
  --allow-client-host H   let in only clients whose certificate names this host (with --no-gateway)
  --allow-peer-name N     let in only members with this common name
  --allow-peer-host H     let in only members whose certificate names this host
  --separate-outgoing     other certificates for members where they dial
  --skip-peer-address     do not look for the address of a peer in its certificate

How it is told, and what it answers:

  --config flags|env|file in which form members are told their settings (flags)
  --discovery N           members find each other through another fleet of N members
  --no-gateway            no JSON over HTTP
  --http-port             a port of its own for what is HTTP and not gRPC
  --proxy KIND            a proxy before it: gateway, grpc-proxy or v2 (with --v2)
  --v2                    etcd's second API as well, until 3.5
  --flag NAME=VALUE       one more flag for every member

Those that name something may be said several times.
";

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
        let mut tls = TlsOptions::default();
        let mut spec = Spec::default();
        while let Some(argument) = arguments.next()? {
            let name = match &argument {
                Long(name) => (*name).to_owned(),
                Short('h') => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            };
            let mut text = || arguments.value()?.string();
            match name.as_str() {
                "members" => spec = spec.members(arguments.value()?.parse()?),
                "etcd" => options.etcd = which(&text()?)?,
                "timing" => spec = spec.timing(text()?.parse::<Timing>()?),
                "hold" => match text()?.as_str() {
                    "stdin" => options.hold_stdin = true,
                    other => return Err(format!("cannot hold on '{other}': only on stdin").into()),
                },
                "json" => options.json = true,
                "help" => return Ok(None),
                "security" => spec = spec.security(text()?.parse::<Security>()?),
                "shared-cert" => spec = spec.layout(Layout::Shared),
                "tls-min" => tls = tls.min_version(text()?.parse::<TlsVersion>()?),
                "tls-max" => tls = tls.max_version(text()?.parse::<TlsVersion>()?),
                "cipher-suites" => tls = tls.cipher_suites(text()?.split(',')),
                "crl" => tls = tls.revocation_list(),
                "allow-client-host" => tls = tls.allowed_client_hosts([text()?]),
                "allow-peer-name" => tls = tls.allowed_peer_names([text()?]),
                "allow-peer-host" => tls = tls.allowed_peer_hosts([text()?]),
                "separate-outgoing" => tls = tls.separate_outgoing(),
                "skip-peer-address" => tls = tls.skip_peer_address_check(),
                "config" => spec = spec.configuration(text()?.parse::<Configuration>()?),
                "discovery" => {
                    let members = arguments.value()?.parse()?;
                    spec = spec.joining(Joining::Discovery { members });
                }
                "proxy" => options.proxies.push(text()?.parse()?),
                "no-gateway" => spec = spec.gateway(false),
                "http-port" => spec = spec.http_port(true),
                "v2" => spec = spec.v2(true),
                "flag" => {
                    let text = text()?;
                    let (name, value) = text.split_once('=').ok_or_else(|| {
                        format!("'{text}' is no flag and its value: write NAME=VALUE")
                    })?;
                    spec = spec.flag(name.trim_start_matches('-'), value);
                }
                _ => return Err(Long(&name).unexpected().into()),
            }
        }
        options.spec = spec.tls(tls);
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
