//! From PEM to what rustls is configured with.

use std::borrow::Cow;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    self, ALL_VERSIONS, ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
};
use zeroize::Zeroize;

use super::unverified::Anybody;
use crate::error::{Error, Result};

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(feature = "ring")]
use rustls::crypto::ring as backend;

/// A text in PEM, and what errors call it.
#[derive(Debug)]
pub(super) struct Pem<'a> {
    pub(super) called: Cow<'a, str>,
    pub(super) text: &'a [u8],
}

impl<'a> Pem<'a> {
    pub(super) fn authority(text: &'a [u8]) -> Self {
        Self { called: "the authority's PEM".into(), text }
    }

    pub(super) fn chain(text: &'a [u8]) -> Self {
        Self { called: "the client's chain PEM".into(), text }
    }

    pub(super) fn key(text: &'a [u8]) -> Self {
        Self { called: "the client's key PEM".into(), text }
    }
}

/// A configuration that shows this identity, or none.
pub(super) fn showing(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<CertifiedKey>,
) -> ClientConfig {
    let mut config = match identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    };
    // gRPC is HTTP/2 only (gRPC over HTTP2, "Security").
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Trusts what these authorities have issued.
pub(super) fn verifying(
    authority: Pem<'_>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&authority)? {
        roots.add(certificate).map_err(|source| {
            let whose = &authority.called;
            Error::config(format!("{whose} has a certificate that cannot be an authority"))
                .caused_by(source)
        })?;
    }
    Ok(builder(provider())?.with_root_certificates(roots))
}

/// Trusts anybody.
pub(super) fn unverified() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = provider();
    let anybody = Anybody::new(&provider);
    Ok(builder(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(anybody)))
}

/// What we show of ourselves, with the key that proves it.
pub(super) fn identity(chain: Pem<'_>, key: Pem<'_>) -> Result<CertifiedKey> {
    let certificates = certificates(&chain)?;
    let mut private_key = PrivateKeyDer::from_pem_slice(key.text).map_err(|source| {
        let whose = &key.called;
        let what = if is_encrypted(key.text) {
            format!(
                "{whose} is encrypted: decrypt it with \
                 `openssl pkey -in KEY.pem -out DECRYPTED.pem`"
            )
        } else {
            format!("{whose} has no private key that can be read")
        };
        Error::config(what).caused_by(source)
    })?;
    let signer = backend::sign::any_supported_type(&private_key);
    private_key.zeroize();
    let signer = signer.map_err(|source| {
        Error::config(format!("{} has a private key of no supported kind", key.called))
            .caused_by(source)
    })?;
    let identity = CertifiedKey::new(certificates, signer);
    match identity.keys_match() {
        // Unknown: the key cannot say, and the server will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(identity)
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(Error::config(format!(
            "{} is not the key of the first certificate in {}",
            key.called, chain.called
        ))),
        Err(source) => {
            let what = format!("{} has a certificate that cannot be read", chain.called);
            Err(Error::config(what).caused_by(source))
        }
    }
}

pub(crate) fn provider() -> CryptoProvider {
    backend::default_provider()
}

fn builder(provider: CryptoProvider) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(|source| Error::config("TLS cannot be set up").caused_by(source))
}

/// Whether a key that cannot be read is encrypted, as PKCS #8 (RFC 7468, 11) or as OpenSSL did it
/// before (RFC 1421, 4.6.1.1).
fn is_encrypted(key_pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(key_pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn certificates(pem: &Pem<'_>) -> Result<Vec<CertificateDer<'static>>> {
    let whose = &pem.called;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.text)
        .collect::<Result<_, _>>()
        .map_err(|source| {
        Error::config(format!("{whose} has a certificate that cannot be read")).caused_by(source)
    })?;
    if certificates.is_empty() {
        return Err(Error::config(format!("{whose} has no certificate")));
    }
    Ok(certificates)
}
