//! From a leaf to a root.

use std::collections::HashSet;

use time::OffsetDateTime;

use super::refusal::{Culprit, Hint, Refusal, Role, SignatureFault};
use super::{constraints, host, signature};
use crate::etcd::Go;
use crate::read::{CertificateDetails, DistinguishedName, ExtendedKeyUsage, PublicKey};

/// Usages are looked at before name constraints from this release on.
const USAGE_FIRST: Go = Go::new(26);

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// Its owner is dialled: serverAuth.
    Server,
    /// Its owner dials: clientAuth.
    Client,
}

/// Tries at most this many signatures (`maxChainSignatureChecks`).
const MAX_SIGNATURE_CHECKS: usize = 100;
/// Larger RSA keys are refused from this release on.
const LARGE_RSA_REFUSED: Go = Go::new(20);
/// Certificates with negative serial numbers are not read from this release on.
const NEGATIVE_SERIAL_REFUSED: Go = Go::new(23);
/// An RSA key of fewer bits has no room for any signature of TLS 1.3 (`rsaSignatureSchemes` in
/// crypto/tls: the hash twice and two bytes).
const SMALLEST_RSA_BITS: usize = (32 * 2 + 2) * 8;

/// Judges `chain`, the leaf first, as a Go program does that trusts `roots`.
///
/// `host` is what was dialled; a server looks at no name of its client's, and gives `None`.
///
/// # Errors
///
/// The [`Refusal`] that this Go would say.
pub fn verify(
    chain: &[CertificateDetails],
    roots: &[CertificateDetails],
    usage: Usage,
    host: Option<&str>,
    now: OffsetDateTime,
    go: Go,
) -> Result<(), Refusal> {
    let Some((leaf, rest)) = chain.split_first() else { return Err(Refusal::NoCertificate) };
    for (index, certificate) in chain.iter().enumerate() {
        let role = if index == 0 { Role::Leaf } else { Role::Intermediate };
        readable(certificate, role, go)?;
    }
    let walk = Walk {
        // A pool skips what it cannot read, and holds each certificate once.
        roots: distinct(roots.iter().filter(|root| readable(root, Role::Root, go).is_ok())),
        intermediates: distinct(rest.iter()),
        now,
        go,
    };

    walk.valid(leaf, Role::Leaf, &[])?;
    if let Some(host) = host {
        host::check(leaf, host, go)?;
    }
    let chains = if walk.roots.iter().any(|root| root.fingerprint == leaf.fingerprint) {
        vec![vec![leaf]]
    } else {
        walk.build(&mut vec![leaf], &mut 0)?
    };

    let mut first = None;
    for chain in &chains {
        match walk.whole(chain, usage) {
            Ok(()) => {
                first = None;
                break;
            }
            // A name that is not permitted is told before a usage that is not.
            Err(refusal) => {
                let told = matches!(first, Some(Refusal::NameConstraint { .. }));
                if !told && (first.is_none() || matches!(refusal, Refusal::NameConstraint { .. })) {
                    first = Some(refusal);
                }
            }
        }
    }
    if let Some(refusal) = first {
        return Err(refusal);
    }
    handshake_key(leaf)
}

/// What makes Go not read a certificate at all, or drop the connection before it is judged.
fn readable(certificate: &CertificateDetails, role: Role, go: Go) -> Result<(), Refusal> {
    let culprit = Culprit::new(role, certificate);
    if let Some(text) = &certificate.go_objects {
        return Err(Refusal::Unreadable { culprit, text: text.clone() });
    }
    if go >= NEGATIVE_SERIAL_REFUSED && certificate.serial.first().is_some_and(|byte| *byte >= 0x80)
    {
        return Err(Refusal::NegativeSerial(culprit));
    }
    match certificate.public_key {
        PublicKey::Rsa { bits } if bits > 8192 && role != Role::Root && go >= LARGE_RSA_REFUSED => {
            Err(Refusal::KeyTooLarge(culprit))
        }
        _ => Ok(()),
    }
}

/// What is left for the leaf's key: to sign the handshake.
fn handshake_key(leaf: &CertificateDetails) -> Result<(), Refusal> {
    match leaf.public_key {
        PublicKey::Other { .. } => Err(Refusal::UnsupportedKey(Culprit::new(Role::Leaf, leaf))),
        PublicKey::Rsa { bits } if bits < SMALLEST_RSA_BITS => {
            Err(Refusal::KeyTooSmall(Culprit::new(Role::Leaf, leaf)))
        }
        _ => Ok(()),
    }
}

fn distinct<'a>(
    certificates: impl Iterator<Item = &'a CertificateDetails>,
) -> Vec<&'a CertificateDetails> {
    let mut known = HashSet::new();
    certificates.filter(|certificate| known.insert(certificate.fingerprint)).collect()
}

struct Walk<'a> {
    roots: Vec<&'a CertificateDetails>,
    intermediates: Vec<&'a CertificateDetails>,
    now: OffsetDateTime,
    go: Go,
}

impl<'a> Walk<'a> {
    /// All chains from the last of `chain` to a root: `buildChains`.
    fn build(
        &self,
        chain: &mut Vec<&'a CertificateDetails>,
        checks: &mut usize,
    ) -> Result<Vec<Vec<&'a CertificateDetails>>, Refusal> {
        let Some(child) = chain.last().copied() else { return Err(Refusal::NoCertificate) };
        let mut found = Vec::new();
        let mut hint = None;
        let mut last = None;
        let pools = [(Role::Root, &self.roots), (Role::Intermediate, &self.intermediates)];
        for (role, pool) in pools {
            for candidate in candidates(child, pool) {
                *checks += 1;
                if *checks > MAX_SIGNATURE_CHECKS {
                    return if found.is_empty() { Err(Refusal::SignatureLimit) } else { Ok(found) };
                }
                if chain.iter().any(|above| is_same(above, candidate)) {
                    continue;
                }
                let mut suggest = |fault| {
                    hint.get_or_insert_with(|| {
                        Box::new(Hint {
                            culprit: Culprit::new(role, candidate),
                            name: candidate_name(candidate),
                            fault,
                        })
                    });
                };
                if let Err(fault) = signature::check(child, candidate, self.go) {
                    suggest(fault);
                    continue;
                }
                if let Err(refusal) = self.valid(candidate, role, chain) {
                    suggest(SignatureFault::Invalid(Box::new(refusal.clone())));
                    last = Some(refusal);
                    continue;
                }
                if role == Role::Root {
                    last = None;
                    found.push(chain.iter().copied().chain([candidate]).collect());
                    continue;
                }
                chain.push(candidate);
                let below = self.build(chain, checks);
                chain.pop();
                match below {
                    Ok(chains) => {
                        last = None;
                        found.extend(chains);
                    }
                    Err(Refusal::SignatureLimit) if found.is_empty() => {
                        return Err(Refusal::SignatureLimit);
                    }
                    Err(refusal) => last = Some(refusal),
                }
            }
        }
        match last {
            _ if !found.is_empty() => Ok(found),
            Some(refusal) => Err(refusal),
            None => Err(Refusal::UnknownAuthority { hint }),
        }
    }

    /// What is asked of one certificate in its place: `isValid`.
    fn valid(
        &self,
        certificate: &CertificateDetails,
        role: Role,
        chain: &[&CertificateDetails],
    ) -> Result<(), Refusal> {
        let culprit = || Culprit::new(role, certificate);
        if !certificate.unhandled_critical.is_empty() {
            return Err(Refusal::UnhandledCritical(culprit()));
        }
        if self.now < certificate.not_before {
            return Err(Refusal::NotYetValid {
                culprit: culprit(),
                now: self.now,
                not_before: certificate.not_before,
            });
        }
        if self.now > certificate.not_after {
            return Err(Refusal::Expired {
                culprit: culprit(),
                now: self.now,
                not_after: certificate.not_after,
            });
        }
        let constraints = certificate.basic_constraints;
        if role == Role::Intermediate && !constraints.is_some_and(|found| found.authority) {
            return Err(Refusal::NotAuthorizedToSign(culprit()));
        }
        let allowed = constraints.and_then(|found| found.path_length);
        if let Some(allowed) = allowed
            && chain.len().saturating_sub(1) > allowed as usize
        {
            return Err(Refusal::TooManyIntermediates(culprit()));
        }
        Ok(())
    }

    /// What is asked of a chain that ends at a root.
    fn whole(&self, chain: &[&CertificateDetails], usage: Usage) -> Result<(), Refusal> {
        // Until then, names were constrained while the chain was built.
        if self.go >= USAGE_FIRST {
            usages(chain, usage)?;
            return self.names(chain);
        }
        self.names(chain)?;
        usages(chain, usage)
    }

    fn names(&self, chain: &[&CertificateDetails]) -> Result<(), Refusal> {
        for (index, certificate) in chain.iter().enumerate() {
            for (above, authority) in chain.iter().enumerate().skip(index + 1) {
                let Some(constraints) = &authority.name_constraints else { continue };
                constraints::check(constraints, certificate, self.go).map_err(|detail| {
                    let culprit = Culprit::new(role_at(above, chain.len()), authority);
                    Refusal::NameConstraint { culprit, detail }
                })?;
            }
        }
        Ok(())
    }
}

/// From the root down, as Go walks.
fn usages(chain: &[&CertificateDetails], usage: Usage) -> Result<(), Refusal> {
    for (index, certificate) in chain.iter().enumerate().rev() {
        if !allows(certificate, usage) {
            let culprit = Culprit::new(role_at(index, chain.len()), certificate);
            return Err(Refusal::IncompatibleUsage { usage, culprit });
        }
    }
    Ok(())
}

fn role_at(index: usize, length: usize) -> Role {
    match index {
        0 => Role::Leaf,
        _ if index + 1 == length => Role::Root,
        _ => Role::Intermediate,
    }
}

/// Whether the extended key usages allow `usage`: none at all allow everything.
pub(crate) fn allows(certificate: &CertificateDetails, usage: Usage) -> bool {
    let wanted = match usage {
        Usage::Server => ExtendedKeyUsage::ServerAuth,
        Usage::Client => ExtendedKeyUsage::ClientAuth,
    };
    match certificate.extended_key_usages.as_deref() {
        None | Some([]) => true,
        Some(usages) => {
            usages.iter().any(|found| *found == wanted || *found == ExtendedKeyUsage::Any)
        }
    }
}

/// Those whose subject is the issuer of `child`, byte by byte; first where the key identifiers
/// agree, then where one is missing, then the others: `findPotentialParents`.
fn candidates<'a>(
    child: &CertificateDetails,
    pool: &[&'a CertificateDetails],
) -> Vec<&'a CertificateDetails> {
    let wanted = child.authority_key_identifier.as_deref().unwrap_or_default();
    let mut found: Vec<_> =
        pool.iter().copied().filter(|other| other.subject.der == child.issuer.der).collect();
    found.sort_by_key(|candidate| {
        let identifier = candidate.subject_key_identifier.as_deref().unwrap_or_default();
        if identifier == wanted {
            0
        } else if identifier.is_empty() != wanted.is_empty() {
            1
        } else {
            2
        }
    });
    found
}

/// Subject, key and names are the same: going on from there would be going in circles.
fn is_same(one: &CertificateDetails, other: &CertificateDetails) -> bool {
    one.subject.der == other.subject.der
        && one.public_key_der == other.public_key_der
        && one.names == other.names
}

fn candidate_name(candidate: &CertificateDetails) -> String {
    let DistinguishedName { text, common_name, .. } = &candidate.subject;
    if !common_name.is_empty() {
        return common_name.clone();
    }
    let organization = text.split(", ").find_map(|part| part.strip_prefix("O="));
    organization.map_or_else(|| format!("serial:{}", decimal(&candidate.serial)), str::to_owned)
}

/// A big-endian two's complement number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut digits = vec![0_u8];
    let mut push = |value: u8| {
        let mut carry = u32::from(value);
        for digit in &mut digits {
            let sum = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(sum % 10).unwrap_or_default();
            carry = sum / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    };
    if negative {
        // The magnitude is one more than the complement.
        let mut magnitude: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        for byte in magnitude.iter_mut().rev() {
            let (sum, overflow) = byte.overflowing_add(1);
            *byte = sum;
            if !overflow {
                break;
            }
        }
        magnitude.into_iter().for_each(&mut push);
    } else {
        bytes.iter().copied().for_each(&mut push);
    }
    let sign = if negative { "-" } else { "" };
    sign.chars().chain(digits.iter().rev().map(|digit| char::from(b'0' + digit))).collect()
}
