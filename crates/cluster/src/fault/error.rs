//! Why a fault was not brought about.

use std::io;
use std::path::PathBuf;

use tercet_pki::IssueError;
use tercet_pki::read::ReadError;

use super::certificate::CertificateFlaw;
use crate::cluster::StartError;
use crate::operate::RevokeError;
use crate::plan::Security;

/// Why a fault was not brought about. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// It would be done to a process that there is none of.
    #[error("member {member} is not running: start it first")]
    NotRunning {
        /// Which.
        member: String,
    },
    /// It does not belong to the fleet any more.
    #[error("member {member} was removed from the fleet: there is nothing of it to break")]
    Removed {
        /// Which.
        member: String,
    },
    /// The fleet was not started for it.
    #[error(
        "the fleet was not made ready for faults of its {kind}: start it with .faults(Faults::NONE.{kind}())"
    )]
    NotReadyFor {
        /// What of it was to be broken: `links`, `disk` or `clock`, a word of
        /// [`Faults`](crate::Faults).
        kind: &'static str,
    },
    /// It is of another fleet than the one that was asked.
    #[error("member {member} is of another fleet: ask its own, `member.cluster()`")]
    OtherFleet {
        /// Which.
        member: String,
    },
    /// There is no link from anybody to itself.
    #[error("there is no link from {end} to itself that could be broken")]
    Itself {
        /// Who.
        end: String,
    },
    /// A side of a split has nobody on it.
    #[error("a side of the split is empty: there is no link between it and the other")]
    NoSide,
    /// There are too few members for the shape.
    #[error("{shape} takes at least {least} members, and the fleet has {members}")]
    TooFew {
        /// What was to be made of the members.
        shape: &'static str,
        /// How many it takes.
        least: usize,
        /// How many there are.
        members: usize,
    },
    /// The thread that the links of the fleet go through does not answer: its fleet is gone, or the
    /// machine stands still.
    #[error(
        "the network that the fleet's links go through does not answer: the fleet was dropped, or the machine stood still for 10 seconds"
    )]
    NetworkGone,
    /// There is no certificate that could be wrong.
    #[error(
        "{whose} has no certificate to be spoiled, or asks for none, with the security {security}: \
         start the fleet with another, such as mutual"
    )]
    NoCertificate {
        /// Of what.
        whose: String,
        /// How the fleet's links are secured.
        security: Security,
    },
    /// It is everybody's.
    #[error(
        "all members show the same certificate, so that what is done to that of {member} would be \
         done to all: start the fleet with Layout::PerMember"
    )]
    SharedCertificate {
        /// Whose certificate was to be spoiled.
        member: String,
    },
    /// Nobody would see it.
    #[error("{whose} works as well with a certificate that is {flaw}: nobody looks at that there")]
    NothingWrong {
        /// Of what.
        whose: String,
        /// What was to be wrong.
        flaw: CertificateFlaw,
    },
    /// It is wrong already.
    #[error("{} is wrong on purpose already: drop that fault first", path.display())]
    AlreadySpoiled {
        /// Which file.
        path: PathBuf,
    },
    /// The members look at no list of revoked certificates.
    #[error(
        "the members look at no list of revoked certificates, and read that only when they start: \
         start the fleet with `Spec::tls(TlsOptions::default().revocation_list())`"
    )]
    NoRevocationList,
    /// The fleet's members or certificates are being changed.
    #[error("the fleet is being changed: wait for that operation to end")]
    Busy,
    /// The fleet is between two authorities.
    #[error("the authority is being changed: finish it with `rotate_authority`")]
    Rotating,
    /// A certificate could not be issued.
    #[error("the wrong certificate could not be issued")]
    Issue(#[from] IssueError),
    /// It could not be put on the list.
    #[error("the list of revoked certificates could not be changed")]
    Revoke(#[source] RevokeError),
    /// A file could not be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in a file is no certificate.
    #[error("{} holds no certificate that can be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// There is nothing in a file.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A member that was to be started so could not be.
    #[error("the member could not be started so")]
    Start(#[from] StartError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_certificates() {
        let whose = || "the client port of member m1".to_owned();
        let texts = [
            FaultError::NoCertificate { whose: whose(), security: Security::Auto },
            FaultError::SharedCertificate { member: "m1".into() },
            FaultError::NothingWrong { whose: whose(), flaw: CertificateFlaw::Revoked },
            FaultError::AlreadySpoiled { path: "/run/pki/m1/peer.crt".into() },
            FaultError::NoRevocationList,
            FaultError::Busy,
            FaultError::Rotating,
            FaultError::Empty { path: "/run/pki/m1/peer.crt".into() },
        ];
        let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        the client port of member m1 has no certificate to be spoiled, or asks for none, with the security auto: start the fleet with another, such as mutual
        all members show the same certificate, so that what is done to that of m1 would be done to all: start the fleet with Layout::PerMember
        the client port of member m1 works as well with a certificate that is revoked: nobody looks at that there
        /run/pki/m1/peer.crt is wrong on purpose already: drop that fault first
        the members look at no list of revoked certificates, and read that only when they start: start the fleet with `Spec::tls(TlsOptions::default().revocation_list())`
        the fleet is being changed: wait for that operation to end
        the authority is being changed: finish it with `rotate_authority`
        /run/pki/m1/peer.crt holds no certificate
        ");
    }
}
