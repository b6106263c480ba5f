//! The two kinds of port that a member has.

use std::fmt;

/// Which of a member's two kinds of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// The one for clients: `--listen-client-urls`.
    Client,
    /// The one for the other members: `--listen-peer-urls`.
    Peer,
}

impl Port {
    /// `client` or `peer`, for sentences.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
