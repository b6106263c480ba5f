//! Wrong certificates that this crate cannot make, made by OpenSSL once and for all.
//!
//! They are constant, valid for a hundred years, and come with the authority that signed them. The
//! commands that made them are in `fixtures/make` of this crate. **Their keys are public: trust
//! them nowhere.** What [`Leaf`](crate::Leaf) and [`Authority`] can make wrong, they make afresh.
//!
//! [`Authority`]: crate::Authority

use zeroize::Zeroizing;

use crate::{Certificate, Identity};

/// Certificates that were made elsewhere, and who signed them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fixture {
    /// The certificate of the authority, as PEM. Its key is gone.
    pub authority_pem: &'static str,
    /// What a member would show, to clients and to peers.
    pub server: Identity,
    /// What a client would show.
    pub client: Identity,
}

/// What tutorials had people make before Go 1.15, and some still do: `openssl x509 -req` without
/// extensions. RSA keys of 2048 bits, X.509 version 1, and nothing but a common name: `localhost`
/// for the server, `client` for the client.
///
/// etcd starts with it, and takes its clients and peers for good; but who dials it refuses it.
/// Go: "certificate relies on legacy Common Name field, use SANs instead". rustls:
/// "UnsupportedCertVersion". OpenSSL, and so curl, takes it.
pub fn tutorial() -> Fixture {
    Fixture {
        authority_pem: include_str!("../fixtures/tutorial/ca.crt"),
        server: identity(
            include_str!("../fixtures/tutorial/server.crt"),
            include_str!("../fixtures/tutorial/server.key"),
        ),
        client: identity(
            include_str!("../fixtures/tutorial/client.crt"),
            include_str!("../fixtures/tutorial/client.key"),
        ),
    }
}

/// Signed with SHA-1: one certificate for server, peer and client, with the hosts of
/// [`LOOPBACK_HOSTS`](crate::LOOPBACK_HOSTS) and a P-256 key. Nothing else is wrong with it.
///
/// Go has refused it since 1.18 ("insecure algorithm ECDSA-SHA1"): etcd 3.5.1 of the etcd project
/// takes it (Go 1.16), Debian's 3.4.23 does not (Go 1.19). Neither do rustls and OpenSSL 3 at its
/// default security level.
pub fn sha1() -> Fixture {
    signed_with(include_str!("../fixtures/sha1/sha1.crt"))
}

/// The control of [`sha1`]: the same key, description and authority, signed with SHA-256. Sound.
pub fn sha1_control() -> Fixture {
    signed_with(include_str!("../fixtures/sha1/sha256.crt"))
}

fn signed_with(certificate: &str) -> Fixture {
    let both = identity(certificate, include_str!("../fixtures/sha1/leaf.key"));
    Fixture {
        authority_pem: include_str!("../fixtures/sha1/ca.crt"),
        server: both.clone(),
        client: both,
    }
}

fn identity(certificate: &str, key: &str) -> Identity {
    let certificate = pem::parse(certificate).expect("a fixture is PEM: a test reads them all");
    let certificate = Certificate::from_der(certificate.into_contents());
    Identity::new(certificate, Zeroizing::new(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use x509_parser::oid_registry::{OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256};
    use x509_parser::prelude::{FromDer as _, Pem, X509Certificate, X509Version};

    use super::*;

    fn is_signed(certificate: &X509Certificate<'_>, authority: &Pem) -> bool {
        let authority = authority.parse_x509().unwrap();
        assert_eq!(certificate.issuer(), authority.subject());
        certificate.verify_signature(Some(authority.public_key())).is_ok()
    }

    fn authority(fixture: &Fixture) -> Pem {
        Pem::iter_from_buffer(fixture.authority_pem.as_bytes()).next().unwrap().unwrap()
    }

    #[test]
    fn the_tutorials_have_a_common_name_and_nothing_else() {
        let fixture = tutorial();
        for (identity, name) in [(&fixture.server, "localhost"), (&fixture.client, "client")] {
            let (_, x509) = X509Certificate::from_der(identity.certificate().der()).unwrap();
            assert_eq!(x509.version(), X509Version::V1);
            assert_eq!(x509.subject().to_string(), format!("CN={name}"));
            assert!(x509.extensions().is_empty());
            assert_eq!(x509.signature_algorithm.algorithm, OID_PKCS1_SHA256WITHRSA);
            assert!(is_signed(&x509, &authority(&fixture)));
            assert!(identity.key_pem().starts_with("-----BEGIN"));
        }
    }

    #[test]
    fn only_the_hash_is_wrong_with_sha1() {
        let (wrong, control) = (sha1(), sha1_control());
        let [wrong_x509, control_x509] = [&wrong, &control].map(|fixture| {
            X509Certificate::from_der(fixture.server.certificate().der()).unwrap().1
        });
        assert_eq!(wrong_x509.signature_algorithm.algorithm.to_id_string(), "1.2.840.10045.4.1");
        assert_eq!(control_x509.signature_algorithm.algorithm, OID_SIG_ECDSA_WITH_SHA256);
        assert_eq!(wrong_x509.extensions(), control_x509.extensions());
        assert_eq!(wrong_x509.public_key(), control_x509.public_key());
        assert_eq!(wrong_x509.subject(), control_x509.subject());
        assert_eq!(wrong.server.key_pem(), control.server.key_pem());
        assert_eq!(wrong.authority_pem, control.authority_pem);
        assert!(is_signed(&control_x509, &authority(&control)));
    }
}
