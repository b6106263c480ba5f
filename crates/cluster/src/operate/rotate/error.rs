//! Why certificates were not changed, or not all of them.

use std::io;
use std::path::PathBuf;

use tercet_pki::doctor::Port;
use tercet_pki::doctor::live::Ending;
use tercet_pki::read::ReadError;
use tercet_pki::rotation::{Condition, RotationError, Step};
use tercet_pki::{FleetLoadError, IssueError, RevocationListError, WriteError};

use crate::cluster::ProxyError;
use crate::operate::OperateError;
use crate::plan::Security;

/// Why a fleet's certificates were not changed, or not all of them. Whatever was done, everyone in
/// the fleet still accepts everyone; when the reason is gone, the same call goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// Nobody has signed anything, or etcd did it by itself.
    #[error(
        "with the security {security} no authority has signed anything, and there is nothing to \
         rotate: start the fleet with server-tls, client-auth or mutual"
    )]
    NoAuthority {
        /// How the fleet's links are secured.
        security: Security,
    },
    /// A new authority is on its way in.
    #[error(
        "the authority is being changed, and everyone gets new certificates by that: finish it \
         with `rotate_authority`"
    )]
    Unfinished,
    /// A file is wrong on purpose.
    #[error("{} is wrong on purpose: drop the fault first", path.display())]
    Spoiled {
        /// Which.
        path: PathBuf,
    },
    /// There is no plan.
    #[error("the certificates cannot be changed so")]
    Plan(#[from] RotationError),
    /// A certificate could not be issued.
    #[error("a certificate could not be issued")]
    Issue(#[from] IssueError),
    /// A file could not be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificates.
    #[error("{} holds no certificates", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// A file could not be written.
    #[error("a certificate or key could not be written")]
    Write(#[from] WriteError),
    /// A member could not be restarted.
    #[error(transparent)]
    Operate(#[from] OperateError),
    /// A proxy could not be restarted.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A member does not say which authorities it has in memory.
    #[error(
        "the {port} port of {holder} does not show its certificate and its authorities: {}",
        words(ending)
    )]
    NotShown {
        /// The name of the member or the proxy.
        holder: String,
        /// Which of its ports.
        port: Port,
        /// How the last handshake with it ended.
        ending: Ending,
    },
    /// A phase has not come to pass, or one before it.
    #[error("to {step}: it is not so that {condition}")]
    Condition {
        /// The phase.
        step: Step,
        /// What does not hold.
        condition: Box<Condition>,
    },
    /// A member shows another certificate than the one that it was given.
    #[error(
        "the {port} port of {holder} shows another certificate than the one in {}",
        path.display()
    )]
    OtherCertificate {
        /// The name of the member or the proxy.
        holder: String,
        /// Which of its ports.
        port: Port,
        /// Where its certificate is.
        path: PathBuf,
    },
    /// The files of the fleet are not what they should be now.
    #[error("the fleet's new certificates cannot be read")]
    Load(#[from] FleetLoadError),
    /// The list of revoked certificates was not handed over to the new authority.
    #[error("the list of revoked certificates was not handed over to the new authority")]
    Revoke(#[from] RevokeError),
}

/// Why a certificate was not revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The members look at no list.
    #[error(
        "the members look at no list of revoked certificates, and read that only when they start: \
         start the fleet with `Spec::tls(TlsOptions::default().revocation_list())`"
    )]
    NoList,
    /// Another authority signed it.
    #[error(
        "{certificate} is not signed by {authority}, and only who signed a certificate can revoke it"
    )]
    Foreign {
        /// Whose certificate it is.
        certificate: String,
        /// The fleet's authority.
        authority: String,
    },
    /// It is the authority itself.
    #[error(
        "{authority} is the authority, and etcd looks for no authority on a list: change to a new \
         one with `rotate_authority`"
    )]
    Authority {
        /// The authority.
        authority: String,
    },
    /// It is no certificate that can be read.
    #[error("the certificate cannot be read")]
    Certificate(#[from] ReadError),
    /// The list cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The list cannot be gone on from.
    #[error("the list of those that were revoked before cannot be used")]
    List(#[from] RevocationListError),
    /// The list cannot be signed.
    #[error("the list cannot be signed")]
    Issue(#[from] IssueError),
    /// The list cannot be written.
    #[error("the list cannot be written")]
    Write(#[from] WriteError),
}

/// How a handshake ended.
fn words(ending: &Ending) -> String {
    match ending {
        Ending::Accepted => "it let us in without".to_owned(),
        Ending::Silent | Ending::TimedOut => "it does not answer in time".to_owned(),
        Ending::Refused(alert) => format!("it ended the handshake ({alert})"),
        Ending::Closed => "it closed the connection".to_owned(),
        Ending::Reset => "it reset the connection".to_owned(),
        Ending::Plaintext => "it speaks no TLS".to_owned(),
        Ending::NotListening => "nothing listens there".to_owned(),
        Ending::Foreign(what)
        | Ending::Broken(what)
        | Ending::Unreachable(what)
        | Ending::Unresolved(what)
        | Ending::NotDialled(what) => what.clone(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tercet_pki::Authority;
    use tercet_pki::doctor::live::Alert;
    use tercet_pki::read::CertificateDetails;

    #[test]
    fn texts() {
        let authority = Authority::builder("next").without_generation().generate().unwrap();
        let authority = CertificateDetails::parse(authority.certificate().der()).unwrap();
        let condition = Condition::Trusts { holder: "m1".to_owned(), authority };
        let not_shown =
            |ending| RotateError::NotShown { holder: "m1".to_owned(), port: Port::Client, ending };
        let texts = [
            RotateError::NoAuthority { security: Security::Auto }.to_string(),
            RotateError::Unfinished.to_string(),
            RotateError::Spoiled { path: "/run/pki/m1/peer.crt".into() }.to_string(),
            RotateError::Condition { step: Step::TrustNew, condition: Box::new(condition) }
                .to_string(),
            not_shown(Ending::TimedOut).to_string(),
            not_shown(Ending::Refused(Alert::BAD_CERTIFICATE)).to_string(),
            RotateError::OtherCertificate {
                holder: "grpc-proxy-1".to_owned(),
                port: Port::Client,
                path: "/run/server.crt".into(),
            }
            .to_string(),
            RevokeError::NoList.to_string(),
            RevokeError::Foreign { certificate: "CN=a".to_owned(), authority: "ca".to_owned() }
                .to_string(),
            RevokeError::Authority { authority: "CN=ca".to_owned() }.to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
        with the security auto no authority has signed anything, and there is nothing to rotate: start the fleet with server-tls, client-auth or mutual
        the authority is being changed, and everyone gets new certificates by that: finish it with `rotate_authority`
        /run/pki/m1/peer.crt is wrong on purpose: drop the fault first
        to trust the new authority only: it is not so that m1 has CN=next among its authorities
        the client port of m1 does not show its certificate and its authorities: it does not answer in time
        the client port of m1 does not show its certificate and its authorities: it ended the handshake (bad certificate)
        the client port of grpc-proxy-1 shows another certificate than the one in /run/server.crt
        the members look at no list of revoked certificates, and read that only when they start: start the fleet with `Spec::tls(TlsOptions::default().revocation_list())`
        CN=a is not signed by ca, and only who signed a certificate can revoke it
        CN=ca is the authority, and etcd looks for no authority on a list: change to a new one with `rotate_authority`
        ");
    }
}
