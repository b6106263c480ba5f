//! Who has to prove what to whom: each way of etcd's security guide, as one word.

use std::fmt;
use std::str::FromStr;

/// How a fleet's links are secured; each way of etcd's own guide, and no security at all.
///
/// | word | clients' links | links between members | in etcd's guide |
/// |---|---|---|---|
/// | `plaintext` | plain | plain | |
/// | `server-tls` | the member proves who it is | plain | example 1 |
/// | `client-auth` | both prove who they are | plain | example 2 |
/// | `mutual` | both prove who they are | both prove who they are | example 3 |
/// | `auto` | encrypted, nobody proves anything | encrypted, nobody proves anything | example 4 |
///
/// The guide's examples 1 and 2 have nothing to say of the links between members, and etcd's own
/// default for them is `http`: so they are plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// No TLS anywhere.
    Plaintext,
    /// Members show certificates to clients (`--cert-file`, `--key-file`).
    ServerTls,
    /// Clients must show certificates as well (`--client-cert-auth`, `--trusted-ca-file`).
    ClientAuth,
    /// Everyone shows certificates to everyone, with separate key pairs for clients and peers.
    #[default]
    Mutual,
    /// Each member makes certificates for itself that nobody has signed (`--auto-tls`,
    /// `--peer-auto-tls`): there is encryption, but anyone may be anyone.
    Auto,
}

impl Security {
    /// All of them, the weakest first but for [`Auto`](Self::Auto).
    pub const ALL: [Self; 5] =
        [Self::Plaintext, Self::ServerTls, Self::ClientAuth, Self::Mutual, Self::Auto];

    /// How links of clients are secured.
    #[must_use]
    pub const fn clients(self) -> Protection {
        match self {
            Self::Plaintext => Protection::None,
            Self::ServerTls => Protection::Server,
            Self::ClientAuth | Self::Mutual => Protection::Mutual,
            Self::Auto => Protection::SelfSigned,
        }
    }

    /// How links between members are secured.
    #[must_use]
    pub const fn peers(self) -> Protection {
        match self {
            Self::Plaintext | Self::ServerTls | Self::ClientAuth => Protection::None,
            Self::Mutual => Protection::Mutual,
            Self::Auto => Protection::SelfSigned,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::ServerTls => "server-tls",
            Self::ClientAuth => "client-auth",
            Self::Mutual => "mutual",
            Self::Auto => "auto",
        }
    }
}

/// How one kind of link is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Not at all: `http`.
    None,
    /// Who listens proves who it is.
    Server,
    /// Both ends prove who they are.
    Mutual,
    /// Encrypted with certificates that prove nothing.
    SelfSigned,
}

impl Protection {
    /// The scheme of such URLs: `http` or `https`.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::None => "http",
            Self::Server | Self::Mutual | Self::SelfSigned => "https",
        }
    }

    /// Whether there are certificates of an authority.
    #[must_use]
    pub const fn has_certificates(self) -> bool {
        matches!(self, Self::Server | Self::Mutual)
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Security {
    type Err = ParseSecurityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|security| security.word() == text);
        found.ok_or_else(|| ParseSecurityError { text: text.to_owned() })
    }
}

/// A word that names no security.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no security: use plaintext, server-tls, client-auth, mutual or auto")]
pub struct ParseSecurityError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_agree() {
        for security in Security::ALL {
            assert_eq!(security.to_string().parse(), Ok(security));
        }
        insta::assert_snapshot!(
            "tls".parse::<Security>().unwrap_err(),
            @"'tls' is no security: use plaintext, server-tls, client-auth, mutual or auto"
        );
    }
}
