//! Deliberately wrong certificates: each wrong in one way, and signed by an authority that is
//! trusted, so that nothing else can be why one is refused.
//!
//! Expired and not yet valid ones are made with [`Leaf`]'s validity.

use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, KeyIdMethod, PublicKeyData, SanType,
    SignatureAlgorithm, SigningKey,
};
use zeroize::Zeroizing;

use super::der::{self, DerError, Element, ToBeSigned, tag};
use super::leaf::Profile;
use super::random;
use crate::{
    Authority, Certificate, Identity, IssueError, Key, KeyKind, Leaf, RevocationList,
    RevocationReason, Revocations,
};

/// What the certificates of [`Leaf::wrong_host`] name: a domain and an address that nobody has
/// (RFC 2606 section 2, RFC 5737 section 3).
pub const WRONG_HOSTS: [&str; 2] = ["elsewhere.invalid", "192.0.2.1"];

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    WrongHost,
    AddressAsName,
    CommonNameOnly,
    ServerOnly,
    ClientOnly,
    WeakRsa,
    Version1,
    NegativeSerial,
}

/// Deliberately wrong certificates. What accepts and what refuses them, by version, is in
/// `docs/certificates.md` of the repository, measured.
///
/// Each is wrong in the one way that its name says; [`Leaf::expired`] and
/// [`Leaf::not_yet_valid`] are two more, and they can be combined. Who signs wrongly is
/// [`Authority::stranger`](crate::Authority::stranger) and
/// [`Authority::impostor`](crate::Authority::impostor).
impl Leaf {
    /// Deliberately wrong: names [`WRONG_HOSTS`] instead of its hosts.
    ///
    /// Who dials it with Go's rules says "certificate is valid for 192.0.2.1, not 127.0.0.1".
    /// A peer's names the address alone: before etcd refuses one that dials it, it asks DNS where
    /// each of its names is (`checkCertSAN` in client/pkg/transport/listener_tls.go), and that can
    /// take as long as DNS likes.
    pub fn wrong_host(self) -> Self {
        self.flawed(Flaw::WrongHost)
    }

    /// Deliberately wrong: every address among its hosts is written as a DNS name, as
    /// `subjectAltName = DNS:127.0.0.1` does.
    ///
    /// Go looks for an address among the addresses only, and says "cannot validate certificate for
    /// 127.0.0.1 because it doesn't contain any IP SANs".
    ///
    /// With no address among its hosts there would be nothing wrong with it, and
    /// [`IssueError::NoAddress`] says so.
    pub fn address_as_name(self) -> Self {
        self.flawed(Flaw::AddressAsName)
    }

    /// Deliberately wrong: no subject alternative name, so that the common name has to do, which
    /// no Go has looked at since 1.15. It needs no hosts.
    ///
    /// Give it the host as the common name, `Leaf::server("localhost")`, for Go's best-known words
    /// on certificates: "certificate relies on legacy Common Name field, use SANs instead".
    pub fn common_name_only(self) -> Self {
        self.flawed(Flaw::CommonNameOnly)
    }

    /// Deliberately wrong: for serverAuth alone.
    ///
    /// A client with it is refused. A server with it works, but its HTTP gateway does not. A peer
    /// with it can be dialled and dial nobody.
    pub fn server_only(self) -> Self {
        self.flawed(Flaw::ServerOnly)
    }

    /// Deliberately wrong for all but clients, who have no other: for clientAuth alone.
    ///
    /// A server with it is refused by all who dial it. A peer with it can dial, and be dialled by
    /// nobody.
    pub fn client_only(self) -> Self {
        self.flawed(Flaw::ClientOnly)
    }

    /// Deliberately wrong: an RSA key of 1024 bits, which is the same for all such certificates,
    /// since neither ring nor aws-lc makes one so short.
    ///
    /// Go, and so etcd, takes it without a word. OpenSSL refuses it from security level 2 on, which
    /// is what Debian's is, and rustls always.
    pub fn weak_rsa(self) -> Self {
        self.flawed(Flaw::WeakRsa)
    }

    /// Deliberately wrong: X.509 version 1, which has no extensions, and so neither names nor
    /// usages: what `openssl x509 -req` makes of a request when it is given no extensions. It needs
    /// no hosts.
    ///
    /// To Go it is a certificate without names, good for every usage. rustls refuses it as
    /// "UnsupportedCertVersion".
    pub fn version_1(self) -> Self {
        self.flawed(Flaw::Version1)
    }

    /// Deliberately wrong: a negative serial number.
    ///
    /// Go reads none since 1.23 ("x509: negative serial number"), but for programs that were built
    /// with the setting `x509negativeserial=1`, as some builds of etcd are.
    pub fn negative_serial(self) -> Self {
        self.flawed(Flaw::NegativeSerial)
    }

    /// Whether it may be without hosts.
    pub(crate) fn is_nameless(&self) -> bool {
        [Flaw::WrongHost, Flaw::CommonNameOnly, Flaw::Version1]
            .iter()
            .any(|flaw| self.flaws().contains(flaw))
    }

    /// The key that it has to have, if it must be a certain one.
    pub(crate) fn fixed_key(&self) -> Option<FixedKey> {
        self.flaws().contains(&Flaw::WeakRsa).then_some(FixedKey)
    }

    /// Makes wrong what can be wrong before it is signed.
    pub(crate) fn spoil(&self, params: &mut CertificateParams) -> Result<(), IssueError> {
        for flaw in self.flaws() {
            match flaw {
                Flaw::WrongHost => params.subject_alt_names = wrong_hosts(self.profile())?,
                Flaw::AddressAsName => self.write_addresses_as_names(params)?,
                Flaw::CommonNameOnly => params.subject_alt_names.clear(),
                Flaw::ServerOnly => {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                }
                Flaw::ClientOnly => {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                }
                Flaw::WeakRsa | Flaw::Version1 | Flaw::NegativeSerial => {}
            }
        }
        Ok(())
    }

    /// Makes wrong what rcgen would not write, and signs again with the authority's key.
    pub(crate) fn spoil_signed(
        &self,
        certificate: Vec<u8>,
        authority: &impl SigningKey,
    ) -> Result<Vec<u8>, IssueError> {
        let mut certificate = certificate;
        for flaw in self.flaws() {
            let change: fn(&mut ToBeSigned) -> Result<(), DerError> = match flaw {
                Flaw::Version1 => |certificate| {
                    certificate.version = None;
                    certificate.extensions.clear();
                    Ok(())
                },
                Flaw::NegativeSerial => |certificate| {
                    let serial = Element::only(&certificate.serial, tag::INTEGER)?;
                    let mut bytes = serial.content.to_vec();
                    // The top bit is the sign. The second is set in all our serial numbers, but a
                    // row of nine equal bits at the start would not be DER.
                    if let Some(first) = bytes.first_mut() {
                        *first = (*first | 0x80) & 0xbf;
                    }
                    certificate.serial = der::element(tag::INTEGER, &bytes);
                    Ok(())
                },
                _ => continue,
            };
            let mut parts = ToBeSigned::read(&certificate).map_err(IssueError::surgery)?;
            change(&mut parts).map_err(IssueError::surgery)?;
            certificate = parts.sign(authority).map_err(IssueError::signing)?;
        }
        Ok(certificate)
    }

    fn write_addresses_as_names(&self, params: &mut CertificateParams) -> Result<(), IssueError> {
        let mut any = false;
        for name in &mut params.subject_alt_names {
            if let SanType::IpAddress(address) = name {
                any = true;
                *name = dns_name(&address.to_string())?;
            }
        }
        if any {
            return Ok(());
        }
        Err(IssueError::NoAddress { common_name: self.common_name().to_owned() })
    }
}

/// Deliberately the wrong one to sign.
impl Authority {
    /// An authority that has nothing to do with this one: another key and another name.
    ///
    /// What it issues is refused by all who trust this one. Go says "certificate signed by unknown
    /// authority", and as a server "unknown certificate authority" from 1.21 on, before that "bad
    /// certificate".
    ///
    /// # Errors
    ///
    /// [`IssueError::Random`] and [`IssueError::Signing`], if the machine cannot make a key.
    pub fn stranger(&self) -> Result<Self, IssueError> {
        Self::generate("stranger")
    }

    /// An authority of the very same name, byte for byte, with another key (on P-256): what is left
    /// when someone makes an authority again and forgets half of the files.
    ///
    /// What it issues is refused, and the refusal misleads. Go finds the trusted authority by the
    /// name, tries its key, and says "certificate signed by unknown authority (possibly because of
    /// "x509: ECDSA verification failure" while trying to verify candidate authority certificate
    /// …)". rustls says "BadSignature", and OpenSSL that it has no such issuer: it compares the key
    /// identifiers first.
    ///
    /// Of an intermediate too it is a root.
    ///
    /// # Errors
    ///
    /// As [`Authority::stranger`].
    pub fn impostor(&self) -> Result<Self, IssueError> {
        let key = Key::generate(KeyKind::P256)?;
        let mut params = self.params.clone();
        params.serial_number = Some(random::serial()?);
        // A loaded authority's is that of its key.
        params.key_identifier_method = KeyIdMethod::Sha256;
        let certificate = params.self_signed(key.pair()).map_err(IssueError::signing)?;
        let mut parts = ToBeSigned::read(certificate.der()).map_err(IssueError::surgery)?;
        let name = self.certificate().fields()?.subject;
        parts.subject = name.clone();
        parts.issuer = name.clone();
        let certificate = parts.sign(key.pair()).map_err(IssueError::signing)?;
        let certificate = Certificate::from_der(certificate);
        Ok(Self {
            common_name: self.common_name.clone(),
            name: Some(name),
            params,
            key,
            pem: certificate.pem(),
            certificate,
            intermediates: Vec::new(),
            path_length: self.path_length,
            constraints: self.constraints.clone(),
            window: self.window,
        })
    }

    /// Deliberately wrong: a certificate that is revoked, and the list that says so, with the
    /// reason "key compromise".
    ///
    /// Nobody looks at lists that are not told to: etcd has `--client-crl-file` and
    /// `--peer-crl-file` ([`RevocationList::der`] is what all versions read). Who is on the list
    /// finishes the handshake and is hung up on without a word.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`] and [`Authority::revoke`]. [`IssueError::Serial`] with
    /// [`Leaf::negative_serial`]: no list can name it.
    pub fn issue_revoked(&self, leaf: &Leaf) -> Result<(Identity, RevocationList), IssueError> {
        let identity = self.issue(leaf)?;
        let reason = RevocationReason::KeyCompromise;
        let revoked = Revocations::new().certificate(identity.certificate(), reason)?;
        Ok((identity, self.revoke(&revoked)?))
    }
}

fn wrong_hosts(profile: Profile) -> Result<Vec<SanType>, IssueError> {
    let [name, address] = WRONG_HOSTS.map(|host| host.parse::<crate::Host>());
    let (name, address) = (name?.san()?, address?.san()?);
    Ok(match profile {
        Profile::Peer => vec![address],
        Profile::Server | Profile::Client => vec![name, address],
    })
}

fn dns_name(name: &str) -> Result<SanType, IssueError> {
    Ok(SanType::DnsName(name.try_into().map_err(IssueError::signing)?))
}

/// The RSA key of 1024 bits. Its private half signs nothing here, so that any backend will do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FixedKey;

impl FixedKey {
    const PEM: &str = include_str!("../../fixtures/weak-rsa/leaf.key");

    /// The private key. It is in the repository, for all to read.
    pub(crate) fn pem(self) -> Zeroizing<String> {
        Zeroizing::new(Self::PEM.to_owned())
    }

    pub(crate) fn public(self) -> Result<impl PublicKeyData, IssueError> {
        let pem = pem::parse(Self::PEM).map_err(|error| IssueError::Signing(Box::new(error)))?;
        rsa_public_key(pem.contents()).map(RsaPublicKey).map_err(IssueError::surgery)
    }
}

/// The `RSAPublicKey` (RFC 8017 appendix A.1.1) in a PKCS#8 private key.
fn rsa_public_key(private: &[u8]) -> Result<Vec<u8>, DerError> {
    let mut fields = Element::only(private, tag::SEQUENCE)?.elements();
    fields.expect(tag::INTEGER)?;
    fields.expect(tag::SEQUENCE)?;
    let key = fields.expect(tag::OCTET_STRING)?;
    let mut numbers = Element::only(key.content, tag::SEQUENCE)?.elements();
    numbers.expect(tag::INTEGER)?;
    let (modulus, exponent) = (numbers.expect(tag::INTEGER)?, numbers.expect(tag::INTEGER)?);
    Ok(der::sequence(tag::SEQUENCE, [modulus.whole, exponent.whole]))
}

struct RsaPublicKey(Vec<u8>);

impl PublicKeyData for RsaPublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of a public key, rcgen writes no more of it than "an RSA key".
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

#[cfg(test)]
mod tests;
