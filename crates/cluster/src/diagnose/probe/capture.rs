//! What a handshake shows, kept and not judged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};
use tercet_pki::read::DistinguishedName;

use super::ProbeIdentity;

/// What is kept of one handshake; and whoever takes every certificate and every signature, which
/// is right for those who only look, and for nobody else. So `tercet-client`'s own is private to it,
/// and this one is to this crate.
#[derive(Debug, Default)]
pub(super) struct Capture {
    kept: Mutex<Kept>,
    identity: Option<ProbeIdentity>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) asks_for: Option<Vec<DistinguishedName>>,
    pub(super) has_presented: bool,
}

impl Capture {
    pub(super) fn new(identity: Option<ProbeIdentity>) -> Arc<Self> {
        Arc::new(Self { identity, kept: Mutex::default() })
    }

    pub(super) fn kept(&self) -> Kept {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.lock().chain = [leaf].into_iter().chain(others).map(|der| der.to_vec()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// All that Go signs with, also where no backend of ours could verify it: the certificates of
    /// etcd's own making are P-521.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
        ]
    }
}

impl ResolvesClientCert for Capture {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let certified = self.identity.as_ref().map(|identity| &identity.certified);
        let certified = certified.filter(|it| it.key.choose_scheme(schemes).is_some()).cloned();
        let mut kept = self.lock();
        let names = authorities.iter().map(|der| DistinguishedName::from_der(der));
        kept.asks_for = Some(names.collect());
        kept.has_presented = certified.is_some();
        certified
    }

    /// Also without any, so as to hear what is asked for.
    fn has_certs(&self) -> bool {
        true
    }
}
