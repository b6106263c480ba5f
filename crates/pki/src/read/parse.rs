//! Certificates from DER and PEM.

use super::backend::sha256;
use super::der::{Reader, SEQUENCE, constructed, context};
use super::extensions::Extensions;
use super::{CertificateDetails, DistinguishedName, MAX_FILE_BYTES, ReadError, algorithm, pem};
use crate::Certificate;

/// What Go has against a certificate that can be read nevertheless: the first thing, in its words.
#[derive(Debug, Default)]
pub(crate) struct Objections {
    first: Option<String>,
}

impl Objections {
    pub(crate) fn add(&mut self, go: impl Into<String>) {
        self.first.get_or_insert_with(|| go.into());
    }

    pub(crate) fn into_first(self) -> Option<String> {
        self.first
    }
}

/// The certificates of a file, in order: those of all its `CERTIFICATE` blocks, or the one that
/// it is in DER. Other blocks are passed over.
///
/// # Errors
///
/// [`ReadError::TooBig`], [`ReadError::Nothing`], and [`ReadError::Block`] with
/// [`ReadError::Malformed`] for the first block that is not a certificate.
pub fn certificates(file: &[u8]) -> Result<Vec<CertificateDetails>, ReadError> {
    let blocks = pem::blocks(file)?;
    let mut blocks = blocks.iter().filter(|block| block.is_certificate()).peekable();
    if blocks.peek().is_some() {
        return blocks
            .map(|block| {
                CertificateDetails::parse(&block.contents)
                    .map_err(|error| error.in_line(block.line))
            })
            .collect();
    }
    if Reader::new(file).next_is(SEQUENCE) {
        return Ok(vec![CertificateDetails::parse(file)?]);
    }
    Err(ReadError::Nothing { what: "certificate" })
}

impl CertificateDetails {
    /// Reads one certificate in DER.
    ///
    /// What Go would refuse though it can be understood is read as well; see
    /// [`go_objects`](Self::go_objects).
    ///
    /// # Errors
    ///
    /// [`ReadError::TooBig`] and [`ReadError::Malformed`].
    pub fn parse(der: &[u8]) -> Result<Self, ReadError> {
        if der.len() > MAX_FILE_BYTES {
            return Err(ReadError::TooBig { bytes: der.len() });
        }
        parse(der).map_err(ReadError::certificate)
    }
}

/// The parts of a certificate that its signature is about.
pub(crate) struct Signed<'a> {
    /// What is signed.
    pub(crate) message: &'a [u8],
    /// The signature.
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Of a certificate, a request or a revocation list, which are signed alike.
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der).read(SEQUENCE)?;
        let message = outer.element(SEQUENCE)?.whole;
        outer.read(SEQUENCE)?;
        let (unused, signature) = outer.bits()?;
        (unused == 0).then_some(Self { message, signature })
    }
}

fn parse(der: &[u8]) -> Result<CertificateDetails, &'static str> {
    let mut objections = Objections::default();
    let mut reader = Reader::new(der);
    let whole = reader.element(SEQUENCE).ok_or("x509: malformed certificate")?;
    let trailing = !reader.is_empty();
    let mut outer = Reader::new(whole.contents);
    let mut tbs = outer.read(SEQUENCE).ok_or("x509: malformed tbs certificate")?;

    let version = match tbs.optional(constructed(0)).ok_or("x509: malformed version")? {
        Some(mut version) => version.small().ok_or("x509: malformed version")?,
        None => 0,
    };
    let version = version.saturating_add(1);
    if version > 3 {
        objections.add("x509: invalid version");
    }
    let serial = tbs.integer().ok_or("x509: malformed serial number")?.to_vec();
    let inner = tbs.read(SEQUENCE).ok_or("x509: malformed signature algorithm identifier")?.rest();
    let outside = outer.read(SEQUENCE).ok_or("x509: malformed algorithm identifier")?.rest();
    if inner != outside {
        objections.add("x509: inner and outer signature algorithm identifiers don't match");
    }
    let signature_algorithm = algorithm::signature(inner).ok_or("x509: malformed OID")?;
    let issuer = tbs.element(SEQUENCE).ok_or("x509: malformed issuer")?.whole;
    let issuer = DistinguishedName::parse(issuer, &mut objections);
    let mut validity = tbs.read(SEQUENCE).ok_or("x509: malformed validity")?;
    let mut time = || validity.time().ok_or("x509: unsupported time format");
    let (not_before, not_after) = (time()?, time()?);
    let subject = tbs.element(SEQUENCE).ok_or("x509: malformed issuer")?.whole;
    let subject = DistinguishedName::parse(subject, &mut objections);
    let public_key_der = tbs.element(SEQUENCE).ok_or("x509: malformed spki")?.whole;
    let public_key = algorithm::public_key(public_key_der, &mut objections)?;

    if version > 1 {
        for (number, go) in
            [(1, "x509: malformed issuerUniqueID"), (2, "x509: malformed subjectUniqueID")]
        {
            tbs.optional(context(number)).ok_or(go)?;
        }
    }
    let mut extensions = Extensions::default();
    if version == 3
        && let Some(list) = tbs.optional(constructed(3)).ok_or("x509: malformed extensions")?
    {
        extensions.read(list, &mut objections)?;
    }
    outer.bits().ok_or("x509: malformed signature")?;
    if trailing {
        objections.add("x509: trailing data");
    }
    Ok(CertificateDetails {
        certificate: Certificate::from_der(whole.whole.to_vec()),
        version,
        serial,
        subject,
        issuer,
        not_before,
        not_after,
        public_key,
        public_key_der: public_key_der.to_vec(),
        signature_algorithm,
        names: extensions.names,
        basic_constraints: extensions.basic_constraints,
        key_usages: extensions.key_usages,
        extended_key_usages: extensions.extended_key_usages,
        name_constraints: extensions.name_constraints,
        subject_key_identifier: extensions.subject_key_identifier,
        authority_key_identifier: extensions.authority_key_identifier,
        unhandled_critical: extensions.unhandled_critical,
        fingerprint: sha256(whole.whole),
        go_objects: objections.into_first(),
    })
}
