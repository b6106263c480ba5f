//! Whom to trust, and who we are.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ALL_VERSIONS, ClientConfig, RootCertStore};
use zeroize::Zeroize;

use crate::error::{Error, Result};

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(feature = "ring")]
use rustls::crypto::ring as backend;

/// Whom to trust and, with mutual TLS, who we are.
///
/// TLS 1.2 and 1.3 are both spoken: etcd 3.5.0 to 3.5.7 offer clients no more than 1.2
/// (`client/pkg/transport/listener.go`). The server's name is always verified against the host of
/// the endpoint, be it a DNS name or an IP address.
///
/// The cryptography is [ring](https://docs.rs/ring) or, without the feature `ring` and with
/// `aws-lc-rs`, AWS-LC; with both features it is ring. It is never looked up in, nor installed as,
/// rustls' process-wide default, so another crate's choice does not matter here.
///
/// The private key is kept inside that library. What was decoded from its PEM is wiped at once; the
/// PEM itself is yours to wipe, and its base64 passes through a buffer of the parser, which is not.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    mutual: bool,
}

impl Tls {
    /// Trusts the authorities in `ca_pem`, one or more certificates, and shows none itself.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if `ca_pem` has no certificate or one
    /// that cannot be read.
    pub fn from_pem(ca_pem: impl AsRef<[u8]>) -> Result<Self> {
        let verifying =
            verifying(ca_pem.as_ref()).map_err(|error| error.during("Tls::from_pem"))?;
        Ok(Self::new(verifying.with_no_client_auth(), false))
    }

    /// Trusts the authorities in `ca_pem`, and shows `chain_pem`: the certificate of `key_pem`,
    /// first, then those that lead to an authority that the server trusts.
    ///
    /// The key may be in PKCS #8, PKCS #1 (RSA) or SEC 1 (EC) form, and not encrypted.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if one of the three cannot be read, or
    /// if the key is not that of the first certificate.
    pub fn mutual(
        ca_pem: impl AsRef<[u8]>,
        chain_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Result<Self> {
        Self::showing(ca_pem.as_ref(), chain_pem.as_ref(), key_pem.as_ref())
            .map_err(|error| error.during("Tls::mutual"))
    }

    fn showing(ca_pem: &[u8], chain_pem: &[u8], key_pem: &[u8]) -> Result<Self> {
        let identity = identity(chain_pem, key_pem)?;
        let config = verifying(ca_pem)?
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        Ok(Self::new(config, true))
    }

    fn new(mut config: ClientConfig, mutual: bool) -> Self {
        // gRPC is HTTP/2 only (gRPC over HTTP2, "Security").
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self { config: Arc::new(config), mutual }
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Whether there is a certificate to show.
    pub(crate) fn is_mutual(&self) -> bool {
        self.mutual
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("mutual", &self.mutual).finish_non_exhaustive()
    }
}

pub(crate) fn provider() -> CryptoProvider {
    backend::default_provider()
}

fn verifying(
    ca_pem: &[u8],
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the authority's PEM", ca_pem)? {
        roots.add(certificate).map_err(|source| {
            Error::config("the authority's PEM has a certificate that cannot be an authority")
                .caused_by(source)
        })?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(|source| Error::config("TLS cannot be set up").caused_by(source))?;
    Ok(builder.with_root_certificates(roots))
}

fn identity(chain_pem: &[u8], key_pem: &[u8]) -> Result<CertifiedKey> {
    let chain = certificates("the client's chain PEM", chain_pem)?;
    let mut key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|source| {
        let what = if is_encrypted(key_pem) {
            "the client's key PEM is encrypted: decrypt it with \
             `openssl pkey -in KEY.pem -out DECRYPTED.pem`"
        } else {
            "the client's key PEM has no private key that can be read"
        };
        Error::config(what).caused_by(source)
    })?;
    let signer = backend::sign::any_supported_type(&key);
    key.zeroize();
    let signer = signer.map_err(|source| {
        Error::config("the client's private key is of no supported kind").caused_by(source)
    })?;
    let identity = CertifiedKey::new(chain, signer);
    match identity.keys_match() {
        // Unknown: the key cannot say, and the server will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(identity)
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(Error::config(
            "the client's private key is not that of the first certificate of its chain",
        )),
        Err(source) => {
            Err(Error::config("the client's certificate cannot be read").caused_by(source))
        }
    }
}

/// Whether a key that cannot be read is encrypted, as PKCS #8 (RFC 7468, 11) or as OpenSSL did it
/// before (RFC 1421, 4.6.1.1).
fn is_encrypted(key_pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(key_pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn certificates(whose: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|source| {
            Error::config(format!("{whose} has a certificate that cannot be read"))
                .caused_by(source)
        })?;
    if certificates.is_empty() {
        return Err(Error::config(format!("{whose} has no certificate")));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused() {
        let no_certificate = Tls::from_pem("not PEM").unwrap_err();
        insta::assert_snapshot!(no_certificate, @"Tls::from_pem: the authority's PEM has no certificate");
        let broken = "-----BEGIN CERTIFICATE-----\nAA!\n-----END CERTIFICATE-----\n";
        insta::assert_snapshot!(Tls::from_pem(broken).unwrap_err(), @"Tls::from_pem: the authority's PEM has a certificate that cannot be read");
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        insta::assert_snapshot!(Tls::from_pem(nonsense).unwrap_err(), @"Tls::from_pem: the authority's PEM has a certificate that cannot be an authority");
        for encrypted in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
             AAAA\n-----END EC PRIVATE KEY-----\n",
        ] {
            let error = Tls::mutual(nonsense, nonsense, encrypted).unwrap_err().to_string();
            assert!(error.starts_with("Tls::mutual: the client's key PEM is encrypted"), "{error}");
            assert!(error.contains("`openssl pkey -in KEY.pem -out DECRYPTED.pem`"), "{error}");
        }
        insta::assert_snapshot!(Tls::mutual(nonsense, nonsense, "").unwrap_err(), @"Tls::mutual: the client's key PEM has no private key that can be read");
    }
}
