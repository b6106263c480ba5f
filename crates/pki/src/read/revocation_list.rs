//! Revocation lists.

use time::OffsetDateTime;

use super::der::{ENUMERATED, GENERALIZED_TIME, INTEGER, Reader, SEQUENCE, UTC_TIME, constructed};
use super::extensions::{Extension, authority_key_identifier};
use super::parse::Objections;
use super::{
    Block, CertificateDetails, DistinguishedName, ReadError, SignatureAlgorithm, SignatureCheck,
    algorithm, pem, signature,
};

/// What a revocation list says.
///
/// Nothing here is judged. etcd itself looks at the serial numbers and at nothing else
/// (client/pkg/transport/listener_tls.go).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationListDetails {
    /// The list in DER.
    pub der: Vec<u8>,
    /// How the file was written.
    pub encoding: Encoding,
    /// 1 or 2. Go's newer parser, and with it etcd from 3.6 on, reads 2 alone.
    pub version: u32,
    /// Whose certificates it is about.
    pub issuer: DistinguishedName,
    /// How it was signed.
    pub signature_algorithm: SignatureAlgorithm,
    /// Its number, as it is in DER: big-endian, two's complement. Each list of an authority has a
    /// higher one.
    pub number: Option<Vec<u8>>,
    /// When it was made.
    pub this_update: OffsetDateTime,
    /// When the next one should be there; `None` if it does not say.
    pub next_update: Option<OffsetDateTime>,
    /// The revoked certificates, in order.
    pub entries: Vec<RevokedCertificate>,
    /// The key identifier of its authority key identifier.
    pub authority_key_identifier: Option<Vec<u8>>,
    /// Whether something follows the list in DER: etcd until 3.5 then refuses it, etcd from 3.6 on
    /// does not look (`ParseDERCRL` and `ParseRevocationList` of Go).
    pub has_trailing_data: bool,
    /// The first thing that Go's newer parser refuses in it, in its words, though it can be
    /// understood.
    pub go_objects: Option<String>,
}

/// How the file of a revocation list is written.
///
/// etcd 3.4 and 3.5 read either; etcd from 3.6 on reads DER alone, since `ParseRevocationList` of
/// Go does (server/embed, client/pkg/transport/listener_tls.go).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// DER.
    Der,
    /// One PEM block, `X509 CRL`, at the very beginning of the file.
    Pem,
    /// A PEM block that something stands before. Go's older parser looks for PEM only where a
    /// file begins with it, so that no etcd reads such a file.
    PemAfterText,
}

/// One entry of a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevokedCertificate {
    /// The serial number as it is in DER.
    pub serial: Vec<u8>,
    /// From when on.
    pub revoked_at: OffsetDateTime,
    /// Why, as a number of RFC 5280, section 5.3.1 (1 is a stolen key, 4 a newer certificate, 5 a
    /// machine that is no more); `None` if it does not say.
    pub reason: Option<u32>,
}

/// The revocation list of a file, from PEM or DER. Of several, it is the first, as for Go.
///
/// # Errors
///
/// [`ReadError::TooBig`], [`ReadError::Nothing`] and [`ReadError::Malformed`].
pub fn revocation_list(file: &[u8]) -> Result<RevocationListDetails, ReadError> {
    let blocks = pem::blocks(file)?;
    if let Some(block) = blocks.iter().find(|block| block.is_revocation_list()) {
        return RevocationListDetails::from_block(block).map_err(|error| error.in_line(block.line));
    }
    if !Reader::new(file).next_is(SEQUENCE) {
        return Err(ReadError::Nothing { what: "revocation list" });
    }
    RevocationListDetails::parse(file)
}

impl RevocationListDetails {
    /// Reads a list in DER.
    ///
    /// # Errors
    ///
    /// [`ReadError::Malformed`].
    pub fn parse(der: &[u8]) -> Result<Self, ReadError> {
        Self::parse_as(der, Encoding::Der)
    }

    /// Reads a list from its PEM block.
    ///
    /// # Errors
    ///
    /// [`ReadError::Malformed`].
    pub fn from_block(block: &Block) -> Result<Self, ReadError> {
        let encoding = if block.is_first { Encoding::Pem } else { Encoding::PemAfterText };
        Self::parse_as(&block.contents, encoding)
    }

    /// Whether the key of `authority` signed this list; nothing but the signature is looked at.
    #[must_use]
    pub fn signed_by(&self, authority: &CertificateDetails) -> SignatureCheck {
        signature::check(&self.der, &self.signature_algorithm, &authority.public_key_der)
    }

    /// The entry of that certificate, by its serial number, as etcd looks for it: whoever issued
    /// it.
    #[must_use]
    pub fn entry(&self, certificate: &CertificateDetails) -> Option<&RevokedCertificate> {
        self.entries.iter().find(|entry| entry.serial == certificate.serial)
    }

    fn parse_as(der: &[u8], encoding: Encoding) -> Result<Self, ReadError> {
        parse(der, encoding)
            .map_err(|go| ReadError::Malformed { what: "revocation list", go: go.to_owned() })
    }
}

const MALFORMED: &str = "x509: malformed crl";

fn parse(der: &[u8], encoding: Encoding) -> Result<RevocationListDetails, &'static str> {
    let mut objections = Objections::default();
    let mut reader = Reader::new(der);
    let whole = reader.element(SEQUENCE).ok_or(MALFORMED)?;
    let mut outer = Reader::new(whole.contents);
    let mut tbs = outer.read(SEQUENCE).ok_or("x509: malformed tbs crl")?;
    let version =
        if tbs.next_is(INTEGER) { tbs.small().ok_or(MALFORMED)?.saturating_add(1) } else { 1 };
    match version {
        1 => objections.add("x509: unsupported crl version"),
        2 => {}
        other => objections.add(format!("x509: unsupported crl version: {}", other - 1)),
    }
    let inner = tbs.read(SEQUENCE).ok_or("x509: malformed signature algorithm identifier")?.rest();
    let outside = outer.read(SEQUENCE).ok_or("x509: malformed algorithm identifier")?.rest();
    if inner != outside {
        objections.add("x509: inner and outer signature algorithm identifiers don't match");
    }
    let signature_algorithm = algorithm::signature(inner).ok_or("x509: malformed OID")?;
    outer.bits().ok_or("x509: malformed signature")?;
    let issuer = tbs.element(SEQUENCE).ok_or("x509: malformed issuer")?.whole;
    let issuer = DistinguishedName::parse(issuer, &mut objections);
    let this_update = tbs.time().ok_or("x509: unsupported time format")?;
    let next_update = if tbs.next_is(UTC_TIME) || tbs.next_is(GENERALIZED_TIME) {
        Some(tbs.time().ok_or("x509: unsupported time format")?)
    } else {
        None
    };
    let mut entries = Vec::new();
    if let Some(mut list) = tbs.optional(SEQUENCE).ok_or(MALFORMED)? {
        while !list.is_empty() {
            entries.push(entry(list.read(SEQUENCE).ok_or(MALFORMED)?)?);
        }
    }
    let mut details = RevocationListDetails {
        der: whole.whole.to_vec(),
        encoding,
        version,
        issuer,
        signature_algorithm,
        number: None,
        this_update,
        next_update,
        entries,
        authority_key_identifier: None,
        has_trailing_data: !reader.is_empty(),
        go_objects: None,
    };
    if let Some(mut explicit) = tbs.optional(constructed(0)).ok_or("x509: malformed extensions")? {
        let mut extensions = explicit.read(SEQUENCE).ok_or("x509: malformed extensions")?;
        while !extensions.is_empty() {
            let extension = extensions.read(SEQUENCE).ok_or("x509: malformed extension")?;
            let Extension { oid, critical, mut value } = Extension::parse(extension)?;
            match oid.as_str() {
                "2.5.29.35" => {
                    details.authority_key_identifier = authority_key_identifier(value)?;
                    if critical {
                        objections
                            .add("x509: authority key identifier incorrectly marked critical");
                    }
                }
                "2.5.29.20" => {
                    let number = value.integer().ok_or("x509: malformed crl number")?;
                    details.number = Some(number.to_vec());
                }
                _ => {}
            }
        }
    }
    details.go_objects = objections.into_first();
    Ok(details)
}

fn entry(mut fields: Reader<'_>) -> Result<RevokedCertificate, &'static str> {
    let serial = fields.integer().ok_or("x509: malformed serial number")?.to_vec();
    let revoked_at = fields.time().ok_or("x509: unsupported time format")?;
    let mut reason = None;
    if let Some(mut extensions) = fields.optional(SEQUENCE).ok_or("x509: malformed extensions")? {
        while !extensions.is_empty() {
            let extension = extensions.read(SEQUENCE).ok_or("x509: malformed extension")?;
            let Extension { oid, mut value, .. } = Extension::parse(extension)?;
            if oid == "2.5.29.21" {
                let code =
                    value.element(ENUMERATED).and_then(|code| super::der::small(code.contents));
                reason = Some(code.ok_or("x509: malformed reasonCode extension")?);
            }
        }
    }
    Ok(RevokedCertificate { serial, revoked_at, reason })
}
