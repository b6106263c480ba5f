//! URIs as names of a certificate.

/// Why some text cannot be a URI of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no URI that a certificate can have: {reason}")]
#[non_exhaustive]
pub struct UriError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Checks that a URI is absolute and ASCII (RFC 5280 section 4.2.1.6), and that Go can read it:
/// one that it cannot makes it refuse the whole certificate (`parseSANExtension` in
/// crypto/x509/parser.go).
pub(crate) fn check(text: &str) -> Result<(), UriError> {
    match problem(text) {
        None => Ok(()),
        Some(reason) => Err(UriError { text: text.to_owned(), reason }),
    }
}

fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty: write one such as \"spiffe://example.org/etcd/infra1\"");
    }
    if !text.is_ascii() {
        return Some(
            "it is not ASCII: write other characters as %XX, and hosts in their xn-- form",
        );
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Some("it has no scheme: write one such as \"spiffe://example.org/etcd/infra1\"");
    };
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return Some("what stands before its first colon is no scheme");
    }
    if rest.is_empty() {
        return Some("it ends after its scheme");
    }
    // RFC 3986 section 2; the brackets belong to IPv6 addresses.
    if !rest
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte))
    {
        return Some("it has a space or another character that must be written as %XX");
    }
    let mut parts = rest.split('%');
    parts.next();
    if !parts
        .all(|part| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    {
        return Some("a % is not followed by two hexadecimal digits");
    }
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    if authority.is_empty() {
        return Some("it has no host after its //");
    }
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
    let host = match host_and_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, port)) => {
            if v6.parse::<std::net::Ipv6Addr>().is_err() {
                return Some("what stands in its brackets is no IPv6 address");
            }
            return bad_port(port.strip_prefix(':').unwrap_or(port));
        }
        None => host_and_port,
    };
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    if host.contains(['[', ']', '%']) {
        return Some("its host has a character that hosts have not");
    }
    if host.split('.').any(str::is_empty) {
        return Some("its host has an empty label");
    }
    bad_port(port)
}

fn bad_port(port: &str) -> Option<&'static str> {
    let good = port.is_empty() || port.parse::<u16>().is_ok();
    if good { None } else { Some("its port is no number up to 65535") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_ones_pass() {
        for text in [
            "spiffe://example.org/etcd/infra1",
            "https://infra1.example.com:2379/health?x=%20#a",
            "https://user@[::1]:2379",
            "https://[::1]/",
            "https://10.0.0.1",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let errors: Vec<_> = [
            "",
            "spiffe",
            "example.org/etcd",
            "//example.org/etcd",
            "1a://x",
            "spiffe:",
            "spiffe://",
            "spiffe:///etcd",
            "spiffe://a..b/",
            "spiffe://a b/",
            "spiffe://bücher/",
            "spiffe://a/%",
            "spiffe://a/%g0",
            "https://[::1",
            "https://[hello]/",
            "https://a:99999/",
            "https://a:b/",
        ]
        .iter()
        .map(|text| check(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        "" is no URI that a certificate can have: it is empty: write one such as "spiffe://example.org/etcd/infra1"
        "spiffe" is no URI that a certificate can have: it has no scheme: write one such as "spiffe://example.org/etcd/infra1"
        "example.org/etcd" is no URI that a certificate can have: it has no scheme: write one such as "spiffe://example.org/etcd/infra1"
        "//example.org/etcd" is no URI that a certificate can have: it has no scheme: write one such as "spiffe://example.org/etcd/infra1"
        "1a://x" is no URI that a certificate can have: what stands before its first colon is no scheme
        "spiffe:" is no URI that a certificate can have: it ends after its scheme
        "spiffe://" is no URI that a certificate can have: it has no host after its //
        "spiffe:///etcd" is no URI that a certificate can have: it has no host after its //
        "spiffe://a..b/" is no URI that a certificate can have: its host has an empty label
        "spiffe://a b/" is no URI that a certificate can have: it has a space or another character that must be written as %XX
        "spiffe://bücher/" is no URI that a certificate can have: it is not ASCII: write other characters as %XX, and hosts in their xn-- form
        "spiffe://a/%" is no URI that a certificate can have: a % is not followed by two hexadecimal digits
        "spiffe://a/%g0" is no URI that a certificate can have: a % is not followed by two hexadecimal digits
        "https://[::1" is no URI that a certificate can have: its host has a character that hosts have not
        "https://[hello]/" is no URI that a certificate can have: what stands in its brackets is no IPv6 address
        "https://a:99999/" is no URI that a certificate can have: its port is no number up to 65535
        "https://a:b/" is no URI that a certificate can have: its port is no number up to 65535
        "#);
    }
}
