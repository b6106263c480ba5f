//! Where a member is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tercet_pki::LOOPBACK_HOSTS;

use super::link::Linked;

/// Where one member listens, and is found by clients and by the other members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where clients come.
    pub client: SocketAddr,
    /// Where the other members come.
    pub peer: SocketAddr,
    /// Where clients come with what is HTTP and not gRPC, where that is another port.
    pub http: Option<SocketAddr>,
    /// Where others are told that it is, where that is another place: on a network whose links can be
    /// broken.
    pub linked: Option<Linked>,
}

impl Address {
    /// Two ports on 127.0.0.1.
    #[must_use]
    pub const fn loopback(client_port: u16, peer_port: u16) -> Self {
        const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            client: SocketAddr::new(HOST, client_port),
            peer: SocketAddr::new(HOST, peer_port),
            http: None,
            linked: None,
        }
    }

    /// The hosts of it that no certificate names by itself, each once.
    pub(super) fn hosts(&self) -> impl Iterator<Item = IpAddr> {
        let (client, peer) = (self.client.ip(), self.peer.ip());
        let second = (peer != client).then_some(peer);
        let linked = self.linked.map(|linked| linked.peer.ip());
        let all = [client].into_iter().chain(second).chain(linked);
        all.filter(|host| !is_named_anyway(*host))
    }

    /// On a network whose links can be broken.
    #[must_use]
    pub const fn linked(mut self, place: Linked) -> Self {
        self.linked = Some(place);
        self
    }

    /// With another port on the clients' host for what is HTTP and not gRPC.
    #[must_use]
    pub const fn with_http(mut self, port: u16) -> Self {
        self.http = Some(SocketAddr::new(self.client.ip(), port));
        self
    }
}

/// Whether all members' certificates name it. Loopback has more addresses than those.
fn is_named_anyway(host: IpAddr) -> bool {
    LOOPBACK_HOSTS.contains(&host.to_string().as_str())
}
