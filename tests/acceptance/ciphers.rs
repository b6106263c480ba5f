//! Cipher suites and TLS versions, with the real curl.

use tercet_pki::etcd::Flag;
use tercet_tests::{Curl, RawFleet, available};

const SUITES: &str =
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";

/// Puts a key over the gateway as the fleet's client, with these words besides.
fn puts(fleet: &RawFleet, curl: Curl, words: &[&str]) -> bool {
    let version = fleet.version();
    // The prefix that all versions understand.
    let url = format!("{}/v3/kv/put", fleet.members[0].get("--advertise-client-urls"));
    let path = |name: &str| fleet.word(name);
    let (ca, certificate, key) = (path("ca.crt"), path("client.crt"), path("client.key"));
    let sound = ["--noproxy", "*", "--cacert", &ca, "--cert", &certificate, "--key", &key];
    let data = ["--data", r#"{"key":"aGVsbG8=","value":"d29ybGQ="}"#, &url];
    let curled = curl.run([&sound[..], words, &data[..]].concat());
    match curled.code {
        0 => assert!(curled.body.contains("revision"), "{version}: {}", curled.body),
        // The handshake failed.
        code => assert!(matches!(code, 35 | 56), "{version}: {curled:?}"),
    }
    curled.code == 0
}

#[test]
fn curl_v3_cipher_suites_valid_and_mismatch() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        fleet.set("--cipher-suites", SUITES);
        let _running = fleet.start_all();
        for (suite, good) in [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", true),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", true),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", false),
        ] {
            let words = ["--tls-max", "1.2", "--ciphers", suite];
            assert_eq!(puts(&fleet, curl, &words), good, "{} {suite}", etcd.version());
        }
        drop(_running);
        // The control: by itself, etcd takes the third as well.
        let fleet = RawFleet::new(etcd, 1);
        let _running = fleet.start_all();
        let words = ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"];
        assert!(puts(&fleet, curl, &words), "{}", etcd.version());
    }
}

#[test]
fn tls_min_max_version() {
    let Some(curl) = Curl::find() else { return };
    let has_flags = Flag::named("tls-min-version").unwrap();
    for etcd in available() {
        let version = etcd.version();
        // Nothing below 1.2 was ever taken; 3.5.0 to 3.5.7 take nothing above.
        let old = (3, 5, 0) <= number(version) && number(version) < (3, 5, 8);
        let fleet = RawFleet::new(etcd, 1);
        let _running = fleet.start_all();
        for (words, good) in [
            (&["--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0"][..], false),
            (&["--tlsv1.2", "--tls-max", "1.2"], true),
            (&["--tlsv1.3"], !old),
        ] {
            assert_eq!(puts(&fleet, curl, words), good, "{version} {words:?}");
        }
        if !has_flags.is_in(version) {
            continue;
        }
        for (least, most, two, three) in [
            ("TLS1.2", "TLS1.2", true, false),
            ("TLS1.3", "TLS1.3", false, true),
            ("TLS1.2", "TLS1.3", true, true),
        ] {
            let mut fleet = RawFleet::new(etcd, 1);
            fleet.set("--tls-min-version", least);
            fleet.set("--tls-max-version", most);
            let _running = fleet.start_all();
            let words = ["--tlsv1.2", "--tls-max", "1.2"];
            assert_eq!(puts(&fleet, curl, &words), two, "{version} {least} {most}");
            assert_eq!(puts(&fleet, curl, &["--tlsv1.3"]), three, "{version} {least} {most}");
        }
    }
}

fn number(version: tercet_cluster::binary::Version) -> (u16, u16, u16) {
    (version.major(), version.minor(), version.patch())
}
