//! From the parameters of a certificate to the certificate.

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, Issuer, KeyPair, PublicKeyData,
    SignatureAlgorithm, SigningKey,
};

use super::der::{DerError, Element, ToBeSigned, sequence, tag};
use super::error::IssueError;
use super::random;
use super::validity::Window;
use crate::{Certificate, Key};

/// 2.5.29.35
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

/// 2.5.29.30
pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

/// Name constraints as they are in another certificate; critical, as RFC 5280 section 4.2.1.10 has
/// them.
pub(super) fn critical_name_constraints(extension: &[u8]) -> Result<CustomExtension, IssueError> {
    let value = value(extension).map_err(IssueError::surgery)?;
    let mut copy = CustomExtension::from_oid_content(&[2, 5, 29, 30], value.to_vec());
    copy.set_criticality(true);
    Ok(copy)
}

/// What every certificate has, with rcgen's defaults replaced: a common name of "rcgen self signed
/// cert" (which etcd would take for a user's name), a serial number that is the hash of the key
/// (so that the second certificate of a key is revoked with the first), and 1975 to 4096.
pub(crate) fn params(window: Window) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(random::serial()?);
    params.not_before = window.not_before;
    params.not_after = window.not_after;
    Ok(params)
}

/// Whose certificate it is.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// One whose name rcgen writes and whose key is here.
    Ours(&'a Key),
    /// One of whom a part is put in as it is in DER.
    Theirs {
        /// The whole SubjectPublicKeyInfo.
        public_key: &'a [u8],
        /// The whole name; where there is none, what rcgen writes is good.
        name: Option<&'a [u8]>,
    },
}

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    /// Its name and key identifier.
    pub(crate) params: &'a CertificateParams,
    pub(crate) key: &'a Key,
    /// Its name in DER, where rcgen writes it in another way.
    pub(crate) name: Option<&'a [u8]>,
}

impl Signer<'_> {
    /// Signs a certificate.
    pub(crate) fn certify(
        &self,
        params: &CertificateParams,
        subject: Subject<'_>,
    ) -> Result<Certificate, IssueError> {
        let pair = self.key.pair();
        let (public_key, name) = match (subject, self.name) {
            (Subject::Ours(key), None) => {
                let issuer = Issuer::from_params(self.params, pair);
                let certificate =
                    params.signed_by(key.pair(), &issuer).map_err(IssueError::signing)?;
                return Ok(Certificate::from_der(certificate.der().to_vec()));
            }
            (Subject::Ours(key), Some(_)) => (&*key.public_key_der(), None),
            (Subject::Theirs { public_key, name }, _) => (public_key, name),
        };

        let issuer = Issuer::from_params(self.params, Unsigned(pair));
        let stand_in = PublicKey { info: public_key, stand_in: pair };
        let draft = params.signed_by(&stand_in, &issuer).map_err(IssueError::signing)?;
        let mut fields = ToBeSigned::read(draft.der()).map_err(IssueError::surgery)?;
        fields.public_key = public_key.to_vec();
        if let Some(name) = self.name {
            fields.issuer = name.to_vec();
        }
        if let Some(name) = name {
            fields.subject = name.to_vec();
        }
        let der = fields.sign(pair).map_err(IssueError::signing)?;
        self.check(&der).map_err(IssueError::signing)?;
        Ok(Certificate::from_der(der))
    }

    /// Reads what was signed, as its verifier will: Go finds the issuer by the bytes of its name,
    /// and openssl compares the key identifiers as well.
    fn check(&self, der: &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let signed = ToBeSigned::read(der)?;
        if self.name.is_some_and(|name| name != signed.issuer) {
            return Err("the issuer of the certificate is not the authority's name".into());
        }
        let expected = self.params.key_identifier(self.key.pair());
        let found = signed.extension(AUTHORITY_KEY_IDENTIFIER).map(key_identifier).transpose()?;
        if found != Some(&*expected) {
            return Err("the certificate names another key than the authority's".into());
        }
        Ok(())
    }
}

/// Puts a field in the place of another, counted from 0, and signs again: of what is no
/// certificate, and is signed like one.
pub(crate) fn replace(
    der: &[u8],
    index: usize,
    field: &[u8],
    key: &Key,
) -> Result<Vec<u8>, IssueError> {
    let (to_be_signed, algorithm) = with_field(der, index, field).map_err(IssueError::surgery)?;
    let signature = key.pair().sign(&to_be_signed).map_err(IssueError::signing)?;
    // No unused bits.
    let signature = sequence(tag::BIT_STRING, [&[0][..], &signature]);
    Ok(sequence(tag::SEQUENCE, [&*to_be_signed, &algorithm, &signature]))
}

/// What is to be signed, and the algorithm by which it was.
fn with_field(der: &[u8], index: usize, field: &[u8]) -> Result<(Vec<u8>, Vec<u8>), DerError> {
    let mut outer = Element::only(der, tag::SEQUENCE)?.elements();
    let mut fields = outer.expect(tag::SEQUENCE)?.elements();
    let algorithm = outer.expect(tag::SEQUENCE)?.whole;
    let mut parts = Vec::new();
    while let Some(old) = fields.next()? {
        parts.push(if parts.len() == index { field } else { old.whole });
    }
    Ok((sequence(tag::SEQUENCE, parts), algorithm.to_vec()))
}

/// The key identifier in an `Extension` that is an authority key identifier. rcgen writes nothing
/// else into it.
fn key_identifier(extension: &[u8]) -> Result<&[u8], DerError> {
    const KEY_IDENTIFIER: u8 = 0x80;
    let mut value = Element::only(value(extension)?, tag::SEQUENCE)?.elements();
    Ok(value.expect(KEY_IDENTIFIER)?.content)
}

/// What an `Extension` says.
fn value(extension: &[u8]) -> Result<&[u8], DerError> {
    let mut fields = Element::only(extension, tag::SEQUENCE)?.elements();
    fields.expect(tag::OBJECT_IDENTIFIER)?;
    fields.optional(tag::BOOLEAN)?;
    Ok(fields.expect(tag::OCTET_STRING)?.content)
}

/// Signs nothing: what rcgen writes is signed after it was changed. RSA signatures take a
/// millisecond.
pub(crate) struct Unsigned<'a>(pub(crate) &'a KeyPair);

impl PublicKeyData for Unsigned<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Unsigned<'_> {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}

/// A public key of which rcgen knows only the identifier: the key itself is put in later.
struct PublicKey<'a> {
    info: &'a [u8],
    stand_in: &'a KeyPair,
}

impl PublicKeyData for PublicKey<'_> {
    /// What the subject key identifier is the hash of.
    fn subject_public_key_info(&self) -> Vec<u8> {
        self.info.to_vec()
    }

    fn der_bytes(&self) -> &[u8] {
        self.stand_in.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.stand_in.algorithm()
    }
}
