//! Authorities with other properties than the usual ones.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyUsagePurpose};
use time::OffsetDateTime;

use super::constraints::{Constraints, check_domain};
use super::error::IssueError;
use super::signing::{self, Subject};
use super::validity::{AUTHORITY_LIFETIME, Validity, Window};
use super::{name, random};
use crate::{AUTHORITY_PATH_LENGTH, Authority, Key, KeyKind};

/// What an authority shall be, for [`Authority::builder`].
///
/// ```
/// use std::time::Duration;
/// use tercet_pki::{Authority, KeyKind, Leaf};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let root = Authority::builder("example root").key(KeyKind::P384).path_length(2).generate()?;
/// let etcd = Authority::builder("example etcd")
///     .valid_for(Duration::from_secs(90 * 24 * 60 * 60))
///     .permit_dns("etcd.example.com")
///     .permit_network("10.0.0.0/8")
///     .issued_by(&root)?;
///
/// let identity = etcd.issue(&Leaf::server("infra1").host("infra1.etcd.example.com"))?;
/// // The leaf and the intermediate; whoever trusts the root needs no more.
/// assert_eq!(identity.chain().intermediates(), [etcd.certificate().clone()]);
/// assert!(etcd.issue(&Leaf::server("infra1").host("www.example.org")).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `generate` or `issued_by`"]
pub struct AuthorityBuilder {
    common_name: String,
    organization: Option<String>,
    generation: bool,
    key: KeyKind,
    validity: Validity,
    path_length: Option<u8>,
    permitted_dns: Vec<String>,
    excluded_dns: Vec<String>,
    permitted_networks: Vec<String>,
    excluded_networks: Vec<String>,
}

impl AuthorityBuilder {
    pub(crate) fn new(common_name: String) -> Self {
        Self {
            common_name,
            organization: None,
            generation: true,
            key: KeyKind::default(),
            validity: Validity::For(AUTHORITY_LIFETIME),
            path_length: None,
            permitted_dns: Vec::new(),
            excluded_dns: Vec::new(),
            permitted_networks: Vec::new(),
            excluded_networks: Vec::new(),
        }
    }

    /// The kind of its key, instead of [`KeyKind::P256`].
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.key = kind;
        self
    }

    /// The organization (O) in its name; there is none unless it is said.
    pub fn organization(mut self, organization: impl Into<String>) -> Self {
        self.organization = Some(organization.into());
        self
    }

    /// Takes the common name as it is, without a generation after it.
    ///
    /// Then this authority and the next of the name cannot be told apart by their names, which is
    /// what [`Authority::generate`] warns of.
    pub fn without_generation(mut self) -> Self {
        self.generation = false;
        self
    }

    /// Valid for `lifetime` from now (less [`BACKDATE`](crate::BACKDATE)), instead of
    /// [`AUTHORITY_LIFETIME`].
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.validity = Validity::For(lifetime);
        self
    }

    /// Valid now, and no more in `left`, as an old authority is.
    pub fn expires_in(mut self, left: Duration) -> Self {
        self.validity = Validity::ExpiresIn(left);
        self
    }

    /// Deliberately wrong: ended [`MISSED_BY`](crate::MISSED_BY) ago.
    pub fn expired(mut self) -> Self {
        self.validity = Validity::Expired;
        self
    }

    /// Deliberately wrong: begins [`MISSED_BY`](crate::MISSED_BY) from now.
    pub fn not_yet_valid(mut self) -> Self {
        self.validity = Validity::NotYetValid;
        self
    }

    /// How many authorities may stand between this one and a leaf, instead of
    /// [`AUTHORITY_PATH_LENGTH`], or of one less than its issuer's.
    pub fn path_length(mut self, path_length: u8) -> Self {
        self.path_length = Some(path_length);
        self
    }

    /// Limits the DNS names of the certificates below it to those it permits: `domain` and what is
    /// below it. Addresses are not limited by it.
    pub fn permit_dns(mut self, domain: impl Into<String>) -> Self {
        self.permitted_dns.push(domain.into());
        self
    }

    /// Excludes `domain` and what is below it, even from what is permitted.
    pub fn exclude_dns(mut self, domain: impl Into<String>) -> Self {
        self.excluded_dns.push(domain.into());
        self
    }

    /// Limits the addresses of the certificates below it to those it permits: a network such as
    /// `10.0.0.0/8`, or an address. DNS names are not limited by it.
    pub fn permit_network(mut self, network: impl Into<String>) -> Self {
        self.permitted_networks.push(network.into());
        self
    }

    /// Excludes a network, even from what is permitted.
    pub fn exclude_network(mut self, network: impl Into<String>) -> Self {
        self.excluded_networks.push(network.into());
        self
    }

    /// Makes a key and a self-signed certificate: a root.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`], [`IssueError::Organization`], [`IssueError::Host`] and
    /// [`IssueError::Network`] for what cannot be written, [`IssueError::Key`] for a kind of key
    /// that this build cannot make.
    pub fn generate(self) -> Result<Authority, IssueError> {
        let path_length = self.path_length.unwrap_or(AUTHORITY_PATH_LENGTH);
        let (common_name, params, constraints, window) = self.describe(path_length, None)?;
        let key = Key::generate(self.key)?;
        let certificate = params.self_signed(key.pair()).map_err(IssueError::signing)?;
        let certificate = crate::Certificate::from_der(certificate.der().to_vec());
        Ok(Authority {
            pem: certificate.pem(),
            common_name,
            name: None,
            params,
            key,
            certificate,
            intermediates: Vec::new(),
            path_length: Some(path_length),
            constraints: vec![constraints],
            window,
        })
    }

    /// Makes a key and has its certificate signed by `issuer`: an intermediate. It ends with its
    /// issuer at the latest.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), and [`IssueError::PathLength`] if `issuer` may have no
    /// authority below it, or not one with this path length.
    pub fn issued_by(self, issuer: &Authority) -> Result<Authority, IssueError> {
        let path_length = match (self.path_length, issuer.path_length) {
            (Some(own), _) => own,
            (None, Some(above)) => above.saturating_sub(1),
            (None, None) => AUTHORITY_PATH_LENGTH,
        };
        issuer.check_path_length(path_length)?;
        let (common_name, mut params, constraints, window) =
            self.describe(path_length, Some(issuer))?;
        // RFC 5280 section 4.2.1.1.
        params.use_authority_key_identifier_extension = true;
        let key = Key::generate(self.key)?;
        let certificate = issuer.signer().certify(&params, Subject::Ours(&key))?;
        Ok(Authority {
            pem: certificate.pem(),
            common_name,
            name: None,
            params,
            key,
            intermediates: issuer.below(certificate.clone()),
            certificate,
            path_length: Some(path_length),
            constraints: [constraints].into_iter().chain(issuer.constraints.clone()).collect(),
            window,
        })
    }

    fn describe(
        &self,
        path_length: u8,
        issuer: Option<&Authority>,
    ) -> Result<(String, CertificateParams, Constraints, Window), IssueError> {
        name::common(&self.common_name)?;
        let common_name = if self.generation {
            format!("{} {}", self.common_name, random::generation()?)
        } else {
            self.common_name.clone()
        };
        name::common(&common_name)?;

        let constraints = self.constraints()?;
        let now = OffsetDateTime::now_utc();
        let mut window = self.validity.window(now).ok_or(IssueError::Validity)?;
        if let Some(issuer) = issuer {
            window = self.validity.within(window, issuer.window, now);
        }
        let mut params = signing::params(window)?;
        if let Some(organization) = &self.organization {
            name::common(organization).map_err(IssueError::Organization)?;
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, common_name.as_str());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
        // CRL signing as well, so that the same authority can revoke what it issued.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = constraints.to_rcgen();
        Ok((common_name, params, constraints, window))
    }

    fn constraints(&self) -> Result<Constraints, IssueError> {
        let domains = |domains: &[String]| -> Result<Vec<String>, IssueError> {
            for domain in domains {
                check_domain(domain.strip_prefix('.').unwrap_or(domain))?;
            }
            Ok(domains.to_vec())
        };
        let networks = |networks: &[String]| {
            networks.iter().map(|network| network.parse()).collect::<Result<Vec<_>, _>>()
        };
        Ok(Constraints {
            permitted_dns: domains(&self.permitted_dns)?,
            excluded_dns: domains(&self.excluded_dns)?,
            permitted_networks: networks(&self.permitted_networks)?,
            excluded_networks: networks(&self.excluded_networks)?,
        })
    }
}
