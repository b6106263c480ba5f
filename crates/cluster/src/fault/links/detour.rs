//! What going through the network costs, for those who measure it.

use std::io;
use std::net::SocketAddr;

use super::{Links, Real};

/// A port that leads to another one by a link without a fault. For benchmarks, which cannot see the
/// network otherwise; nothing that is promised.
#[doc(hidden)]
#[derive(Debug)]
pub struct Detour {
    _links: Links,
    address: SocketAddr,
}

impl Detour {
    /// To who listens at `real`.
    ///
    /// # Errors
    ///
    /// When the machine has no port or thread for it.
    pub fn to(real: SocketAddr) -> io::Result<Self> {
        let links = Links::start()?;
        let address = links.add(Real { client: real, peer: real, http: None })?.client;
        Ok(Self { _links: links, address })
    }

    /// Where to connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}
