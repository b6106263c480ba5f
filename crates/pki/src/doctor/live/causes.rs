//! Which rules explain a refusal: by how it ends, and by what the member logs of it.

use super::{Alert, Answer, Ending};
use crate::doctor::{Port, Rule};
use crate::etcd::{Go, GoRange};

/// Go tells what is wrong with a certificate from this release on: `certificate required`,
/// `unknown certificate authority`, `expired certificate`. Before, all of it is `bad certificate`.
/// Measured with Go 1.16, 1.19 and 1.26, in TLS 1.2 and 1.3; the release from the notes of Go 1.21.
const TELLS_APART: Go = Go::new(21);

/// The rules that may explain how a port ended the conversation, the likeliest first; none where it
/// let the dialler in, and where nothing of TLS was spoken.
///
/// `go` is what the answering etcd was built with: from 1.21 on an alert says more. See
/// `docs/doctor/live.md` for the whole table, which `tests/diagnose` measures.
#[must_use]
pub fn likely_causes(answer: &Answer, go: GoRange) -> Vec<Rule> {
    let Some(handshake) = &answer.handshake else { return Vec::new() };
    let usage = match answer.port {
        Port::Client => Rule::ClientNotClient,
        Port::Peer => Rule::PeerUsageMissing,
    };
    let authority = [
        Rule::WrongAuthority,
        Rule::AuthorityRegenerated,
        Rule::IntermediateMissing,
        Rule::AuthorityInMemory,
        Rule::AuthorityFileEmpty,
        Rule::ClientAuthWithoutAuthority,
    ];
    let dates = [Rule::Expired, Rule::NotYetValid, Rule::AuthorityExpired];
    let others = [Rule::PeerNotAllowed, Rule::WeakCertificate];
    match answer.ending {
        Ending::Refused(Alert::CERTIFICATE_REQUIRED) => vec![Rule::ClientCertificateDemanded],
        Ending::Refused(Alert::BAD_CERTIFICATE) if !handshake.has_presented => {
            vec![Rule::ClientCertificateDemanded]
        }
        Ending::Refused(Alert::BAD_CERTIFICATE) if go.oldest >= TELLS_APART => {
            [usage].into_iter().chain(others).collect()
        }
        Ending::Refused(Alert::BAD_CERTIFICATE) => {
            let first = [Rule::WrongAuthority, Rule::Expired, usage];
            let rest = authority.into_iter().chain(dates).chain(others);
            first.into_iter().chain(rest.filter(|rule| !first.contains(rule))).collect()
        }
        Ending::Refused(Alert::UNKNOWN_AUTHORITY) => authority.to_vec(),
        Ending::Refused(Alert::CERTIFICATE_EXPIRED) => dates.to_vec(),
        Ending::Refused(Alert::INTERNAL_ERROR) => {
            vec![Rule::KeyMismatch, Rule::FileMissing, Rule::FileUnusable, Rule::KeyEncrypted]
        }
        Ending::Refused(Alert::PROTOCOL_VERSION | Alert::HANDSHAKE_FAILURE) => {
            vec![Rule::ProtocolMismatch]
        }
        // etcd's own checks come after Go's handshake, and end the connection without an alert.
        Ending::Closed if answer.port == Port::Peer => {
            vec![Rule::PeerAddressNotNamed, Rule::Revoked, Rule::RevocationList]
        }
        Ending::Closed => vec![Rule::Revoked, Rule::RevocationList],
        // Whatever alert there was is lost.
        Ending::Reset => {
            let first = [Rule::WrongAuthority, Rule::Expired, usage];
            let rest = authority.into_iter().chain(dates).chain(others);
            let all = first.into_iter().chain(rest.filter(|rule| !first.contains(rule)));
            all.chain([Rule::Revoked, Rule::ClientCertificateDemanded]).collect()
        }
        _ => Vec::new(),
    }
}

/// The rule that explains what a member logs when it turns somebody away at this port; `text` is
/// the `error` of its line `rejected connection`. `None` where no rule does.
///
/// The words are those of Go's crypto/tls and crypto/x509 and of etcd's
/// `client/pkg/transport/listener_tls.go`; measured on 3.4.23, 3.5.1, 3.6.14 and 3.7.1.
#[must_use]
pub fn rule_of_log(text: &str, port: Port) -> Option<Rule> {
    let usage = match port {
        Port::Client => Rule::ClientNotClient,
        Port::Peer => Rule::PeerUsageMissing,
    };
    // The first that is found counts: some texts have others in them.
    let known = [
        ("client didn't provide a certificate", Rule::ClientCertificateDemanded),
        ("possibly because of", Rule::AuthorityRegenerated),
        ("signed by unknown authority", Rule::WrongAuthority),
        ("incompatible key usage", usage),
        ("is before", Rule::NotYetValid),
        ("has expired or is not yet valid", Rule::Expired),
        ("does not match any of DNSNames", Rule::PeerAddressNotNamed),
        ("certificate is valid for", Rule::PeerAddressNotNamed),
        (" revoked", Rule::Revoked),
        ("client certificate authentication failed", Rule::PeerNotAllowed),
        ("private key does not match public key", Rule::KeyMismatch),
        ("private key type does not match public key type", Rule::KeyMismatch),
        ("no such file or directory", Rule::FileMissing),
        ("permission denied", Rule::FileMissing),
        ("failed to parse private key", Rule::KeyEncrypted),
        ("PEM data in", Rule::FileUnusable),
        ("PEM block", Rule::FileUnusable),
        ("malformed crl", Rule::RevocationList),
        ("CertificateList", Rule::RevocationList),
        ("first record does not look like a TLS handshake", Rule::SchemeMismatch),
        ("offered only unsupported versions", Rule::ProtocolMismatch),
        ("no cipher suite supported by both", Rule::ProtocolMismatch),
        ("x509:", Rule::WeakCertificate),
    ];
    known.into_iter().find(|(words, _)| text.contains(words)).map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::live::Handshake;

    fn causes(port: Port, ending: Ending, presented: bool, go: u8) -> Vec<Rule> {
        let mut answer = Answer::new("https://127.0.0.1:1".parse().unwrap(), port, ending);
        answer.handshake = Some(Handshake { has_presented: presented, ..Handshake::default() });
        likely_causes(&answer, GoRange::exactly(Go::new(go)))
    }

    #[test]
    fn newer_gos_say_more() {
        let bad = || Ending::Refused(Alert::BAD_CERTIFICATE);
        let old = causes(Port::Client, bad(), true, 19);
        assert_eq!(old[..3], [Rule::WrongAuthority, Rule::Expired, Rule::ClientNotClient]);
        assert_eq!(old.len(), 12, "each once: {old:?}");
        let new = causes(Port::Peer, bad(), true, 26);
        assert_eq!(new[0], Rule::PeerUsageMissing);
        assert!(!new.contains(&Rule::WrongAuthority));
        assert_eq!(causes(Port::Peer, bad(), false, 19), [Rule::ClientCertificateDemanded]);
    }

    #[test]
    fn only_peers_are_asked_where_they_come_from() {
        let peer = causes(Port::Peer, Ending::Closed, true, 26);
        assert_eq!(peer[0], Rule::PeerAddressNotNamed);
        let client = causes(Port::Client, Ending::Closed, true, 26);
        assert_eq!(client[0], Rule::Revoked);
        assert_eq!(causes(Port::Client, Ending::Accepted, true, 26), []);
    }

    #[test]
    fn what_members_log_is_understood() {
        let of = |text: &str| rule_of_log(text, Port::Peer);
        assert_eq!(
            of("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            Some(Rule::WrongAuthority)
        );
        assert_eq!(
            of("x509: certificate has expired or is not yet valid: current time … is before …"),
            Some(Rule::NotYetValid)
        );
        assert_eq!(
            of("x509: certificate is valid for 10.9.9.9, not 127.0.0.1"),
            Some(Rule::PeerAddressNotNamed)
        );
        assert_eq!(of("transport: certificate serial 63 revoked"), Some(Rule::Revoked));
        assert_eq!(of("EOF"), None);
    }
}
