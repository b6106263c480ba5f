//! In which ways a certificate is wrong, and who minds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tercet_pki::doctor::Port;
use tercet_pki::read::CertificateDetails;
use tercet_pki::{Authority, Identity, IssueError, Leaf};

use super::names;
use crate::cluster::Cluster;
use crate::plan::Protection;

/// One way in which a certificate is wrong on purpose. What each etcd says to each is in
/// `docs/certificates.md` of the repository, measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateFlaw {
    /// It is good now, and no more after this time. X.509 has whole seconds: it may be up to one
    /// second less.
    ExpiresIn(Duration),
    /// It ended a day ago.
    Expired,
    /// It begins in a day.
    NotYetValid,
    /// Another authority has signed it, which nobody in the fleet knows.
    Stranger,
    /// It names hosts that the member is not at.
    WrongHost,
    /// It is for servers alone (serverAuth): who has it cannot dial with it.
    ServerOnly,
    /// It is for clients alone (clientAuth): who has it cannot be dialled.
    ClientOnly,
    /// It is on the fleet's list of revoked certificates, at which who is dialled looks.
    Revoked,
}

impl CertificateFlaw {
    /// Such a certificate.
    pub(super) fn issue(self, authority: &Authority, leaf: Leaf) -> Result<Identity, IssueError> {
        authority.issue(&match self {
            Self::ExpiresIn(left) => leaf.expires_in(left),
            Self::Expired => leaf.expired(),
            Self::NotYetValid => leaf.not_yet_valid(),
            Self::Stranger => return authority.stranger()?.issue(&leaf),
            Self::WrongHost => leaf.wrong_host(),
            Self::ServerOnly => leaf.server_only(),
            Self::ClientOnly => leaf.client_only(),
            Self::Revoked => leaf,
        })
    }
}

/// The words for those that have no number in them.
const WORDS: [(CertificateFlaw, &str); 7] = [
    (CertificateFlaw::Expired, "expired"),
    (CertificateFlaw::NotYetValid, "not yet valid"),
    (CertificateFlaw::Stranger, "a stranger's"),
    (CertificateFlaw::WrongHost, "for the wrong host"),
    (CertificateFlaw::ServerOnly, "for servers only"),
    (CertificateFlaw::ClientOnly, "for clients only"),
    (CertificateFlaw::Revoked, "revoked"),
];

const EXPIRES: &str = "about to expire after ";

impl fmt::Display for CertificateFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpiresIn(left) => write!(f, "{EXPIRES}{} ms", left.as_millis()),
            plain => f.write_str(
                WORDS.iter().find(|(flaw, _)| flaw == plain).map_or("", |(_, words)| words),
            ),
        }
    }
}

/// There is no such flaw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no flaw of a certificate: expired, not yet valid, a stranger's, for the wrong host, for servers only, for clients only, revoked, or about to expire after 2000 ms"
)]
pub struct ParseFlawError {
    text: String,
}

impl FromStr for CertificateFlaw {
    type Err = ParseFlawError;

    fn from_str(text: &str) -> Result<Self, ParseFlawError> {
        if let Some((flaw, _)) = WORDS.iter().find(|(_, words)| *words == text) {
            return Ok(*flaw);
        }
        let millis = text.strip_prefix(EXPIRES).and_then(|rest| rest.strip_suffix(" ms"));
        millis
            .and_then(|millis| millis.parse().ok())
            .map(|millis| Self::ExpiresIn(Duration::from_millis(millis)))
            .ok_or_else(|| ParseFlawError { text: text.to_owned() })
    }
}

/// Whose certificate it is.
#[derive(Clone, Debug)]
pub(super) struct Whose {
    /// The member's, and on which port; or the clients'.
    member: Option<(String, Port)>,
    /// Whether members look at what dials the port: also at their own gateways.
    looks_back: bool,
}

impl Whose {
    pub(super) fn of_port(cluster: &Cluster, member: &str, port: Port) -> Self {
        let looks_back = match port {
            Port::Client => {
                cluster.plan.security().clients() == Protection::Mutual
                    && cluster.plan.spec().has_gateway()
            }
            Port::Peer => true,
        };
        Self { member: Some((member.to_owned(), port)), looks_back }
    }

    pub(super) fn client() -> Self {
        Self { member: None, looks_back: true }
    }

    /// Whether anybody looks at what is wrong.
    pub(super) fn minds(&self, flaw: CertificateFlaw) -> bool {
        match (&self.member, flaw) {
            // etcd does not look for clients at their names, and they are for no other use.
            (None, CertificateFlaw::WrongHost | CertificateFlaw::ClientOnly) => false,
            // Only the member's own gateway shows it to anybody.
            (Some(_), CertificateFlaw::ServerOnly | CertificateFlaw::Revoked) => self.looks_back,
            _ => true,
        }
    }

    /// A certificate like this one.
    pub(super) fn like(&self, old: &CertificateDetails) -> Leaf {
        let name = old.subject.common_name.as_str();
        let leaf = match self.member {
            Some((_, Port::Client)) => Leaf::server(name),
            Some((_, Port::Peer)) => Leaf::peer(name),
            None => Leaf::client(name),
        };
        leaf.hosts(names(old))
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some((member, port)) => write!(f, "the {port} port of member {member}"),
            None => f.write_str("the fleet's client"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let expires = CertificateFlaw::ExpiresIn(Duration::from_millis(2500));
        for flaw in WORDS.iter().map(|(flaw, _)| *flaw).chain([expires]) {
            assert_eq!(flaw.to_string().parse(), Ok(flaw));
        }
        insta::assert_snapshot!("rusty".parse::<CertificateFlaw>().unwrap_err(), @r#""rusty" is no flaw of a certificate: expired, not yet valid, a stranger's, for the wrong host, for servers only, for clients only, revoked, or about to expire after 2000 ms"#);
    }

    #[test]
    fn nobody_minds_what_nobody_looks_at() {
        let client = Whose::client();
        assert!(
            client.minds(CertificateFlaw::ServerOnly) && client.minds(CertificateFlaw::Revoked)
        );
        assert!(!client.minds(CertificateFlaw::WrongHost));
        let port = |looks_back| Whose { member: Some(("m1".into(), Port::Client)), looks_back };
        assert!(port(true).minds(CertificateFlaw::Revoked));
        assert!(!port(false).minds(CertificateFlaw::Revoked));
        assert!(port(false).minds(CertificateFlaw::ClientOnly));
    }
}
