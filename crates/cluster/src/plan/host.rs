//! The machine that a member runs on.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use tercet_pki::{FleetFiles, Host, HostError, Layout, NameError};

use super::address::Address;
use super::error::PlanError;

/// etcd's ports, as IANA has them (`etcd-client`, `etcd-server`).
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// A host, and the one member of a fleet that runs there: see [`Spec::hosts`](super::Spec::hosts).
///
/// ```
/// use tercet_cluster::{MemberHost, Spec};
///
/// let spec = Spec::default().hosts([
///     MemberHost::new("infra1", [10, 0, 1, 10]).dns_name("etcd-1.example.com"),
///     MemberHost::new("infra2", [10, 0, 1, 11]).dns_name("etcd-2.example.com"),
///     "infra3=10.0.1.12,etcd-3.example.com".parse()?,
/// ]);
/// assert_eq!(spec.member_names(), ["infra1", "infra2", "infra3"]);
/// # Ok::<_, tercet_cluster::ParseHostError>(())
/// ```
///
/// The member listens on the host's address, at etcd's own ports unless said. Its certificates name
/// the address and all DNS names, for that is how members know each other: one that is dialled is
/// asked for the host of its URL, and one that dials for the address that it comes from
/// (`client/pkg/transport/listener_tls.go`, `checkCertSAN`). So the address must be the one that the
/// others see, and no router between them may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a host does nothing until a fleet is planned on it"]
pub struct MemberHost {
    member: String,
    ip: IpAddr,
    dns_names: Vec<String>,
    advertised: Option<String>,
    client_port: u16,
    peer_port: u16,
    http_port: Option<u16>,
    entrance: Vec<OsString>,
}

impl MemberHost {
    /// The host with this address, for the member called `member`.
    pub fn new(member: impl Into<String>, ip: impl Into<IpAddr>) -> Self {
        Self {
            member: member.into(),
            ip: ip.into().to_canonical(),
            dns_names: Vec::new(),
            advertised: None,
            client_port: CLIENT_PORT,
            peer_port: PEER_PORT,
            http_port: None,
            entrance: Vec::new(),
        }
    }

    /// One more DNS name by which it may be dialled.
    pub fn dns_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if !self.dns_names.contains(&name) {
            self.dns_names.push(name);
        }
        self
    }

    /// The member's URLs have this DNS name, instead of the address. All members and all clients
    /// must be able to resolve it, and to the address that the member dials from.
    pub fn advertised_as(self, name: impl Into<String>) -> Self {
        let name = name.into();
        let advertised = Some(name.clone());
        Self { advertised, ..self.dns_name(name) }
    }

    /// Other ports than 2379 for clients and 2380 for the other members.
    pub const fn ports(mut self, client: u16, peer: u16) -> Self {
        self.client_port = client;
        self.peer_port = peer;
        self
    }

    /// A port for what is HTTP and not gRPC, which [`Spec::http_port`](super::Spec::http_port) asks
    /// for.
    pub const fn http_port(mut self, port: u16) -> Self {
        self.http_port = Some(port);
        self
    }

    /// What this machine runs, before the etcd and its flags, for the member to be on the host: for a
    /// network namespace, `nsenter --net=/run/netns/NAME --` or `ip netns exec NAME`.
    ///
    /// It must end in `exec`, so that the process is etcd, and everything is to be reached under the
    /// same path there: the files of the fleet, and etcd itself. So it leads no farther than this
    /// machine; what else runs on other machines is not started from here.
    pub fn entrance<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.entrance = words.into_iter().map(Into::into).collect();
        self
    }

    /// The name of its member.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }

    /// Its address.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its DNS names.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// What its URLs have for a host: a name, or the address.
    pub(super) fn advertised(&self) -> Option<&str> {
        self.advertised.as_deref()
    }

    pub(super) fn entrance_words(&self) -> &[OsString] {
        &self.entrance
    }

    /// Where its member listens.
    pub(crate) fn address(&self) -> Address {
        let at = |port| SocketAddr::new(self.ip, port);
        Address {
            client: at(self.client_port),
            peer: at(self.peer_port),
            http: self.http_port.map(at),
            linked: None,
        }
    }

    /// Refuses hosts that no fleet can be on.
    pub(super) fn check_all(hosts: &[Self]) -> Result<(), PlanError> {
        check_names(hosts.iter().map(Self::member))?;
        Self::check_places(hosts)
    }

    /// The same, whatever the members are called: who comes in another's stead has a name of its
    /// own.
    pub(crate) fn check_places(hosts: &[Self]) -> Result<(), PlanError> {
        for (index, host) in hosts.iter().enumerate() {
            host.check()?;
            for other in &hosts[..index] {
                host.check_beside(other)?;
            }
        }
        Ok(())
    }

    /// Refuses a host that no member can be on.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let what = "the address of the host";
        if self.ip.is_unspecified() || self.ip.is_multicast() {
            let because = "nobody can be dialled there, and no certificate can name it";
            return Err(self.value(what, self.ip, because));
        }
        if matches!(self.ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            let because = "such an address means nothing without an interface, and a URL has none";
            return Err(self.value(what, self.ip, because));
        }
        for name in &self.dns_names {
            match name.parse() {
                Ok(Host::Dns(_)) => {}
                Ok(Host::Ip(_)) => {
                    let because = "that is an address: give it as the address of the host";
                    return Err(self.value("a DNS name of the host", name, because));
                }
                Err(source) => {
                    return Err(PlanError::Host { what: "a DNS name of a host", source });
                }
            }
        }
        if let Some(name) = self.advertised.as_ref().filter(|name| name.starts_with("*.")) {
            let because = "a wildcard is many names, and URLs need one";
            return Err(self.value("the advertised name", name, because));
        }
        let ports = [Some(self.client_port), Some(self.peer_port), self.http_port];
        for (index, port) in ports.into_iter().enumerate() {
            let because = match port {
                Some(0) => "the others must know it before it is there",
                Some(_) if ports[..index].contains(&port) => "it has another use already",
                _ => continue,
            };
            return Err(self.value("a port", port.unwrap_or_default(), because));
        }
        if self.entrance.first().is_some_and(|program| program.is_empty()) {
            return Err(self.value("an entrance", "", "it names no program"));
        }
        Ok(())
    }

    fn check_beside(&self, other: &Self) -> Result<(), PlanError> {
        let because = format!("{} has it already", other.member);
        let (mine, theirs) = (self.sockets(), other.sockets());
        if let Some(socket) = mine.into_iter().flatten().find(|at| theirs.contains(&Some(*at))) {
            return Err(self.value("the address of the host", socket, because));
        }
        // Whoever dials such a name may reach the other. On one address the ports tell them apart.
        let shared = |one: &Self, other: &Self| {
            one.advertised.clone().filter(|name| other.dns_names.contains(name))
        };
        match shared(self, other).or_else(|| shared(other, self)) {
            Some(name) if self.ip != other.ip => {
                Err(self.value("the advertised name", name, because))
            }
            _ => Ok(()),
        }
    }

    fn sockets(&self) -> [Option<SocketAddr>; 3] {
        let address = self.address();
        [Some(address.client), Some(address.peer), address.http]
    }

    fn value(&self, what: &str, value: impl fmt::Display, because: impl Into<String>) -> PlanError {
        PlanError::Value {
            what: format!("{what} of {}", self.member),
            value: value.to_string(),
            because: because.into(),
        }
    }
}

/// Refuses what no members can be called.
fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), NameError> {
    FleetFiles::layout("", Layout::default(), names).map(drop)
}

/// Reads `NAME=ADDRESS` and `NAME=ADDRESS,DNSNAME,…`.
impl FromStr for MemberHost {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, ParseHostError> {
        let wrong = |problem| ParseHostError { text: text.to_owned(), problem };
        let (member, hosts) = text.split_once('=').ok_or_else(|| wrong(Problem::NoName))?;
        check_names([member]).map_err(|source| wrong(Problem::Name(source)))?;
        let mut hosts = hosts.split(',');
        let first = hosts.next().unwrap_or_default();
        let ip = first.parse::<IpAddr>().map_err(|_| wrong(Problem::NoAddress))?;
        hosts.try_fold(Self::new(member, ip), |host, name| match name.parse() {
            Ok(Host::Dns(name)) => Ok(host.dns_name(name)),
            Ok(Host::Ip(_)) => Err(wrong(Problem::SecondAddress)),
            Err(source) => Err(wrong(Problem::Host(source))),
        })
    }
}

/// Text that is not a host of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseHostError {
    text: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoName,
    Name(NameError),
    NoAddress,
    SecondAddress,
    Host(HostError),
}

impl fmt::Display for ParseHostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.problem {
            Problem::NoName => write!(f, "host {text:?} has no member")?,
            Problem::Name(_) => write!(f, "host {text:?} has no good name of a member")?,
            Problem::NoAddress => write!(f, "host {text:?} has no IP address after the `=`")?,
            Problem::SecondAddress => {
                write!(f, "host {text:?} has two IP addresses: others see it by one")?;
            }
            Problem::Host(_) => write!(f, "host {text:?} has a DNS name that is none")?,
        }
        f.write_str("; write NAME=ADDRESS,DNSNAME,…, as infra1=10.0.1.10,etcd-1.example.com")
    }
}

impl std::error::Error for ParseHostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Name(source) => Some(source),
            Problem::Host(source) => Some(source),
            Problem::NoName | Problem::NoAddress | Problem::SecondAddress => None,
        }
    }
}

#[cfg(test)]
mod tests;
