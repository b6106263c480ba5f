//! Where a member is on a network whose links can be broken.

use std::fmt;
use std::net::SocketAddr;

/// A member's place on the network between the members of one fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Where a member is for the others, and for its clients, when all links go through a network of
/// ours: it listens where it always does, and is told to others as being here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Its place.
    pub slot: Slot,
    /// Where clients find it.
    pub client: SocketAddr,
    /// Where the other members find it: an address that exists nowhere (RFC 5737), and so one that
    /// Go dials through the proxy of its environment, as it never does with loopback addresses
    /// (`golang.org/x/net/http/httpproxy`, `useProxy`).
    pub peer: SocketAddr,
    /// Where clients find what of it is HTTP and not gRPC, where that is another port.
    pub http: Option<SocketAddr>,
    /// The proxy through which it dials the others.
    pub proxy: SocketAddr,
    /// By what the proxy knows who dials.
    pub token: Token,
}

impl Linked {
    /// What it has for a proxy in its environment (`HTTPS_PROXY`).
    #[must_use]
    pub fn proxy_url(&self) -> String {
        format!("http://{}:{}@{}", self.slot, self.token.reveal(), self.proxy)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member-{}", self.0)
    }
}

/// A secret that one member and the network share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u128);

impl Token {
    /// As it is sent.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
