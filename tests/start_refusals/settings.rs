//! Flags, variables and files of settings.

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::binary::Version;
use tercet_pki::doctor::Rule;
use tercet_tests::RawFleet;

use crate::mistake::{ALL, Mistake, make_all};

const GOOD_SUITE: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

/// Whether it is a value that the setting does not take.
fn is_invalid(cause: &Cause, name: &str, text: &str) -> bool {
    matches!(cause, Cause::InvalidValue { setting, value, reason }
        if setting == name && value == text && !reason.is_empty())
}

fn one(fleet: &mut RawFleet) -> &mut tercet_tests::Words {
    &mut fleet.members[0]
}

/// Runs it by a file alone.
fn by_file(fleet: &mut RawFleet, name: &str, contents: Option<&str>) {
    if let Some(contents) = contents {
        fleet.write(name, contents);
    }
    let words = vec![format!("--config-file={}", fleet.word(name))];
    one(fleet).arguments = words;
}

#[test]
fn words_and_values() {
    make_all(&[
        Mistake {
            name: "a flag of an old tutorial",
            make: |fleet| one(fleet).set("--ca-file", "ca.crt"),
            is_cause: |_, _| false,
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "a flag that never was",
            make: |fleet| one(fleet).set("--cert-fiel", "a"),
            is_cause: |cause, _| *cause == Cause::UnknownFlag { flag: "cert-fiel".into() },
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a word that is no flag",
            make: |fleet| one(fleet).arguments.push("oops".into()),
            is_cause: |cause, _| *cause == Cause::NotAFlag { argument: "oops".into() },
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a flag without its value",
            make: |fleet| one(fleet).arguments.push("--snapshot-count".into()),
            is_cause: |cause, _| *cause == Cause::ValueMissing { flag: "snapshot-count".into() },
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "no number",
            make: |fleet| one(fleet).set("--quota-backend-bytes", "8GB"),
            is_cause: |cause, _| is_invalid(cause, "--quota-backend-bytes", "8GB"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "neither true nor false",
            make: |fleet| one(fleet).set("--client-cert-auth", "maybe"),
            is_cause: |cause, _| is_invalid(cause, "--client-cert-auth", "maybe"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "neither new nor existing",
            make: |fleet| one(fleet).set("--initial-cluster-state", "old"),
            is_cause: |cause, _| is_invalid(cause, "--initial-cluster-state", "old"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a URL with a path",
            make: |fleet| one(fleet).set("--listen-client-urls", "https://127.0.0.1:1/v2"),
            is_cause: |cause, _| {
                is_invalid(cause, "--listen-client-urls", "https://127.0.0.1:1/v2")
            },
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a variable with no number",
            make: |fleet| {
                one(fleet).unset("--heartbeat-interval");
                let variable = ("ETCD_HEARTBEAT_INTERVAL".into(), "abc".into());
                one(fleet).environment.push(variable);
            },
            is_cause: |cause, _| is_invalid(cause, "ETCD_HEARTBEAT_INTERVAL", "abc"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a variable beside its flag",
            make: |fleet| one(fleet).environment.push(("ETCD_NAME".into(), "m1".into())),
            is_cause: |cause, _| *cause == Cause::ShadowedVariable { variable: "ETCD_NAME".into() },
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "no log level",
            make: |fleet| one(fleet).set("--log-level", "loud"),
            is_cause: |cause, _| is_invalid(cause, "--log-level", "loud"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "no logger",
            make: |fleet| one(fleet).set("--logger", "pretty"),
            is_cause: |cause, _| is_invalid(cause, "--logger", "pretty"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a log where no directory is",
            make: |fleet| one(fleet).set("--log-outputs", "/nowhere/etcd.log"),
            is_cause: |cause, _| is_invalid(cause, "--log-outputs", "/nowhere/etcd.log"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "no mode of compaction",
            make: |fleet| one(fleet).set("--auto-compaction-mode", "weekly"),
            is_cause: |cause, _| is_invalid(cause, "--auto-compaction-mode", "weekly"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "no retention",
            make: |fleet| one(fleet).set("--auto-compaction-retention", "x"),
            is_cause: |cause, _| is_invalid(cause, "--auto-compaction-retention", "x"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "a feature gate that never was",
            make: |fleet| one(fleet).set("--feature-gates", "Nope=true"),
            is_cause: |cause, _| is_invalid(cause, "--feature-gates", "Nope=true"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "no time of a check",
            make: |fleet| one(fleet).set("--compact-hash-check-time", "0s"),
            is_cause: |cause, _| is_invalid(cause, "--compact-hash-check-time", "0s"),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
    ]);
}

#[test]
fn files_of_settings() {
    make_all(&[
        Mistake {
            name: "no file of settings",
            make: |fleet| by_file(fleet, "etcd.yml", None),
            is_cause: |cause, _| matches!(cause, Cause::FileMissing { path } if path.ends_with("etcd.yml")),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "a file that is no YAML",
            make: |fleet| by_file(fleet, "etcd.yml", Some("name: [m1\nfoo")),
            is_cause: |cause, _| matches!(cause, Cause::ConfigFile { reason } if reason.contains("line 2")),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "a file with a word where a number is needed",
            make: |fleet| by_file(fleet, "etcd.yml", Some("heartbeat-interval: abc\n")),
            is_cause: |cause, _| is_invalid(cause, "heartbeat-interval", ""),
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
    ]);
}

#[test]
fn urls() {
    make_all(&[
        Mistake {
            name: "a name to listen on for clients",
            make: |fleet| one(fleet).set("--listen-client-urls", "https://etcd.example:2379"),
            is_cause: |cause, _| {
                *cause == Cause::ListenHostNotAddress { url: "https://etcd.example:2379".into() }
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "a name to listen on for metrics",
            make: |fleet| one(fleet).set("--listen-metrics-urls", "http://etcd.example:1"),
            is_cause: |cause, _| {
                *cause == Cause::ListenHostNotAddress { url: "http://etcd.example:1".into() }
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "no host to be found at by clients",
            make: |fleet| one(fleet).set("--advertise-client-urls", "https://:2379"),
            is_cause: |cause, _| {
                *cause == Cause::AdvertisedHostEmpty { flag: "--advertise-client-urls".into() }
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "no host to be found at by peers",
            make: |fleet| one(fleet).set("--initial-advertise-peer-urls", "https://:2380"),
            is_cause: |cause, _| {
                let flag = "--initial-advertise-peer-urls".to_owned();
                *cause == Cause::AdvertisedHostEmpty { flag }
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "nothing to be found at by clients",
            make: |fleet| one(fleet).unset("--advertise-client-urls"),
            is_cause: |cause, _| *cause == Cause::AdvertisedClientUrlsMissing,
            rule: None,
            since: ALL,
        },
    ]);
}

#[test]
fn what_does_not_go_together() {
    make_all(&[
        Mistake {
            name: "two ways to find the others",
            make: |fleet| one(fleet).set("--discovery-srv", "example.com"),
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { .. }),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "half of a discovery",
            make: |fleet| one(fleet).set("--discovery-token", "token"),
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { .. }),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "a feature without the one that it needs",
            make: |fleet| one(fleet).set("--feature-gates", "LeaseCheckpointPersist=true"),
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { .. }),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "rotation of a log that is no file",
            make: |fleet| one(fleet).set("--enable-log-rotation", "true"),
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { .. }),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "gRPC and HTTP on one URL and apart",
            make: |fleet| {
                let url = one(fleet).get("--listen-client-urls").to_owned();
                one(fleet).set("--listen-client-http-urls", url);
            },
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { .. }),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "names of two kinds for peers",
            make: |fleet| {
                one(fleet).set("--peer-cert-allowed-cn", "m1");
                one(fleet).set("--peer-cert-allowed-hostname", "localhost");
            },
            is_cause: |cause, _| matches!(cause, Cause::SettingConflict { reason } if reason.contains("exclusive")),
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "no heartbeat",
            make: |fleet| one(fleet).set("--heartbeat-interval", "0"),
            is_cause: |cause, _| matches!(cause, Cause::Timing { .. }),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "an election as short as a heartbeat",
            make: |fleet| one(fleet).set("--election-timeout", "60"),
            is_cause: |cause, _| matches!(cause, Cause::Timing { .. }),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "an election of a minute",
            make: |fleet| one(fleet).set("--election-timeout", "60000"),
            is_cause: |cause, _| matches!(cause, Cause::Timing { .. }),
            rule: None,
            since: ALL,
        },
    ]);
}

#[test]
fn versions_and_ciphers_of_tls() {
    make_all(&[
        Mistake {
            name: "no TLS version",
            make: |fleet| one(fleet).set("--tls-min-version", "TLS1.9"),
            is_cause: |cause, _| *cause == Cause::UnknownTlsVersion { version: "TLS1.9".into() },
            rule: Some(Rule::UnknownSetting),
            since: ALL,
        },
        Mistake {
            name: "TLS versions crossed",
            make: |fleet| {
                one(fleet).set("--tls-min-version", "TLS1.3");
                one(fleet).set("--tls-max-version", "TLS1.2");
            },
            is_cause: |cause, _| {
                let (least, most) = ("TLS1.3".into(), "TLS1.2".into());
                *cause == Cause::TlsVersionsCrossed { least, most }
            },
            rule: Some(Rule::SettingConflict),
            since: ALL,
        },
        Mistake {
            name: "ciphers of TLS 1.3",
            make: |fleet| {
                one(fleet).set("--tls-min-version", "TLS1.3");
                one(fleet).set("--cipher-suites", GOOD_SUITE);
            },
            is_cause: |cause, _| *cause == Cause::CipherSuitesWithoutEffect,
            rule: Some(Rule::ProtocolMismatch),
            since: ALL,
        },
        Mistake {
            name: "no cipher",
            make: |fleet| one(fleet).set("--cipher-suites", "TLS_NONE"),
            is_cause: |cause, _| *cause == Cause::UnknownCipherSuite { suite: "TLS_NONE".into() },
            rule: Some(Rule::ProtocolMismatch),
            since: ALL,
        },
        Mistake {
            name: "no cipher for HTTP/2",
            make: |fleet| {
                one(fleet).set("--cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
            },
            is_cause: |cause, version| {
                *cause == Cause::CipherSuitesWithoutHttp2
                    // It closes its listener and says why, in either order.
                    || version == Version::new(3, 5, 1) && matches!(cause, Cause::ListenerLost { .. })
            },
            rule: Some(Rule::ProtocolMismatch),
            since: ALL,
        },
    ]);
}

#[test]
fn tokens_and_dns() {
    make_all(&[
        Mistake {
            name: "no kind of tokens",
            make: |fleet| one(fleet).set("--auth-token", "nonsense"),
            is_cause: |cause, _| matches!(cause, Cause::AuthToken { reason } if reason.contains("nonsense")),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "tokens without their keys",
            make: |fleet| {
                let keys = "jwt,pub-key=/nowhere,priv-key=/nowhere,sign-method=RS256";
                one(fleet).set("--auth-token", keys);
            },
            is_cause: |cause, _| matches!(cause, Cause::AuthToken { reason } if reason.contains("open /nowhere")),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "a domain that names no cluster",
            make: |fleet| {
                one(fleet).unset("--initial-cluster");
                one(fleet).set("--discovery-srv", "nowhere.invalid");
            },
            is_cause: |cause, _| {
                matches!(cause, Cause::DiscoveryDns { reason }
                    if reason.contains("_etcd-server-ssl._tcp.nowhere.invalid"))
            },
            rule: None,
            since: ALL,
        },
    ]);
}
