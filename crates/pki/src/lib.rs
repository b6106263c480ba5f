//! Certificates for an etcd fleet: an authority, and identities that etcd accepts.
//!
//! etcd takes its TLS from files, and says little when they are wrong: a member whose peer
//! certificate lacks an extended key usage reports itself healthy while every second link of the
//! fleet is down. This crate issues certificates that are right by construction, and writes them
//! where etcd can read them.
//!
//! ```
//! use tercet_pki::{Fleet, Leaf};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An authority, a server and a peer identity for each member, and one client.
//! let fleet = Fleet::generate(["infra1", "infra2", "infra3"])?;
//!
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("pki");
//! let files = fleet.write(&dir)?;
//! assert_eq!(files.ca, dir.join("ca.crt"));
//! assert_eq!(files.members[0].peer.key, dir.join("infra1").join("peer.key"));
//!
//! // One more client, and one that the fleet must turn away.
//! let alice = fleet.issue(&Leaf::client("alice"))?;
//! let late = fleet.issue(&Leaf::client("alice").expired())?;
//! assert_ne!(alice.chain_pem(), late.chain_pem());
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - [`Authority`] signs; [`Leaf`] says what for; an [`Identity`] is what comes out: a chain and
//!   its key. An authority is made ([`Authority::generate`], [`Authority::builder`]), stands below
//!   another ([`Authority::intermediate`]), or comes from files of any tool
//!   (`Authority::from_pem`); [`Authority::cross_sign`] ties a new one to the old.
//! - `Request` asks for a certificate without showing the key, and `Policy` says what it may ask
//!   for; [`Revocations`] take certificates back.
//! - [`Fleet`] is the whole set for a list of members, in one of two [`Layout`]s. [`FleetFiles`]
//!   says where each file goes, before or after it is written. A `FleetDirectory` is one that was
//!   written: it is extended and renewed there, and whatever was interrupted is made whole.
//! - `read` says what certificates, keys, requests and lists hold, and `read::inspect` shows it as
//!   a table. `doctor` says what is wrong with them, with settings, and between members, as etcd and
//!   Go would have it. `rotation` plans new certificates or a new authority for a fleet that runs.
//! - What is wrong on purpose begins with [`Leaf::expired`], [`Leaf::wrong_host`],
//!   [`Authority::stranger`], [`Authority::impostor`], [`Authority::issue_revoked`] and [`fixtures`].
//!
//! # Choices
//!
//! - **Profiles, not knobs.** [`Leaf::server`], [`Leaf::peer`] and [`Leaf::client`] carry the key
//!   usages that etcd really needs; each says where that is written in etcd.
//! - **P-256 keys.** Every etcd and every Go accepts them, and a fleet of three takes about half
//!   a millisecond, so that each test has an authority of its own and none needs a checked-in key.
//!   Ed25519 would save microseconds and lose the Go 1.12 of etcd 3.4.0 to 3.4.17; RSA would cost
//!   half a second.
//! - **Nothing here opens a socket, starts a thread or needs a runtime.**
//!
//! # Features
//!
//! - `ring` (default) or `aws-lc-rs`: who does the arithmetic. With both on, it is aws-lc-rs.
//! - `read` (default): everything that begins with what exists: authorities from files, requests
//!   and policies, reissuing, revocation lists continued, fleets loaded, extended and renewed,
//!   `inspect`, `doctor` and `rotation`. Without it, the crate only issues.

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!(
    "tercet-pki needs a cryptography backend: turn on its feature `ring` (the default) or `aws-lc-rs`"
);

mod disk;
#[cfg(feature = "read")]
pub mod doctor;
pub mod etcd;
pub mod fixtures;
mod fleet;
mod issue;
#[cfg(feature = "read")]
pub mod read;
#[cfg(feature = "read")]
pub mod rotation;

pub use disk::stage::{Durability, write_file};
pub use disk::{Access, WriteError};
pub use fleet::{
    AUTHORITY_KEY_FILE, CLIENT_COMMON_NAME, Fleet, FleetBuilder, FleetError, FleetFiles,
    IdentityFiles, LOOPBACK_HOSTS, Layout, Member, MemberFiles, OutgoingFiles, SHARED_COMMON_NAME,
    WriteOptions,
};
#[cfg(feature = "read")]
pub use fleet::{
    AddOptions, Due, ExtendError, FleetDirectory, FleetLoadError, PairState, Reason, Recovery,
    Renewal, RenewalOptions, RevocationFiles, RevokeError, Role, StoredIdentity,
};
#[cfg(feature = "read")]
pub use issue::Reissue;
pub use issue::{
    AUTHORITY_LIFETIME, AUTHORITY_PATH_LENGTH, Authority, AuthorityBuilder, BACKDATE,
    COMMON_NAME_MAX, Certificate, Chain, Host, HostError, Identity, IssueError, Key, KeyError,
    KeyKind, LEAF_LIFETIME, Leaf, MISSED_BY, NameError, Network, NetworkError, RevocationList,
    RevocationReason, Revocations, UriError, WRONG_HOSTS,
};
#[cfg(feature = "read")]
pub use issue::{
    LoadError, Policy, Refusal, Refused, Request, RequestError, RevocationListError, SignError,
};
