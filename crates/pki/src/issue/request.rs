//! Requests: whoever has the key asks, and whoever has the authority answers.

use rcgen::{CertificateParams, DistinguishedName, SanType};

use super::der::{DerError, Element, tag};
use super::error::IssueError;
use super::{policy, signing};
use crate::read::{ReadError, RequestDetails, SignatureCheck};
use crate::{Key, Leaf, read};

/// A request for a certificate (PKCS #10, "CSR"): a key, what its owner would like to be called,
/// and a signature which shows that they have the key.
///
/// ```
/// use tercet_pki::{Authority, Leaf, Policy, Request};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // On the member: the key never leaves it.
/// let (request, key) = Request::new(&Leaf::peer("infra1").host("infra1.example.com"))?;
/// let pem = request.pem();
///
/// // Where the authority is.
/// let authority = Authority::generate("example")?;
/// let request = Request::read(pem.as_bytes())?;
/// let policy = Policy::peer().allow_common_name("infra1").allow_suffix("example.com");
/// let chain = authority.sign(&request, &policy)?;
/// assert!(chain.pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    details: RequestDetails,
    organizations: Vec<String>,
}

impl Request {
    /// Makes a key for `leaf` and asks for its certificate.
    ///
    /// A request says neither for how long nor what for: that is for the authority to say.
    ///
    /// # Errors
    ///
    /// [`IssueError`] as [`Authority::issue`](crate::Authority::issue) for the same leaf.
    pub fn new(leaf: &Leaf) -> Result<(Self, Key), IssueError> {
        let key = Key::generate(leaf.key_kind())?;
        Ok((Self::for_key(leaf, &key)?, key))
    }

    /// Asks for a certificate for a key that is there.
    ///
    /// # Errors
    ///
    /// [`IssueError`] as [`Authority::issue`](crate::Authority::issue) for the same leaf.
    pub fn for_key(leaf: &Leaf, key: &Key) -> Result<Self, IssueError> {
        let hosts = leaf.parsed_hosts()?;
        if hosts.is_empty() && leaf.profile().is_dialled() {
            return Err(IssueError::NoHosts { common_name: leaf.common_name().to_owned() });
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        leaf.write_subject(&mut params)?;
        for host in hosts {
            params.subject_alt_names.push(host.san()?);
        }
        for uri in leaf.checked_uris()? {
            let uri = uri.try_into().map_err(IssueError::signing)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let request = params.serialize_request(key.pair()).map_err(IssueError::signing)?;
        let der = match leaf.repetitive_name() {
            // After the version.
            Some(name) => signing::replace(request.der(), 1, &name, key)?,
            None => request.der().to_vec(),
        };
        Self::checked(RequestDetails::parse(&der).map_err(IssueError::signing)?)
            .map_err(IssueError::signing)
    }

    /// Reads a request, from PEM or DER, and checks that its own key signed it.
    ///
    /// What it asks for is not judged here: [`Authority::sign`](crate::Authority::sign) does.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if it is none, or its signature is wrong.
    pub fn read(file: &[u8]) -> Result<Self, RequestError> {
        Self::checked(read::request(file)?)
    }

    /// The request as one PEM block.
    pub fn pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("CERTIFICATE REQUEST", self.der()),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    }

    /// The request in DER.
    pub fn der(&self) -> &[u8] {
        &self.details.der
    }

    /// All that it asks for.
    pub fn details(&self) -> &RequestDetails {
        &self.details
    }

    /// The organizations of its subject.
    pub fn organizations(&self) -> &[String] {
        &self.organizations
    }

    fn checked(details: RequestDetails) -> Result<Self, RequestError> {
        match details.signed_by_itself() {
            SignatureCheck::Valid => {}
            SignatureCheck::Invalid => return Err(RequestError::Signature),
            SignatureCheck::Unknown => {
                return Err(RequestError::Algorithm {
                    key: policy::key_text(&details.public_key),
                    algorithm: format!("{:?}", details.signature_algorithm),
                });
            }
        }
        let organizations = organizations(&details.subject.der).unwrap_or_default();
        Ok(Self { details, organizations })
    }
}

/// Why a request cannot be used, whatever it asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is no request.
    #[error("the request cannot be read")]
    Read(#[from] ReadError),
    /// Another key signed it, or it was changed since.
    #[error(
        "the request is not signed by the key that it asks for: whoever sent it may not have the \
         key, or it was changed on its way; make it again"
    )]
    Signature,
    /// Its signature cannot be checked.
    #[error(
        "the signature of the request ({algorithm} with a key that is {key}) cannot be checked \
         here: use a P-256 key, or RSA from 2048 bits on with SHA-256"
    )]
    Algorithm {
        /// What the key is.
        key: String,
        /// How it was signed.
        algorithm: String,
    },
}

/// The organizations (2.5.4.10) of a name in DER.
fn organizations(name: &[u8]) -> Result<Vec<String>, DerError> {
    const SET: u8 = 0x31;
    const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
    let mut found = Vec::new();
    let mut sets = Element::only(name, tag::SEQUENCE)?.elements();
    while let Some(set) = sets.next()? {
        let mut attributes = Element::only(set.whole, SET)?.elements();
        while let Some(attribute) = attributes.next()? {
            let mut fields = attribute.elements();
            if fields.expect(tag::OBJECT_IDENTIFIER)?.content != ORGANIZATION {
                continue;
            }
            // UTF8String and PrintableString are UTF-8; of others, what is ASCII is.
            if let Some(value) = fields.next()? {
                found.push(String::from_utf8_lossy(value.content).into_owned());
            }
        }
    }
    Ok(found)
}
