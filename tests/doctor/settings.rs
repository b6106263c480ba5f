//! Flags and variables.

use tercet_pki::doctor::{Rule, Severity};

use tercet_pki::etcd::Version;

use crate::scene::Scene;

#[test]
fn no_common_cipher() {
    let mut scene = Scene::new(1);
    scene.set("--cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    let missing =
        "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher";
    // 3.5.1 mostly has closed its listener before it says why.
    let lost = "use of closed network connection";
    let said = if scene.version() == Version::new(3, 5, 1) { lost } else { missing };
    scene.found(Rule::ProtocolMismatch, Severity::Error, &[said], &["--cipher-suites"]);
    let mut running = scene.start();
    let output = running.member(0).wait_for_failure();
    assert!(output.contains(said) || output.contains(missing), "{output}");
    drop(running);

    let both = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    scene.set("--cipher-suites", both);
    scene.is_cured_of(Rule::ProtocolMismatch);
}

#[test]
fn unknown_setting() {
    let mut scene = Scene::new(1);
    scene.set("--ca-file", scene.word("ca.crt"));
    let said = "flag provided but not defined: -ca-file";
    scene.found(Rule::UnknownSetting, Severity::Error, &[said], &["--trusted-ca-file"]);
    scene.start().fails(0, said);

    scene.unset("--ca-file");
    scene.is_cured_of(Rule::UnknownSetting);
}

#[test]
fn shadowed_variable() {
    let mut scene = Scene::new(1);
    let variable = ("ETCD_NAME".to_owned(), "m1".to_owned());
    scene.members[0].environment.push(variable);
    let said = "is shadowed by corresponding command-line flag";
    scene.found(Rule::SettingConflict, Severity::Error, &[said], &["ETCD_NAME"]);
    scene.start().fails(0, said);

    scene.members[0].environment.retain(|(name, _)| name != "ETCD_NAME");
    scene.is_cured_of(Rule::SettingConflict);
}

#[test]
fn names_of_two_kinds() {
    let mut scene = Scene::new(1);
    scene.set("--peer-cert-allowed-cn", "m1");
    scene.set("--peer-cert-allowed-hostname", "localhost");
    let said = if scene.version() < Version::new(3, 5, 15) {
        "AllowedCN and AllowedHostname are mutually exclusive"
    } else {
        "AllowedCNs and AllowedHostnames are mutually exclusive"
    };
    let fix = ["--peer-cert-allowed-hostname", "--peer-cert-allowed-cn"];
    scene.found(Rule::SettingConflict, Severity::Error, &[said], &fix);
    scene.start().fails(0, said);

    scene.unset("--peer-cert-allowed-hostname");
    scene.is_cured_of(Rule::SettingConflict);
}
