//! The next certificate of whoever has one.

use std::time::Duration;

use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use time::OffsetDateTime;

use super::signing::{self, Subject};
use super::validity::Validity;
use crate::read::{CertificateDetails, ExtendedKeyUsage, Names, PublicKey};
use crate::{Authority, Chain, Host, Identity, IssueError, Key, KeyKind};

/// What the next certificate has that the old one had not.
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until a certificate is issued with it"]
pub struct Reissue {
    pub(crate) key: Option<Key>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) lifetime: Option<Duration>,
}

impl Reissue {
    /// The key, old or new. Without this, a new one of the old one's kind is made (P-256 where
    /// this build cannot make that kind).
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// One more host. One that is there already is not added again.
    pub fn host(mut self, host: Host) -> Self {
        self.hosts.push(host);
        self
    }

    /// How long it is valid, instead of as long as the old one was.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

impl Authority {
    /// Signs the next certificate of whoever has `old`, whoever signed that: the same subject to
    /// the byte, the same names and usages, from now on for as long as the old one was valid in
    /// all, with a serial number of its own. It ends with the authority at the latest.
    ///
    /// # Errors
    ///
    /// [`IssueError::OtherNames`] for names that cannot be written again, [`IssueError::Host`] for
    /// a host of `reissue` that is none, [`IssueError::Constrained`] for a host that this authority may not sign for,
    /// [`IssueError::Key`] if no key could be made, [`IssueError::Validity`] for a time past the
    /// year 9999.
    pub fn reissue(
        &self,
        old: &CertificateDetails,
        reissue: &Reissue,
    ) -> Result<Identity, IssueError> {
        let now = OffsetDateTime::now_utc();
        let lifetime = reissue.lifetime.unwrap_or_else(|| lifetime(old));
        let validity = Validity::For(lifetime);
        let window = validity.window(now).ok_or(IssueError::Validity)?;
        let window = validity.within(window, self.window, now);
        let mut params = signing::params(window)?;

        if !old.subject.text.is_empty() {
            // For rcgen, to which the names of a nameless subject are critical.
            params.distinguished_name.push(DnType::CommonName, old.subject.text.as_str());
        }
        let names = old.names.clone().unwrap_or_default();
        if names.others > 0 {
            return Err(IssueError::OtherNames { subject: old.subject.text.clone() });
        }
        params.subject_alt_names = self.alternative_names(names, &reissue.hosts)?;
        let key = match &reissue.key {
            Some(key) => key.clone(),
            None => Key::generate(kind(&old.public_key))?,
        };
        Self::complete(&mut params, key.is_rsa());
        params.extended_key_usages = old.extended_key_usages.iter().flatten().map(usage).collect();
        if old.key_usages.is_some_and(|usages| !usages.digital_signature) {
            params.key_usages.retain(|usage| *usage != KeyUsagePurpose::DigitalSignature);
        }
        let public_key = key.public_key_der();
        let subject = Subject::Theirs { public_key: &public_key, name: Some(&old.subject.der) };
        let certificate = self.signer().certify(&params, subject)?;
        Ok(Identity::new(Chain::new(certificate, self.intermediates().to_vec()), key.pem()))
    }

    fn alternative_names(&self, names: Names, more: &[Host]) -> Result<Vec<SanType>, IssueError> {
        let mut hosts: Vec<_> = names.dns.into_iter().map(Host::Dns).collect();
        hosts.extend(names.ip.into_iter().map(Host::Ip));
        for host in more {
            // Anything can be put into a `Host::Dns`.
            let host = host.to_string().parse()?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let mut all = Vec::new();
        for host in hosts {
            self.check_host(&host)?;
            all.push(host.san()?);
        }
        for uri in names.uri {
            all.push(SanType::URI(uri.try_into().map_err(IssueError::signing)?));
        }
        for email in names.email {
            all.push(SanType::Rfc822Name(email.try_into().map_err(IssueError::signing)?));
        }
        Ok(all)
    }
}

/// How long a certificate is valid in all, less the time it was backdated by.
pub(crate) fn lifetime(old: &CertificateDetails) -> Duration {
    let all: Duration = (old.not_after - old.not_before).try_into().unwrap_or_default();
    // Not ours, or wrong on purpose: a certificate of no length is of no use to anyone.
    let rest = all.saturating_sub(super::BACKDATE);
    if rest.is_zero() { super::LEAF_LIFETIME } else { rest }
}

pub(crate) fn kind(key: &PublicKey) -> KeyKind {
    let kind = match key {
        PublicKey::Ecdsa { bits: 384 } => KeyKind::P384,
        PublicKey::Ed25519 => KeyKind::Ed25519,
        PublicKey::Rsa { bits: 3072 } => KeyKind::Rsa3072,
        PublicKey::Rsa { bits: 4096 } => KeyKind::Rsa4096,
        PublicKey::Rsa { .. } => KeyKind::Rsa2048,
        _ => KeyKind::P256,
    };
    if kind.can_be_made() { kind } else { KeyKind::P256 }
}

fn usage(usage: &ExtendedKeyUsage) -> ExtendedKeyUsagePurpose {
    match usage {
        ExtendedKeyUsage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsage::Any => ExtendedKeyUsagePurpose::Any,
        ExtendedKeyUsage::Other(oid) => {
            ExtendedKeyUsagePurpose::Other(oid.split('.').filter_map(|n| n.parse().ok()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Leaf;
    use crate::read::SignatureCheck;

    fn details(identity: &Identity) -> CertificateDetails {
        CertificateDetails::parse(identity.certificate().der()).unwrap()
    }

    #[test]
    fn the_next_certificate_says_the_same_and_has_a_number_of_its_own() {
        let (one, two) = (Authority::generate("one").unwrap(), Authority::generate("two").unwrap());
        let leaf = Leaf::peer("infra1")
            .organization("Example")
            .hosts(["localhost", "10.0.0.1", "::1"])
            .uri("spiffe://example.org/infra1")
            .key(KeyKind::Ed25519)
            .expires_in(Duration::from_secs(60));
        let old = details(&one.issue(&leaf).unwrap());
        let identity = two.reissue(&old, &Reissue::default()).unwrap();
        let new = details(&identity);
        let root = CertificateDetails::parse(two.certificate().der()).unwrap();
        assert_eq!(new.signed_by(&root), SignatureCheck::Valid);
        assert_eq!(new.subject, old.subject);
        assert_eq!(new.names, old.names);
        assert_eq!(new.extended_key_usages, old.extended_key_usages);
        assert_eq!(new.key_usages, old.key_usages);
        assert_eq!(new.public_key, old.public_key);
        assert_ne!(new.public_key_der, old.public_key_der);
        assert_ne!(new.serial, old.serial);
        assert!(new.not_after > old.not_after);
        assert!(
            ((new.not_after - new.not_before) - (old.not_after - old.not_before)).abs()
                < time::Duration::minutes(1)
        );

        let same = Reissue::default()
            .key(identity.key().unwrap())
            .host(Host::Dns("more".to_owned()))
            .host(Host::Dns("localhost".to_owned()))
            .lifetime(Duration::from_secs(3600));
        let third = details(&two.reissue(&new, &same).unwrap());
        assert_eq!(third.public_key_der, new.public_key_der);
        assert_ne!(third.serial, new.serial);
        assert_eq!(third.names.unwrap().dns, ["localhost", "more"]);
        assert!(third.not_after < new.not_after);
    }
}
