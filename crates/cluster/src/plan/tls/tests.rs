use super::*;
use crate::plan::Spec;

fn refused(spec: Spec) -> String {
    crate::binary::chain(&spec.validate().unwrap_err())
}

#[test]
fn versions_are_read_as_etcd_and_people_write_them() {
    for (text, version) in [("TLS1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)] {
        assert_eq!(text.parse(), Ok(version));
    }
    assert_eq!(TlsVersion::V1_3.to_string().parse(), Ok(TlsVersion::V1_3));
    insta::assert_snapshot!(
        "1.1".parse::<TlsVersion>().unwrap_err(),
        @"'1.1' is no version of TLS that etcd speaks: use 1.2 or 1.3"
    );
}

/// Each option is refused by the words that have no use for it, and by no other.
#[test]
fn what_means_nothing_with_a_security_is_refused() {
    use Security::{Auto, ClientAuth, Mutual, Plaintext, ServerTls};
    let options = TlsOptions::default;
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let encrypted = &[ServerTls, ClientAuth, Mutual, Auto][..];
    let cases = [
        (options().min_version(TlsVersion::V1_3), encrypted),
        (options().max_version(TlsVersion::V1_2), encrypted),
        (options().cipher_suites([suite]), encrypted),
        (options().revocation_list(), &[ClientAuth, Mutual]),
        (options().separate_outgoing(), &[ClientAuth, Mutual]),
        (options().allowed_client_hosts(["a.example"]), &[ClientAuth, Mutual]),
        (options().allowed_peer_names(["peers"]), &[Mutual]),
        (options().allowed_peer_hosts(["a.example"]), &[Mutual]),
        (options().skip_peer_address_check(), &[Mutual]),
    ];
    let mut said = Vec::new();
    for (options, good) in cases {
        for security in Security::ALL {
            let spec = Spec::default().security(security).gateway(false).tls(options.clone());
            assert_eq!(spec.validate().is_ok(), good.contains(&security), "{options:?} {security}");
        }
        said.push(refused(Spec::default().security(Plaintext).tls(options)));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    a minimum TLS version cannot be had with the security plaintext: there, nothing is encrypted
    a maximum TLS version cannot be had with the security plaintext: there, nothing is encrypted
    a choice of cipher suites cannot be had with the security plaintext: there, nothing is encrypted
    a revocation list cannot be had with the security plaintext: there, nobody is asked for a certificate
    separate certificates to dial with cannot be had with the security plaintext: there, nobody is asked for a certificate
    allowed hosts of clients cannot be had with the security plaintext: there, clients are asked for no certificate
    allowed names of members cannot be had with the security plaintext: there, members ask each other for no certificate
    allowed hosts of members cannot be had with the security plaintext: there, members ask each other for no certificate
    skipping the check of addresses cannot be had with the security plaintext: there, members ask each other for no certificate
    ");
}

#[test]
fn what_excludes_each_other_is_refused() {
    let options = TlsOptions::default;
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let cases = [
        options().min_version(TlsVersion::V1_3).max_version(TlsVersion::V1_2),
        options().min_version(TlsVersion::V1_3).cipher_suites([suite]),
        options().allowed_peer_names(["peers"]).allowed_peer_hosts(["a.example"]),
    ];
    let mut said: Vec<_> = cases.map(|tls| refused(Spec::default().tls(tls))).into();
    let shared = Spec::default().layout(Layout::Shared).tls(options().separate_outgoing());
    said.push(refused(shared));
    said.push(refused(Spec::default().tls(options().allowed_client_hosts(["a.example"]))));
    insta::assert_snapshot!(said.join("\n"), @r"
    a minimum of TLS 1.3 and a maximum of TLS 1.2 exclude each other: there is no version between them
    a minimum of TLS 1.3 and a choice of cipher suites exclude each other: those of TLS 1.3 cannot be chosen
    allowed names of members and allowed hosts of members exclude each other: etcd takes one of them
    separate certificates to dial with and one certificate for all exclude each other: the one is for serving and dialling
    allowed hosts of clients and the gateway exclude each other: etcd lets nobody through it then, whatever certificate it has: turn it off
    ");
    let good = options().min_version(TlsVersion::V1_2).max_version(TlsVersion::V1_2);
    assert!(Spec::default().tls(good.cipher_suites([suite])).validate().is_ok(), "the control");
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let options = TlsOptions::default;
    let long = "x".repeat(65);
    let cases = [
        options().allowed_peer_names([""]),
        options().allowed_peer_names(["a,b"]),
        options().allowed_peer_names([&*long]),
        options().allowed_peer_names(["a\nb"]),
        options().allowed_client_hosts(["*.example.com"]),
        options().allowed_client_hosts(["https://a"]),
        options().allowed_peer_hosts(["a b"]),
        options().cipher_suites(["TLS_A"]),
        options().cipher_suites(["ECDHE-ECDSA-AES128-GCM-SHA256"]),
        options().cipher_suites(["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]),
        options().cipher_suites(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
    ];
    let said: Vec<_> = cases.map(|tls| refused(Spec::default().tls(tls))).into();
    insta::assert_snapshot!(said.join("\n"), @r#"
    "" cannot be an allowed name of members: it is empty
    "a,b" cannot be an allowed name of members: etcd separates names by commas
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" cannot be an allowed name of members: it has more than 64 characters
    "a\nb" cannot be an allowed name of members: it has a control character
    "*.example.com" cannot be an allowed host of clients: it is a pattern: name one host
    an allowed host of clients does not do: "https://a" is a URL, and certificates name hosts: write "a"
    an allowed host of members does not do: "a b" is neither an IP address nor a DNS name: it has other characters than letters, digits, hyphens and underscores
    "TLS_A" cannot be a cipher suite: etcd knows none of that name: write those of Go's crypto/tls, such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    "ECDHE-ECDSA-AES128-GCM-SHA256" cannot be a cipher suite: etcd knows none of that name: write those of Go's crypto/tls, such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" cannot be the cipher suites: HTTP/2 demands TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" cannot be the cipher suites: the fleet's keys are ECDSA keys, which need one of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305
    "#);
}
