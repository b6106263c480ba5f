//! Why a certificate could not be issued.

use std::error::Error;

use super::name::NameError;
use super::uri::UriError;
use crate::{HostError, KeyError, NetworkError};

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The common name cannot be one.
    #[error("the common name of the certificate cannot be used")]
    Name(#[from] NameError),
    /// An organization cannot be one.
    #[error("an organization of the certificate cannot be used")]
    Organization(#[source] NameError),
    /// A host is something else than a host.
    #[error("a host of the certificate cannot be used")]
    Host(#[from] HostError),
    /// A URI is none.
    #[error("a URI of the certificate cannot be used")]
    Uri(#[from] UriError),
    /// A network of the name constraints is none.
    #[error("a network of the name constraints cannot be used")]
    Network(#[from] NetworkError),
    /// A server or a peer without hosts.
    ///
    /// Go has not looked at the common name since 1.15 (its release notes), so that a certificate
    /// without names is good for no URL.
    #[error(
        "the certificate of {common_name:?} names no host, and nobody could dial it: \
         add `.host(\"localhost\")` or what its URLs say"
    )]
    NoHosts {
        /// Whose certificate it would have been.
        common_name: String,
    },
    /// [`Leaf::address_as_name`](crate::Leaf::address_as_name) without an address.
    #[error(
        "the certificate of {common_name:?} names no address that could be written as a DNS name: \
         add `.host(\"127.0.0.1\")`"
    )]
    NoAddress {
        /// Whose certificate it would have been.
        common_name: String,
    },
    /// A certificate that shall be issued again has names of other kinds: a Windows user, a
    /// directory's name.
    #[error(
        "the certificate of {subject:?} has an alternative name that is no DNS name, address, URI or \
         mail address, and would lose it; issue another without it"
    )]
    OtherNames {
        /// Whose certificate it is.
        subject: String,
    },
    /// The authority may not sign for a host.
    #[error(
        "the authority {authority:?} may not sign for {host:?}: it {constraints}; \
         everyone would refuse the certificate"
    )]
    Constrained {
        /// The authority.
        authority: String,
        /// The host.
        host: String,
        /// What the authority permits and excludes.
        constraints: String,
    },
    /// The authority may have no authority below it.
    #[error(
        "the authority {authority:?} may have no authority below it: its path length is {path_length}, \
         and {needed} is needed; make one with `.path_length({needed})`"
    )]
    PathLength {
        /// The authority.
        authority: String,
        /// How many authorities it may have between itself and a leaf.
        path_length: u8,
        /// How many it would need.
        needed: u8,
    },
    /// A cross certificate is for another key or another name.
    #[error(
        "the cross certificate is not for the authority {authority:?}: {difference} is another's; \
         make it with `old.cross_sign(&new)`"
    )]
    NotACross {
        /// The authority that it should be for.
        authority: String,
        /// What differs.
        difference: &'static str,
    },
    /// The certificate would be valid at a time that certificates cannot say: past the year 9999.
    #[error("the certificate would be valid past the year 9999")]
    Validity,
    /// The operating system had no random bytes.
    #[error("the operating system gave no random bytes for a serial number")]
    Random(#[source] Box<dyn Error + Send + Sync>),
    /// There is no key to certify.
    #[error("the key of the certificate could not be made")]
    Key(#[from] KeyError),
    /// The authority's key may not sign revocation lists.
    #[error(
        "the authority {authority:?} may not sign revocation lists: its certificate has key usages, \
         and cRLSign is not among them; have it issued again with cRLSign"
    )]
    MayNotRevoke {
        /// The authority.
        authority: String,
    },
    /// A serial number that a revocation list cannot name.
    #[error("a certificate whose serial number is {serial} cannot be revoked: {reason}")]
    Serial {
        /// The serial number, in hexadecimal digits.
        serial: String,
        /// Why not.
        reason: &'static str,
    },
    /// The cryptography backend failed to sign.
    #[error("a certificate could not be signed")]
    Signing(#[source] Box<dyn Error + Send + Sync>),
}

impl IssueError {
    /// Boxed, so that rcgen's next breaking release is not ours.
    pub(crate) fn signing(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Signing(source.into())
    }

    /// What a backend signed could not be read.
    pub(crate) fn surgery(source: super::der::DerError) -> Self {
        Self::signing(source)
    }
}
