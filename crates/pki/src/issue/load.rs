//! An authority that someone made before, with this crate or another tool.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyIdMethod, KeyUsagePurpose};
use time::OffsetDateTime;

use super::constraints::Constraints;
use super::validity::Window;
use crate::read::{self, CertificateDetails, ReadError, SignatureCheck};
use crate::{Authority, Key, KeyError, Network};

impl Authority {
    /// Loads an authority from PEM: its certificate and its key, as this crate, openssl, cfssl,
    /// step or kubeadm wrote them.
    ///
    /// Of several certificates it is the one of the key; of several of the key one that is good
    /// now, a root rather than a cross certificate, and the one that ends last. If that is an intermediate, those that
    /// lead from it to a root are found among the others, in any order, and ship with its leaves,
    /// all but the root. Certificates that are not needed are passed over, so that a file of all
    /// authorities that are trusted will do.
    ///
    /// Its name and its key identifier are taken over byte for byte, whatever they are: what it
    /// issues fits to it, and that is checked again after signing.
    ///
    /// # Errors
    ///
    /// A [`LoadError`] that says what is wrong with which of the two.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, LoadError> {
        let all = read::certificates(certificate_pem.as_bytes()).map_err(LoadError::Certificate)?;
        let key = Key::from_pem(key_pem).map_err(LoadError::Key)?;
        let public_key = key.public_key_der();
        // An authority that was renewed with its key, or crossed, has several.
        let own = all.iter().filter(|one| one.public_key_der == public_key).max_by_key(|one| {
            (check(one).is_ok(), one.subject.der == one.issuer.der, one.not_after)
        });
        let Some(own) = own else {
            let names = all.iter().map(|one| format!("{:?}", one.subject.text));
            return Err(LoadError::Mismatch { certificates: names.collect::<Vec<_>>().join(", ") });
        };
        check(own)?;

        let path = path(own, &all);
        let path_length = own
            .basic_constraints
            .and_then(|constraints| constraints.path_length)
            .map(|length| u8::try_from(length).unwrap_or(u8::MAX));
        let mut params = CertificateParams::default();
        if let Some(identifier) = &own.subject_key_identifier {
            params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.clone());
        }
        params.key_usages = match own.key_usages {
            Some(usages) if !usages.revocation_list_sign => vec![KeyUsagePurpose::KeyCertSign],
            _ => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        };
        // For an impostor; what is issued has these of its own.
        params.is_ca = IsCa::Ca(
            path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained),
        );
        (params.not_before, params.not_after) = (own.not_before, own.not_after);
        let constraints: Vec<_> = path.iter().copied().map(constraints).collect();
        params.name_constraints = constraints.first().and_then(Constraints::to_rcgen);
        let subject = &own.subject;
        Ok(Self {
            common_name: if subject.common_name.is_empty() {
                &subject.text
            } else {
                &subject.common_name
            }
            .clone(),
            name: Some(subject.der.clone()),
            params,
            key,
            certificate: own.certificate.clone(),
            pem: own.certificate.pem(),
            intermediates: path
                .iter()
                .filter(|one| one.subject.der != one.issuer.der)
                .map(|one| one.certificate.clone())
                .collect(),
            path_length,
            constraints,
            window: Window { not_before: own.not_before, not_after: own.not_after },
        })
    }
}

/// Why an authority could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no certificate.
    #[error("the certificate of the authority cannot be read")]
    Certificate(#[source] ReadError),
    /// There is no key.
    #[error("the key of the authority cannot be used")]
    Key(#[source] KeyError),
    /// The key is that of none of the certificates.
    #[error(
        "the key is not that of the certificate: it fits none of {certificates}; find the key that \
         was made with it, since a key cannot be computed from a certificate"
    )]
    Mismatch {
        /// The subjects of all certificates that were there.
        certificates: String,
    },
    /// The certificate is not an authority's.
    #[error("the certificate of {subject:?} can sign no others: {reason}")]
    NotAnAuthority {
        /// Whose certificate it is.
        subject: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// Go does not understand all of it that it has to, and so trusts nothing below it.
    #[error(
        "the certificate of {subject:?} is one that etcd cannot use: {go}; have the authority \
         made again"
    )]
    Unreadable {
        /// Whose certificate it is.
        subject: String,
        /// What Go says.
        go: String,
    },
    /// The authority expired.
    #[error(
        "the authority {subject:?} expired on {}, and with it all that it signs; make a new one",
        .not_after.date()
    )]
    Expired {
        /// The authority.
        subject: String,
        /// Its last second.
        not_after: OffsetDateTime,
    },
}

/// Whether a certificate may sign others, by the rules of Go (`isValid` in crypto/x509/verify.go
/// and `CheckSignatureFrom` in crypto/x509/x509.go).
fn check(own: &CertificateDetails) -> Result<(), LoadError> {
    let subject = own.subject.text.clone();
    let reason = match (own.version, own.basic_constraints, own.key_usages) {
        (..=2, ..) => {
            "it is X.509 version 1, which has no extensions to say so; \
             make one with `openssl req -x509`, which makes version 3"
        }
        (_, None, _) => {
            "it has no basic constraints; it needs the extension basicConstraints=critical,CA:TRUE"
        }
        (_, Some(constraints), _) if !constraints.authority => {
            "its basic constraints say CA:FALSE, so that it is a server's or a client's; \
             give the authority's"
        }
        (_, _, Some(usages)) if !usages.certificate_sign => {
            "keyCertSign is not among its key usages; it needs keyUsage=critical,keyCertSign,cRLSign"
        }
        _ if own.not_after < OffsetDateTime::now_utc() => {
            return Err(LoadError::Expired { subject, not_after: own.not_after });
        }
        _ => {
            let unknown = own.unhandled_critical.first();
            let unknown = unknown.map(|oid| format!("x509: unhandled critical extension ({oid})"));
            return match own.go_objects.clone().or(unknown) {
                Some(go) => Err(LoadError::Unreadable { subject, go }),
                None => Ok(()),
            };
        }
    };
    Err(LoadError::NotAnAuthority { subject, reason })
}

/// An authority and those above it, as far as they are here; a root is the last.
fn path<'a>(
    own: &'a CertificateDetails,
    all: &'a [CertificateDetails],
) -> Vec<&'a CertificateDetails> {
    let mut path = vec![own];
    let mut current = own;
    while current.subject.der != current.issuer.der {
        let issuer = all.iter().find(|issuer| {
            issuer.subject.der == current.issuer.der
                // Each at most once: two that signed each other lead nowhere.
                && !path.contains(issuer)
                && current.signed_by(issuer) == SignatureCheck::Valid
        });
        let Some(issuer) = issuer else { break };
        path.push(issuer);
        current = issuer;
    }
    path
}

/// The constraints on the kinds of names that we issue.
fn constraints(own: &CertificateDetails) -> Constraints {
    let Some(read) = own.name_constraints.clone() else {
        return Constraints::default();
    };
    let networks = |networks: Vec<_>| {
        networks
            .into_iter()
            .filter_map(|(address, mask)| Network::from_mask(address, mask))
            .collect()
    };
    Constraints {
        permitted_dns: read.permitted_dns,
        excluded_dns: read.excluded_dns,
        permitted_networks: networks(read.permitted_ip),
        excluded_networks: networks(read.excluded_ip),
    }
}

#[cfg(test)]
mod tests;
