//! Certificates that are weak, or that only some builds of etcd take: TLS024.
//!
//! Here each certificate is judged by itself, and by who signed it. That a handshake fails is said
//! by the rules of the handshake; what is found here is then left out.

use super::super::case::Case;
use super::super::document::Document;
use super::super::findings::{Findings, Found, Subject};
use super::handshakes::fix;
use super::words::{by_issuer, subject};
use crate::doctor::Rule;
use crate::etcd::Go;
use crate::read::{CertificateDetails, PublicKey, SignatureAlgorithm, SignatureCheck};

/// How many signatures are tried in all. A fleet of a hundred members has a few hundred.
const SIGNATURES_MAX: usize = 1000;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for document in &case.documents {
        for certificate in &document.certificates {
            let found = [
                small_key(case, document, certificate),
                old_hash(case, document, certificate),
                first_version(case, document, certificate),
                negative_serial(case, certificate),
            ];
            for (field, found) in found.into_iter().flatten() {
                add(document, certificate, field, found, findings);
            }
        }
    }
    signed_without_right(case, findings);
}

fn add(
    document: &Document,
    certificate: &CertificateDetails,
    field: &str,
    found: Found,
    findings: &mut Findings,
) {
    findings.add(
        found.file(&document.path).field(field).follows(Subject::Weakness(certificate.fingerprint)),
    );
}

type Weakness = Option<(&'static str, Found)>;

/// How to have it anew: a command for a leaf; what hangs on an authority is more than one.
fn anew(
    case: &Case<'_>,
    document: &Document,
    certificate: &CertificateDetails,
    new_key: bool,
    of_authority: &str,
) -> String {
    let authority = certificate.issuer.der == certificate.subject.der
        || certificate.basic_constraints.is_some_and(|constraints| constraints.authority);
    // Others in the file would be written over.
    if authority || document.certificates.len() > 1 {
        of_authority.to_owned()
    } else {
        fix::again(case, document, certificate, new_key)
    }
}

fn small_key(case: &Case<'_>, document: &Document, certificate: &CertificateDetails) -> Weakness {
    let PublicKey::Rsa { bits } = certificate.public_key else { return None };
    if bits >= 2048 {
        return None;
    }
    let effect = if bits < 1024 {
        "Go refuses to make a handshake with it, or to trust what it signs, depending on its version."
    } else {
        "Every etcd takes it, and it can be broken: 2048 bits are the least that is sound."
    };
    let found = Found::warning(
        Rule::WeakCertificate,
        "etcd says nothing about it",
        format!("The RSA key of {} has {bits} bits. {effect}", subject(certificate)),
        anew(
            case,
            document,
            certificate,
            true,
            "make it again with a new key (P-256, or RSA with 2048 bits or more), and issue what it \
             signed anew",
        ),
    );
    Some(("subjectPublicKeyInfo", found))
}

/// Go refuses MD5 always, and SHA-1 from 1.18 on; not where a root signs itself, since nobody looks
/// at that signature. Source: `crypto/x509` (`checkSignature`); release notes of Go 1.18.
fn old_hash(case: &Case<'_>, document: &Document, certificate: &CertificateDetails) -> Weakness {
    let go = case.go;
    let (SignatureAlgorithm::RsaPkcs1 { hash_bits: bits }
    | SignatureAlgorithm::Ecdsa { hash_bits: bits }) = certificate.signature_algorithm
    else {
        return None;
    };
    if bits > 160 || certificate.issuer.der == certificate.subject.der {
        return None;
    }
    const REFUSED: Go = Go::new(18);
    let today = "x509: certificate signed by unknown authority";
    let (hash, which, today) = if bits < 160 {
        ("MD5", "every etcd refuses it", today.to_owned())
    } else if go.oldest >= REFUSED {
        ("SHA-1", "this etcd refuses it", today.to_owned())
    } else if go.newest < REFUSED {
        let which = "this etcd takes it, and one built with Go 1.18 or later refuses it";
        ("SHA-1", which, "etcd says nothing about it".to_owned())
    } else {
        let which = "an etcd built with Go 1.18 or later refuses it; which Go it was is in the first \
                     lines of its log";
        ("SHA-1", which, format!("{today}, or nothing, depending on the build"))
    };
    let found = Found::warning(
        Rule::WeakCertificate,
        today,
        format!("{} is signed with {hash}: {which}.", subject(certificate)),
        anew(
            case,
            document,
            certificate,
            false,
            "have it signed again with SHA-256 (openssl x509 -req -sha256)",
        ),
    );
    Some(("signatureAlgorithm", found))
}

fn first_version(
    case: &Case<'_>,
    document: &Document,
    certificate: &CertificateDetails,
) -> Weakness {
    if certificate.version >= 3 {
        return None;
    }
    let (lacks, go) = if certificate.issuer.der == certificate.subject.der {
        ("nor whether it is an authority", "Go trusts it as an authority all the same")
    } else {
        ("nor hosts", "etcd takes it")
    };
    let found = Found::warning(
        Rule::WeakCertificate,
        "etcd says nothing about it",
        format!(
            "{} is an X.509 certificate of version {}, which can say neither what it is for {lacks}. \
             {go}; rustls refuses it (UnsupportedCertVersion).",
            subject(certificate),
            certificate.version
        ),
        anew(
            case,
            document,
            certificate,
            false,
            "make it again with extensions, which makes it version 3 (openssl req -x509 -addext), \
             and issue what it signed anew",
        ),
    )
    .follows(Subject::Extensions(certificate.fingerprint));
    Some(("version", found))
}

/// Go 1.23 and later do not even read such a certificate, unless the build says otherwise
/// (`x509negativeserial=1` in its `DefaultGODEBUG`, as Debian's 3.5.30 does; measured).
fn negative_serial(case: &Case<'_>, certificate: &CertificateDetails) -> Weakness {
    if certificate.serial.first().is_none_or(|first| first & 0x80 == 0) {
        return None;
    }
    let today = "x509: negative serial number";
    let fix = "issue it again with a positive serial number";
    let name = subject(certificate);
    let etcd = case.etcd;
    let found = if case.go.oldest >= Go::new(23) {
        Found::error(
            Rule::WeakCertificate,
            today,
            format!(
                "The serial number of {name} is negative. etcd {etcd} is built with Go 1.23 or \
                 later, which does not read such a certificate: etcd does not start with it, and \
                 nobody is let in with it. (A builder can allow it with x509negativeserial=1.)"
            ),
            fix,
        )
    } else {
        Found::warning(
            Rule::WeakCertificate,
            "etcd says nothing about it, or x509: negative serial number, depending on the build",
            format!(
                "The serial number of {name} is negative. Go reads no such certificate from 1.23 on: \
                 one and the same version of etcd takes it or does not start, depending on who \
                 built it."
            ),
            fix,
        )
    };
    Some(("serialNumber", found))
}

/// An authority that may not be one, by its own words. Source: `crypto/x509`
/// (`CheckSignatureFrom`); certificates of version 1 may sign there.
fn signed_without_right(case: &Case<'_>, findings: &mut Findings) {
    let children = by_issuer(case);
    let mut tries = 0;
    let all = case.documents.iter();
    let all =
        all.flat_map(|document| document.certificates.iter().map(move |known| (document, known)));
    for (document, authority) in all {
        let Some((field, why)) = may_not_sign(authority) else { continue };
        let named = children.get(authority.subject.der.as_slice()).into_iter().flatten();
        let child = named.map(|(_, child)| *child).find(|child| {
            if child.fingerprint == authority.fingerprint || tries == SIGNATURES_MAX {
                return false;
            }
            tries += 1;
            child.signed_by(authority) == SignatureCheck::Valid
        });
        let Some(child) = child else { continue };
        let found = Found::error(
            Rule::WeakCertificate,
            "x509: certificate signed by unknown authority (possibly because of \"x509: invalid \
             signature: parent certificate cannot sign this kind of certificate\")",
            format!(
                "{} signed {}, and {why}: Go takes it for no authority, and refuses what it signed. \
                 OpenSSL and rustls may not.",
                subject(authority),
                subject(child),
            ),
            "make the authority again with basicConstraints=critical,CA:TRUE and \
             keyUsage=critical,keyCertSign,cRLSign, and issue what it signed anew",
        );
        add(document, authority, field, found, findings);
    }
}

fn may_not_sign(authority: &CertificateDetails) -> Option<(&'static str, &'static str)> {
    if authority.version != 3 {
        return None;
    }
    match authority.basic_constraints {
        None => return Some(("basicConstraints", "it does not say that it is an authority")),
        Some(constraints) if !constraints.authority => {
            return Some(("basicConstraints", "it says that it is no authority"));
        }
        Some(_) => {}
    }
    let usages = authority.key_usages?;
    (!usages.certificate_sign)
        .then_some(("keyUsage", "its key usage does not allow it to sign certificates"))
}
