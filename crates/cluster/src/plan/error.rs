//! Why there can be no such fleet.

use std::fmt;
use std::net::SocketAddr;

use tercet_pki::{HostError, NameError};

use super::proxy::ProxyKind;
use super::security::Security;
use super::spec::Spec;
use crate::binary::Version;

/// Why there can be no such fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No members, or too many.
    #[error(
        "a fleet of {members} members is not possible: use 1 to {most}, best 1, 3 or 5 (an even number bears no more failures than the odd one below it)",
        most = Spec::MOST_MEMBERS
    )]
    MemberCount {
        /// How many were asked for.
        members: usize,
    },
    /// A member that is restarted would be another one.
    #[error(
        "member {member} cannot become another one by a restart: its name, place, version and way \
         into the fleet stay, and only flags may change"
    )]
    OtherMember {
        /// The member's name.
        member: String,
    },
    /// It means nothing with this security.
    #[error("{asked} cannot be had with the security {security}: there, {because}")]
    Security {
        /// What was asked for, in words.
        asked: &'static str,
        /// How the links are secured.
        security: Security,
        /// Why not.
        because: &'static str,
    },
    /// There is no finding each other by this discovery.
    #[error("the members cannot find each other by this discovery: {because}")]
    Discovery {
        /// Why not.
        because: &'static str,
    },
    /// There is no such proxy of this fleet.
    #[error("there is no proxy {kind} of this fleet: {because}")]
    Proxy {
        /// Which one was asked for.
        kind: ProxyKind,
        /// Why not.
        because: String,
    },
    /// The etcd that is to run has not got it.
    #[error(
        "{asked} cannot be had: etcd {version} has no --{flag}, which is there {versions}{}",
        Instead(instead)
    )]
    Version {
        /// What was asked for, in words.
        asked: String,
        /// The flag that it takes, without dashes.
        flag: String,
        /// What is to run.
        version: Version,
        /// Which versions have it, in words.
        versions: String,
        /// What this version has in its stead, as it is written after the dashes.
        instead: Option<&'static str>,
    },
    /// Several names, where the etcd that is to run takes one.
    #[error(
        "etcd {version} takes one name in --{flag}, and {names} were given: it takes several from {since} on"
    )]
    OneName {
        /// The flag, without dashes.
        flag: String,
        /// How many names were given.
        names: usize,
        /// What is to run.
        version: Version,
        /// The first version that takes several.
        since: Version,
    },
    /// Two things that were asked for exclude each other.
    #[error("{one} and {other} exclude each other: {because}")]
    Contradiction {
        /// The one, in words.
        one: &'static str,
        /// The other, in words.
        other: &'static str,
        /// Why, and what to do.
        because: &'static str,
    },
    /// A list of revoked certificates that etcd would not look at.
    #[error(
        "with a port of its own for HTTP, etcd {version} does not look at the revocation list over gRPC: take 3.5.32, 3.6.13 or 3.7.0, or later, or leave one of the two out"
    )]
    ListSkipped {
        /// What is to run.
        version: Version,
    },
    /// There is no port where there was to be one.
    #[error("the member at {client} has no port of its own for HTTP: give one with its address")]
    NoHttpPort {
        /// Where its clients come.
        client: SocketAddr,
    },
    /// Files have no word for it.
    #[error(
        "a configuration file of etcd {version} has no key for --{flag}: tell members their settings by flags or in the environment"
    )]
    NotInFiles {
        /// The flag, without dashes.
        flag: String,
        /// What is to run.
        version: Version,
    },
    /// A value that cannot be written into a file.
    #[error(
        "the value {value:?} of --{flag} is not UTF-8, and a configuration file is: tell members their settings by flags or in the environment"
    )]
    NotText {
        /// The flag, without dashes.
        flag: String,
        /// Its value, as far as it can be shown.
        value: String,
    },
    /// A value that cannot be said in the environment.
    #[error(
        "--{flag} is to be empty, and an empty variable is none to etcd: tell members their settings by flags or in a file"
    )]
    EmptyVariable {
        /// The flag, without dashes.
        flag: String,
    },
    /// No version of etcd has such a flag.
    #[error("no etcd has a flag --{flag}")]
    UnknownFlag {
        /// Without dashes.
        flag: String,
    },
    /// A flag that would undo what the fleet is planned with.
    #[error("--{flag} is planned for each member: {instead}")]
    PlannedFlag {
        /// Without dashes.
        flag: String,
        /// What to say in its stead.
        instead: &'static str,
    },
    /// A host that is none.
    #[error("{what} does not do")]
    Host {
        /// What it was given as, in words.
        what: &'static str,
        /// Why not.
        source: HostError,
    },
    /// A value that means nothing.
    #[error("{value:?} cannot be {what}: {because}")]
    Value {
        /// What it was given as, in words.
        what: String,
        /// The value.
        value: String,
        /// Why not.
        because: String,
    },
    /// A member cannot be called that.
    #[error("a member's name does not do")]
    Name(#[from] NameError),
    /// Not one address for each member.
    #[error(
        "there must be one address for each member that is on no host of its own: members {members}, addresses {addresses}"
    )]
    AddressCount {
        /// How many members need one.
        members: usize,
        /// How many addresses were given.
        addresses: usize,
    },
}

/// What a version has in the stead of what was asked for, as the end of a sentence.
struct Instead<'a>(&'a Option<&'static str>);

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(flag) => write!(f, "; it has --{flag} instead"),
            None => Ok(()),
        }
    }
}
