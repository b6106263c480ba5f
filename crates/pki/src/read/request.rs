//! Requests for certificates.

use super::der::{OBJECT_IDENTIFIER, Reader, SEQUENCE, SET, constructed};
use super::extensions::Extensions;
use super::parse::Objections;
use super::{
    BasicConstraints, DistinguishedName, ExtendedKeyUsage, KeyUsages, Names, PublicKey, ReadError,
    SignatureAlgorithm, SignatureCheck, algorithm, pem, signature,
};

/// What a request for a certificate (PKCS #10, "CSR") asks for.
///
/// Nothing here is judged, and nothing is granted: what a requester may have is for a policy to
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestDetails {
    /// The request in DER.
    pub der: Vec<u8>,
    /// Who asks.
    pub subject: DistinguishedName,
    /// The kind of the key.
    pub public_key: PublicKey,
    /// The SubjectPublicKeyInfo in DER.
    pub public_key_der: Vec<u8>,
    /// How it was signed, with the key itself.
    pub signature_algorithm: SignatureAlgorithm,
    /// The names that are asked for.
    pub names: Option<Names>,
    /// Whether to be an authority is asked for.
    pub basic_constraints: Option<BasicConstraints>,
    /// What the key shall do.
    pub key_usages: Option<KeyUsages>,
    /// What the certificate shall be for.
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// The first thing that is not as it should be, though the rest can be understood, in the words
    /// of Go's parser.
    pub go_objects: Option<String>,
}

/// The request of a file, from PEM or DER. Of several, it is the first.
///
/// # Errors
///
/// [`ReadError::TooBig`], [`ReadError::Nothing`] and [`ReadError::Malformed`].
pub fn request(file: &[u8]) -> Result<RequestDetails, ReadError> {
    let blocks = pem::blocks(file)?;
    if let Some(block) = blocks.iter().find(|block| block.is_request()) {
        return RequestDetails::parse(&block.contents).map_err(|error| error.in_line(block.line));
    }
    if !Reader::new(file).next_is(SEQUENCE) {
        return Err(ReadError::Nothing { what: "request" });
    }
    RequestDetails::parse(file)
}

impl RequestDetails {
    /// Reads a request in DER. Its signature is not checked; see
    /// [`signed_by_itself`](Self::signed_by_itself).
    ///
    /// # Errors
    ///
    /// [`ReadError::Malformed`].
    pub fn parse(der: &[u8]) -> Result<Self, ReadError> {
        parse(der).map_err(|go| ReadError::Malformed { what: "request", go: go.to_owned() })
    }

    /// Whether whoever asks has the key that they ask for.
    #[must_use]
    pub fn signed_by_itself(&self) -> SignatureCheck {
        signature::check(&self.der, &self.signature_algorithm, &self.public_key_der)
    }
}

const MALFORMED: &str = "x509: malformed certificate request";

fn parse(der: &[u8]) -> Result<RequestDetails, &'static str> {
    let mut objections = Objections::default();
    let mut reader = Reader::new(der);
    let whole = reader.element(SEQUENCE).ok_or(MALFORMED)?;
    if !reader.is_empty() {
        objections.add("asn1: syntax error: trailing data");
    }
    let mut outer = Reader::new(whole.contents);
    let mut asked = outer.read(SEQUENCE).ok_or(MALFORMED)?;
    asked.integer().ok_or(MALFORMED)?;
    let subject = asked.element(SEQUENCE).ok_or(MALFORMED)?.whole;
    let subject = DistinguishedName::parse(subject, &mut objections);
    let public_key_der = asked.element(SEQUENCE).ok_or(MALFORMED)?.whole;
    let public_key = algorithm::public_key(public_key_der, &mut objections)?;
    let mut extensions = Extensions::default();
    if let Some(mut attributes) = asked.optional(constructed(0)).ok_or(MALFORMED)? {
        while !attributes.is_empty() {
            let mut attribute = attributes.read(SEQUENCE).ok_or(MALFORMED)?;
            // extensionRequest of PKCS #9; what else a request may say is of no use to anyone.
            if attribute.element(OBJECT_IDENTIFIER).ok_or(MALFORMED)?.contents != EXTENSIONS {
                continue;
            }
            let values = attribute.read(SET).ok_or(MALFORMED)?;
            extensions.read(values, &mut objections)?;
        }
    }
    let signed = outer.read(SEQUENCE).ok_or(MALFORMED)?.rest();
    let signature_algorithm = algorithm::signature(signed).ok_or("x509: malformed OID")?;
    outer.bits().ok_or(MALFORMED)?;
    Ok(RequestDetails {
        der: whole.whole.to_vec(),
        subject,
        public_key,
        public_key_der: public_key_der.to_vec(),
        signature_algorithm,
        names: extensions.names,
        basic_constraints: extensions.basic_constraints,
        key_usages: extensions.key_usages,
        extended_key_usages: extensions.extended_key_usages,
        go_objects: objections.into_first(),
    })
}

/// 1.2.840.113549.1.9.14.
const EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
