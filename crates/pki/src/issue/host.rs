//! Hosts: what a certificate can name.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rcgen::SanType;

use crate::IssueError;

/// A host as a certificate names it: a DNS name or an IP address. There are no other kinds, so that
/// it can be matched on in full.
///
/// The two are different kinds of name. Go looks for an address among the addresses only, and says
/// "doesn't contain any IP SANs" of a certificate that has it as a DNS name. So text that is an
/// address is never a name, and text that is neither is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name; its first label may be `*`.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl Host {
    pub(crate) fn san(self) -> Result<SanType, IssueError> {
        Ok(match self {
            Self::Ip(ip) => SanType::IpAddress(ip),
            Self::Dns(name) => SanType::DnsName(name.try_into().map_err(IssueError::signing)?),
        })
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// Reads `localhost`, `*.example.com`, `10.0.0.1` or `::1`.
    ///
    /// rcgen takes anything for a DNS name, URLs and the empty string included.
    ///
    /// # Errors
    ///
    /// A [`HostError`] that says what to write instead, where that can be told.
    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if let Some((_, rest)) = text.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            return Err(HostError::Url { text: text.to_owned(), host: bare(authority).to_owned() });
        }
        if bare(text) != text {
            return Err(HostError::Port { text: text.to_owned(), host: bare(text).to_owned() });
        }
        check_dns(text).map_err(|reason| HostError::NotAName { text: text.to_owned(), reason })?;
        Ok(Self::Dns(text.to_owned()))
    }
}

/// An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) becomes an IPv4 address. Go takes
/// the two for the same, and OpenSSL does not.
impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip.to_canonical())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Why some text is not a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// There is no text.
    #[error("a host is empty: write a DNS name such as \"localhost\", or an IP address")]
    Empty,
    /// It is a URL.
    #[error("{text:?} is a URL, and certificates name hosts: write {host:?}")]
    Url {
        /// What was written.
        text: String,
        /// The host in it.
        host: String,
    },
    /// It has a port, or the brackets that an IPv6 address needs before one.
    #[error("{text:?} is more than a host, and certificates name no ports: write {host:?}")]
    Port {
        /// What was written.
        text: String,
        /// The host in it.
        host: String,
    },
    /// It is neither an address nor a name.
    #[error("{text:?} is neither an IP address nor a DNS name: {reason}")]
    NotAName {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// `host`, `host:port`, `[v6]` and `[v6]:port` without all that is not the host.
fn bare(authority: &str) -> &str {
    if let Some((v6, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return v6;
    }
    match authority.split_once(':') {
        // More than one colon: no address (those were read before), so none of ours to cut.
        Some((host, port)) if !host.is_empty() && !port.contains(':') => host,
        _ => authority,
    }
}

/// The rules of Go's `validHostname` (crypto/x509/verify.go), by which a client throws away the
/// names of a certificate that are none, and two of our own: DNS's lengths, and no name whose last
/// label is a number, which is a mistyped address (`10.0.0.256`).
fn check_dns(name: &str) -> Result<(), &'static str> {
    if !name.is_ascii() {
        return Err("it is not ASCII: write its xn-- form");
    }
    if name.contains(':') {
        return Err(
            "of hosts only IPv6 addresses have colons, and they are written without a zone",
        );
    }
    if name.ends_with('.') {
        return Err("it ends with a dot, and Go would never match it: leave the dot out");
    }
    if name.len() > 253 {
        return Err("it is longer than 253 characters");
    }
    for (index, label) in name.split('.').enumerate() {
        if label.is_empty() {
            return Err("it has an empty label between two dots");
        }
        if label.len() > 63 {
            return Err("it has a label longer than 63 characters");
        }
        if label == "*" {
            if index == 0 && name.len() > 1 {
                continue;
            }
            return Err("a * stands for the whole first label, before others");
        }
        if label.starts_with('-') {
            return Err("it has a label that begins with a hyphen");
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err("it has other characters than letters, digits, hyphens and underscores");
        }
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it ends with a number, as an IPv4 address does, but is not one");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_told_apart() {
        let dns = |name: &str| Ok(Host::Dns(name.to_owned()));
        assert_eq!("10.0.0.1".parse(), Ok(Host::Ip([10, 0, 0, 1].into())));
        assert_eq!("::1".parse(), Ok(Host::Ip(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST))));
        for name in ["localhost", "infra1.example.com", "*.example.com", "a_b-c", "4com.e4"] {
            assert_eq!(name.parse::<Host>(), dns(name));
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_what_to_write() {
        let errors: Vec<_> = [
            "",
            "https://10.0.0.1:2379",
            "https://infra1.example.com/health",
            "http://[::1]:2379",
            "10.0.0.1:2379",
            "localhost:2379",
            "[::1]",
            "[::1]:2379",
            "fe80::1%eth0",
            "10.0.0.256",
            "10.0.0.0/8",
            "bücher.example",
            "example.com.",
            "a..b",
            "a b",
            "-a",
            "*",
            "a.*.b",
            ":2379",
        ]
        .iter()
        .map(|text| text.parse::<Host>().unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        a host is empty: write a DNS name such as "localhost", or an IP address
        "https://10.0.0.1:2379" is a URL, and certificates name hosts: write "10.0.0.1"
        "https://infra1.example.com/health" is a URL, and certificates name hosts: write "infra1.example.com"
        "http://[::1]:2379" is a URL, and certificates name hosts: write "::1"
        "10.0.0.1:2379" is more than a host, and certificates name no ports: write "10.0.0.1"
        "localhost:2379" is more than a host, and certificates name no ports: write "localhost"
        "[::1]" is more than a host, and certificates name no ports: write "::1"
        "[::1]:2379" is more than a host, and certificates name no ports: write "::1"
        "fe80::1%eth0" is neither an IP address nor a DNS name: of hosts only IPv6 addresses have colons, and they are written without a zone
        "10.0.0.256" is neither an IP address nor a DNS name: it ends with a number, as an IPv4 address does, but is not one
        "10.0.0.0/8" is neither an IP address nor a DNS name: it has other characters than letters, digits, hyphens and underscores
        "bücher.example" is neither an IP address nor a DNS name: it is not ASCII: write its xn-- form
        "example.com." is neither an IP address nor a DNS name: it ends with a dot, and Go would never match it: leave the dot out
        "a..b" is neither an IP address nor a DNS name: it has an empty label between two dots
        "a b" is neither an IP address nor a DNS name: it has other characters than letters, digits, hyphens and underscores
        "-a" is neither an IP address nor a DNS name: it has a label that begins with a hyphen
        "*" is neither an IP address nor a DNS name: a * stands for the whole first label, before others
        "a.*.b" is neither an IP address nor a DNS name: a * stands for the whole first label, before others
        ":2379" is neither an IP address nor a DNS name: of hosts only IPv6 addresses have colons, and they are written without a zone
        "#);
    }
}
