//! Where a member is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where one member listens, and is found by clients and by the other members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where clients come.
    pub client: SocketAddr,
    /// Where the other members come.
    pub peer: SocketAddr,
}

impl Address {
    /// Two ports on 127.0.0.1.
    #[must_use]
    pub const fn loopback(client_port: u16, peer_port: u16) -> Self {
        const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { client: SocketAddr::new(HOST, client_port), peer: SocketAddr::new(HOST, peer_port) }
    }
}
