//! What one port answered to one who dialled it.

use std::fmt;
use std::net::SocketAddr;

use super::Alert;
use crate::doctor::{Port, Url};
use crate::read::DistinguishedName;

/// What one port answered to one who dialled it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// What was dialled.
    pub url: Url,
    /// Which kind of port is behind it.
    pub port: Port,
    /// The name of the member whose port it is, where that is known.
    pub member: Option<String>,
    /// In whose name it was dialled.
    pub dialler: Dialler,
    /// The certificates that the dialler had to show, the leaf first, in DER; empty where it had
    /// none. They are shown only to those who ask.
    pub presented: Vec<Vec<u8>>,
    /// The address that was dialled from, and the one that was reached; `None` where nothing was.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// What the handshake said, as far as it went; `None` where the port never spoke TLS.
    pub handshake: Option<Handshake>,
    /// How it ended.
    pub ending: Ending,
    /// What the member logged of this very connection, where its log could be read.
    pub logged: Option<String>,
}

impl Answer {
    /// What is known before anything else is: it was dialled, by nobody in particular, and ended
    /// so.
    #[must_use]
    pub const fn new(url: Url, port: Port, ending: Ending) -> Self {
        Self {
            url,
            port,
            member: None,
            dialler: Dialler::Nobody,
            presented: Vec::new(),
            addresses: None,
            handshake: None,
            ending,
            logged: None,
        }
    }

    /// The names of the authorities that it asks for certificates of: those in etcd's memory.
    /// `None` where it asks for no certificate, or did not get as far.
    #[must_use]
    pub fn asks_for(&self) -> Option<&[DistinguishedName]> {
        self.handshake.as_ref()?.asks_for.as_deref()
    }
}

/// In whose name a port was dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialler {
    /// Nobody: without a certificate.
    Nobody,
    /// The client that was described.
    Client,
    /// The member of this name, with what it shows to other members.
    Member(String),
}

impl fmt::Display for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("someone without a certificate"),
            Self::Client => f.write_str("the client"),
            Self::Member(name) => f.write_str(name),
        }
    }
}

/// What a TLS server says of itself in a handshake, whether that succeeds or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// `TLS 1.2`, `TLS 1.3`; `None` where it ended before that was settled.
    pub version: Option<&'static str>,
    /// Its IANA name, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: Option<String>,
    /// The protocol above TLS (ALPN), such as `h2`; `None` where none was offered or taken.
    pub protocol: Option<String>,
    /// The certificates that it shows, the leaf first, in DER; empty where it ended before.
    pub chain: Vec<Vec<u8>>,
    /// The names of the authorities whose certificates it asks of those who dial; empty where any
    /// will do. `None` where it asks for no certificate.
    ///
    /// Go names every certificate of the pool that it holds in memory, which etcd fills when it
    /// starts (`client/pkg/transport/listener.go`, `ServerConfig`).
    pub asks_for: Option<Vec<DistinguishedName>>,
    /// Whether a certificate was sent: it was asked for, there was one, and its key can make a
    /// signature that the server takes.
    pub has_presented: bool,
}

/// How a conversation with a port ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It let the dialler in, and said something that only those hear.
    Accepted,
    /// The handshake was done, and then nothing came, for as long as was waited.
    Silent,
    /// It ended the handshake with an alert.
    Refused(Alert),
    /// It closed the connection in the handshake, or right after it, and said nothing.
    Closed,
    /// It reset the connection, and whatever it may have said before that was lost.
    Reset,
    /// TLS was begun, and it answers HTTP without.
    Plaintext,
    /// HTTP without TLS was begun, and it speaks TLS.
    Encrypted,
    /// Something listens there that speaks neither; with what it did.
    Foreign(String),
    /// The TLS that it speaks is broken; in the words of who tried.
    Broken(String),
    /// Nothing listens.
    NotListening,
    /// There is no way to the host; in the system's words.
    Unreachable(String),
    /// The host's name has no address; in the system's words.
    Unresolved(String),
    /// It did not accept the connection, or did not answer in it, for as long as was waited.
    TimedOut,
    /// It was not dialled, and why.
    NotDialled(String),
}

impl Ending {
    /// Whether the port turned the dialler away that it could talk to.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Closed | Self::Reset)
    }
}
