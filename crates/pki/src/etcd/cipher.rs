//! The cipher suites that an etcd knows by name.

use super::Version;

/// Whether an etcd of `version` takes `name` in `--cipher-suites`.
///
/// The names are Go's, and two short ones of etcd's own. Sources: Go's `crypto/tls/cipher_suites.go`
/// (the same names since Go 1.14), `client/pkg/tlsutil/cipher_suites.go`; before 3.4.22 the list in
/// `pkg/tlsutil/cipher_suites.go`, without the suites of TLS 1.3 and the long names of two others.
#[must_use]
pub fn has_cipher_suite(version: Version, name: &str) -> bool {
    let since = SUITES.iter().find(|(known, _)| *known == name).map(|(_, since)| *since);
    since.is_some_and(|since| version >= since)
}

const ALWAYS: Version = Version::new(3, 4, 0);

/// Since when etcd asks Go for the names.
const OF_GO: Version = Version::new(3, 4, 22);

const SUITES: &[(&str, Version)] = &[
    ("TLS_AES_128_GCM_SHA256", OF_GO),
    ("TLS_AES_256_GCM_SHA384", OF_GO),
    ("TLS_CHACHA20_POLY1305_SHA256", OF_GO),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", ALWAYS),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", OF_GO),
    ("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", ALWAYS),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", OF_GO),
    ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", ALWAYS),
    ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", ALWAYS),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", ALWAYS),
    ("TLS_RSA_WITH_AES_128_CBC_SHA256", ALWAYS),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", ALWAYS),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", ALWAYS),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", ALWAYS),
    ("TLS_RSA_WITH_RC4_128_SHA", ALWAYS),
];

/// One of these must be in a list of suites, or Go serves no HTTP/2, and so no gRPC. Source:
/// `golang.org/x/net/http2` (`ConfigureServer`); RFC 9113, section 9.2.2.
pub const HTTP2_CIPHER_SUITES: [&str; 2] =
    ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_go_and_etcd_write_them() {
        let has = |version: &str, name: &str| has_cipher_suite(version.parse().unwrap(), name);
        assert!(SUITES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for name in HTTP2_CIPHER_SUITES {
            assert!(has("3.4.0", name) && has("3.9.0", name), "{name}");
        }
        let long = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        assert!(!has("3.4.21", long) && has("3.4.22", long) && has("3.5.0", long));
        assert!(has("3.4.21", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"));
        for name in ["", "tls_aes_128_gcm_sha256", "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_A"] {
            assert!(!has("3.7.1", name), "{name}");
        }
    }
}
