//! The names that an authority may sign for.

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};

use crate::{Host, HostError, Network};

/// What the certificates below an authority may, and may not, name (RFC 5280 section 4.2.1.10).
///
/// Only kinds that are mentioned are limited: with permitted DNS names alone, every address passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Constraints {
    pub(crate) permitted_dns: Vec<String>,
    pub(crate) excluded_dns: Vec<String>,
    pub(crate) permitted_networks: Vec<Network>,
    pub(crate) excluded_networks: Vec<Network>,
}

impl Constraints {
    /// Whether they allow a host; by Go's rules.
    pub(crate) fn allow(&self, host: &Host) -> bool {
        match host {
            Host::Dns(name) => {
                let within = |domain: &String| is_within(name, domain);
                // A wildcard stands for what is excluded too; Go says so since 1.24.11 and 1.25.5.
                let covers = |domain: &String| {
                    let parent = domain.split_once('.').map(|(_, parent)| parent);
                    name.strip_prefix("*.")
                        .zip(parent)
                        .is_some_and(|(own, parent)| own.eq_ignore_ascii_case(parent))
                };
                (self.permitted_dns.is_empty() || self.permitted_dns.iter().any(within))
                    && !self.excluded_dns.iter().any(|domain| within(domain) || covers(domain))
            }
            Host::Ip(address) => {
                let within = |network: &Network| network.contains(*address);
                (self.permitted_networks.is_empty() || self.permitted_networks.iter().any(within))
                    && !self.excluded_networks.iter().any(within)
            }
        }
    }

    /// What they allow and exclude, as a person reads it.
    pub(crate) fn text(&self) -> String {
        let list = |word: &str, dns: &[String], networks: &[Network]| {
            let names: Vec<_> = dns
                .iter()
                .map(|domain| format!("{domain:?} and below"))
                .chain(networks.iter().map(ToString::to_string))
                .collect();
            (!names.is_empty()).then(|| format!("{word} {}", names.join(", ")))
        };
        let permitted = list("permits", &self.permitted_dns, &self.permitted_networks);
        let excluded = list("excludes", &self.excluded_dns, &self.excluded_networks);
        permitted.into_iter().chain(excluded).collect::<Vec<_>>().join(" and ")
    }

    /// `None` where there are none: an empty extension is not allowed.
    pub(crate) fn to_rcgen(&self) -> Option<NameConstraints> {
        let subtrees = |dns: &[String], networks: &[Network]| {
            let dns = dns.iter().map(|domain| GeneralSubtree::DnsName(domain.clone()));
            let networks = networks.iter().map(|network| {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                    network.address(),
                    network.prefix(),
                ))
            });
            dns.chain(networks).collect::<Vec<_>>()
        };
        let constraints = NameConstraints {
            permitted_subtrees: subtrees(&self.permitted_dns, &self.permitted_networks),
            excluded_subtrees: subtrees(&self.excluded_dns, &self.excluded_networks),
        };
        (*self != Self::default()).then_some(constraints)
    }
}

/// Refuses what is no domain that names can be below: a wildcard, an address.
pub(crate) fn check_domain(domain: &str) -> Result<(), HostError> {
    match domain.parse()? {
        Host::Dns(name) if !name.starts_with('*') => Ok(()),
        _ => Err(HostError::NotAName {
            text: domain.to_owned(),
            reason: "write a domain such as \"example.com\", without a *; \
                     addresses are allowed by networks",
        }),
    }
}

/// Whether a name is a domain or below it, in any case of letters. A domain with a leading dot
/// leaves out the domain itself.
pub(crate) fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    match domain.strip_prefix('.') {
        Some("") => true,
        Some(below) => {
            name.strip_suffix(below).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        }
        None => {
            domain.is_empty()
                || name
                    .strip_suffix(&*domain)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_all_that_it_stands_for() {
        let domains = |domain: &str| vec![domain.to_owned()];
        let permits = |domain| Constraints { permitted_dns: domains(domain), ..Default::default() };
        let excludes = |domain| Constraints { excluded_dns: domains(domain), ..Default::default() };
        let allow =
            |constraints: Constraints| constraints.allow(&Host::Dns("*.Example.com".to_owned()));
        assert!(allow(permits("example.com")));
        assert!(allow(permits(".example.com")));
        assert!(!allow(permits("a.example.com")));
        assert!(!allow(excludes("example.com")));
        assert!(!allow(excludes("a.example.com")));
        assert!(allow(excludes("a.b.example.com")));
        assert!(allow(excludes("example.org")));
    }

    #[test]
    fn domains_hold_what_is_below_them() {
        for (name, domain) in [
            ("example.com", "example.com"),
            ("a.example.com", "example.com"),
            ("A.Example.com", "example.COM"),
            ("a.example.com", ".example.com"),
            ("anything", ""),
        ] {
            assert!(is_within(name, domain), "{name} {domain}");
        }
        for (name, domain) in [
            ("notexample.com", "example.com"),
            ("example.com", ".example.com"),
            ("example.com", "a.example.com"),
            ("example.com.evil", "example.com"),
        ] {
            assert!(!is_within(name, domain), "{name} {domain}");
        }
    }
}
