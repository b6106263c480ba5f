//! TLS failures in plain words, with what mends them.

use std::io;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError, InvalidMessage};

use crate::error::ErrorKind;
use crate::transport::dial::{DialError, rustls_error};

/// Names a handshake that failed, on either side; `mutual` is whether a client certificate was
/// shown, and `refused` why it was made with older files than those that are there.
pub(crate) fn handshake_failed(error: io::Error, mutual: bool, refused: Option<&str>) -> DialError {
    let (kind, what, fix) = match rustls_error(&error) {
        Some(rustls::Error::AlertReceived(alert)) => {
            let (what, fix) = alert_says(*alert, mutual);
            (ErrorKind::Tls, what, fix)
        }
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let (what, fix) = distrusted(reason);
            (ErrorKind::Tls, what, fix)
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => (
            ErrorKind::Connect,
            "the server does not speak TLS".to_owned(),
            Some("is the endpoint http:// and not https://?"),
        ),
        Some(_) => (ErrorKind::Tls, "the TLS handshake failed".to_owned(), None),
        // A server that stops, or whose port belongs to something else, just closes.
        None => (
            ErrorKind::Connect,
            "the server closed the connection during the TLS handshake".to_owned(),
            Some("does the endpoint speak TLS?"),
        ),
    };
    let what = match refused {
        Some(why) => format!("{what} (with what was last read, since now {why})"),
        None => what,
    };
    DialError { kind, what, fix, source: None }.caused_by(error)
}

/// Names what a server said against us.
///
/// Go sends `bad_certificate` where a certificate is missing in TLS 1.2, and where its verifier
/// objects to one for no reason that has an alert of its own (`crypto/tls`, `handshake_server.go`).
pub(crate) fn alert_says(alert: AlertDescription, mutual: bool) -> (String, Option<&'static str>) {
    const NONE_GIVEN: &str = "the server requires a client certificate and none was given";
    const GIVE_ONE: Option<&str> = Some("give one with Tls::mutual");
    let (what, fix) = match alert {
        AlertDescription::CertificateRequired if mutual => {
            ("the server requires a client certificate of another authority", None)
        }
        AlertDescription::CertificateRequired => (NONE_GIVEN, GIVE_ONE),
        AlertDescription::BadCertificate if !mutual => (NONE_GIVEN, GIVE_ONE),
        AlertDescription::BadCertificate => (
            "the server does not accept the client certificate",
            Some("was it issued by the server's --trusted-ca-file, for client authentication?"),
        ),
        AlertDescription::UnknownCA => (
            "the server does not know the authority that issued the client certificate",
            Some("was it issued by the server's --trusted-ca-file?"),
        ),
        AlertDescription::CertificateExpired => (
            "by the server's clock the client certificate has expired or is not valid yet",
            Some("renew it, or mend the clock"),
        ),
        AlertDescription::CertificateRevoked => {
            ("the server's revocation list has the client certificate", None)
        }
        AlertDescription::ProtocolVersion => {
            ("the server speaks no version of TLS that this client does", None)
        }
        AlertDescription::HandshakeFailure => {
            ("the server shares no cipher suite or signature scheme with this client", None)
        }
        other => return (format!("the server ended the TLS handshake with {other:?}"), None),
    };
    (what.to_owned(), fix)
}

/// Names what we have against the server's certificate.
fn distrusted(reason: &CertificateError) -> (String, Option<&'static str>) {
    let (what, fix) = match reason {
        CertificateError::UnknownIssuer => (
            "the server's certificate was issued by an authority that is not trusted here",
            Some("is it the authority that was given to Tls?"),
        ),
        CertificateError::BadSignature => (
            "the server's certificate was not signed by the trusted authority of that name",
            Some("is it the authority that was given to Tls?"),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired", Some("renew it, or mend the clock"))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet", Some("mend the clock"))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the server's certificate is for other hosts than this endpoint",
            Some("add the host to its subject alternative names, or dial one of those"),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "the server's certificate is not for server authentication",
            Some("issue it with that extended key usage"),
        ),
        _ => ("the server's certificate is not acceptable", None),
    };
    (what.to_owned(), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_by_the_server() {
        let text = |alert, mutual| match alert_says(alert, mutual) {
            (what, Some(fix)) => format!("{what}; {fix}"),
            (what, None) => what,
        };
        let texts = [
            text(AlertDescription::CertificateRequired, false),
            text(AlertDescription::BadCertificate, false),
            text(AlertDescription::BadCertificate, true),
            text(AlertDescription::UnknownCA, true),
            text(AlertDescription::CertificateExpired, true),
            text(AlertDescription::InternalError, true),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
            the server requires a client certificate and none was given; give one with Tls::mutual
            the server requires a client certificate and none was given; give one with Tls::mutual
            the server does not accept the client certificate; was it issued by the server's --trusted-ca-file, for client authentication?
            the server does not know the authority that issued the client certificate; was it issued by the server's --trusted-ca-file?
            by the server's clock the client certificate has expired or is not valid yet; renew it, or mend the clock
            the server ended the TLS handshake with InternalError
        ");
    }

    #[test]
    fn distrust_of_the_server() {
        let texts = [
            CertificateError::UnknownIssuer,
            CertificateError::Expired,
            CertificateError::NotValidForName,
            CertificateError::InvalidPurpose,
            CertificateError::BadEncoding,
        ]
        .map(|reason| distrusted(&reason).0);
        insta::assert_snapshot!(texts.join("\n"), @r"
            the server's certificate was issued by an authority that is not trusted here
            the server's certificate has expired
            the server's certificate is for other hosts than this endpoint
            the server's certificate is not for server authentication
            the server's certificate is not acceptable
        ");
    }
}
