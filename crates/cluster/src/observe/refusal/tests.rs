//! Lines that etcd 3.4.23, 3.5.1, 3.5.30, 3.6.14 and 3.7.1 printed, without time, caller and stack,
//! and with other paths. `tests/start_refusals` has the same of etcds that run.

mod links;
mod texts;

use super::RefusalCause as Cause;
use super::*;

fn causes(lines: &[&str]) -> Vec<Cause> {
    explain(lines).into_iter().map(|refusal| refusal.cause).collect()
}

fn cause(lines: &[&str]) -> Cause {
    let mut causes = causes(lines);
    assert_eq!(causes.len(), 1, "{lines:#?}: {causes:#?}");
    causes.remove(0)
}

/// The error of a start that was refused, as the versions up to 3.5 and those from 3.6 on wrap it.
fn refused(error: &str) -> Cause {
    let quoted = serde_json::Value::from(error).to_string();
    let line = |level: &str, message: &str| {
        format!(r#"{{"level":"{level}","msg":"{message}","error":{quoted}}}"#)
    };
    let fatal = line("fatal", "discovery failed");
    let old = cause(&[&line("warn", "failed to start etcd"), &fatal]);
    let new = cause(&[&line("error", "bootstrap failed"), &fatal]);
    assert_eq!(old, new);
    old
}

/// The same of a setting: in JSON, and as 3.4 has it before its logger is set.
fn unverified(error: &str) -> Cause {
    let quoted = serde_json::Value::from(error).to_string();
    let json = format!(r#"{{"level":"warn","msg":"failed to verify flags","error":{quoted}}}"#);
    let text = format!(
        "2026-11-22 10:05:08.421909 E | etcdmain: error verifying flags, {error}. See 'etcd --help'."
    );
    let (json, text) = (cause(&[&json]), cause(&[&text]));
    assert_eq!(json, text);
    json
}

#[test]
fn flags() {
    let usage = ["Usage:", "", "  etcd [flags]", "    Start an etcd server."];
    let with_usage = |line| cause(&[&[line], &usage[..]].concat());
    assert_eq!(
        with_usage("flag provided but not defined: -ca-file"),
        Cause::UnknownFlag { flag: "ca-file".into() }
    );
    assert_eq!(
        with_usage("flag needs an argument: -snapshot-count"),
        Cause::ValueMissing { flag: "snapshot-count".into() }
    );
    let invalid = |setting: &str, value: &str, reason: &str| Cause::InvalidValue {
        setting: setting.into(),
        value: value.into(),
        reason: reason.into(),
    };
    assert_eq!(
        with_usage(r#"invalid value "abc" for flag -heartbeat-interval: parse error"#),
        invalid("--heartbeat-interval", "abc", "parse error")
    );
    assert_eq!(
        with_usage(r#"invalid boolean value "maybe" for -client-cert-auth: parse error"#),
        invalid("--client-cert-auth", "maybe", "parse error")
    );
    let reason = "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:1";
    assert_eq!(
        with_usage(&format!(
            r#"invalid value "ftp://127.0.0.1:1" for flag -listen-client-urls: {reason}"#
        )),
        invalid("--listen-client-urls", "ftp://127.0.0.1:1", reason)
    );
    assert_eq!(
        unverified(r#"invalid value "abc" for ETCD_HEARTBEAT_INTERVAL: parse error"#),
        invalid("ETCD_HEARTBEAT_INTERVAL", "abc", "parse error")
    );
    // 3.5 and 3.6.
    for error in ["'oops' is not a valid flag", r#""oops" is not a valid flag"#] {
        assert_eq!(unverified(error), Cause::NotAFlag { argument: "oops".into() });
    }
    let variable = || Cause::ShadowedVariable { variable: "ETCD_NAME".into() };
    assert_eq!(
        cause(&[
            r#"{"level":"fatal","msg":"conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))","environment-variable":"ETCD_NAME"}"#
        ]),
        variable()
    );
    assert_eq!(
        cause(&[
            r#"2026-11-22 10:07:08.421909 C | pkg/flags: conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)"#
        ]),
        variable()
    );
    // A crash of 3.5.1, after which Go prints where it was.
    assert_eq!(
        cause(&[r#"panic: unrecognized level: "loud""#, "", "goroutine 1 [running]:"]),
        invalid("--log-level", "loud", "there is no such level")
    );
    assert_eq!(
        cause(&[r#"panic: unknown level "loud""#]),
        cause(&[r#"panic: unrecognized level: "loud""#])
    );
}

#[test]
fn settings() {
    assert_eq!(
        unverified("expected IP in URL for binding (https://etcd.example:2379)"),
        Cause::ListenHostNotAddress { url: "https://etcd.example:2379".into() }
    );
    for form in [r#"must be "host:port""#, r#"must be in the format "host:port", "unix:/path""#] {
        let error = format!(
            r#"--advertise-client-urls "https://:2379" {form} (unexpected empty host (https://:2379))"#
        );
        let flag = "--advertise-client-urls".to_owned();
        assert_eq!(unverified(&error), Cause::AdvertisedHostEmpty { flag });
    }
    for error in [
        "--election-timeout[60ms] should be at least as 5 times as --heartbeat-interval[20ms]",
        "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
        "--heartbeat-interval must be >0 (set to 0ms)",
    ] {
        assert_eq!(unverified(error), Cause::Timing { reason: error.into() });
    }
    assert_eq!(
        unverified(r#"unexpected TLS version "TLS1.9" (must be one of: TLS1.2, TLS1.3)"#),
        Cause::UnknownTlsVersion { version: "TLS1.9".into() }
    );
    assert_eq!(
        unverified("min version (TLS1.3) is greater than max version (TLS1.2)"),
        Cause::TlsVersionsCrossed { least: "TLS1.3".into(), most: "TLS1.2".into() }
    );
    assert_eq!(
        unverified("cipher suites cannot be configured when only TLS1.3 is enabled"),
        Cause::CipherSuitesWithoutEffect
    );
    assert_eq!(
        refused(r#"unexpected TLS cipher suite "TLS_NONE""#),
        Cause::UnknownCipherSuite { suite: "TLS_NONE".into() }
    );
    // 3.4 and 3.5.1; from 3.5.15 on in the plural.
    for error in [
        r#"AllowedCN and AllowedHostname are mutually exclusive (cn="a", hostname="b")"#,
        r#"AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a"], hostnames=["b"])"#,
    ] {
        assert_eq!(refused(error), Cause::SettingConflict { reason: error.into() });
    }
    let key = "it is a string, and a uint is needed";
    for field in ["configYAML.heartbeat-interval", "configYAML.Config.heartbeat-interval"] {
        let error = format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go \
             struct field {field} of type uint"
        );
        assert_eq!(
            unverified(&error),
            Cause::InvalidValue {
                setting: "heartbeat-interval".into(),
                value: String::new(),
                reason: key.into()
            }
        );
    }
    // What is wrong with it stands in another line.
    assert_eq!(
        cause(&[
            r#"{"level":"error","msg":"problem loading JWT options","error":"auth: invalid auth signature method"}"#,
            r#"{"level":"warn","msg":"failed to create token provider","error":"auth: invalid auth options"}"#,
            r#"{"level":"fatal","msg":"discovery failed","error":"auth: invalid auth options"}"#,
        ]),
        Cause::AuthToken { reason: "auth: invalid auth signature method".into() }
    );
}

#[test]
fn listeners_and_files() {
    let address = "127.0.0.1:2379".to_owned();
    assert_eq!(
        refused("listen tcp 127.0.0.1:2379: bind: address already in use"),
        Cause::AddressInUse { address: address.clone() }
    );
    assert_eq!(
        refused("listen tcp 127.0.0.1:2379: bind: cannot assign requested address"),
        Cause::AddressNotLocal { address: address.clone() }
    );
    assert_eq!(
        cause(&[
            r#"{"level":"fatal","msg":"listener failed","error":"accept tcp 127.0.0.1:2379: use of closed network connection"}"#
        ]),
        Cause::ListenerLost { address: address.clone() }
    );
    // An effect beside its cause (3.6).
    assert_eq!(
        cause(&[
            r#"{"level":"error","msg":"setting up serving from embedded etcd failed.","error":"accept tcp 127.0.0.1:2379: use of closed network connection"}"#,
            r#"{"level":"fatal","msg":"discovery failed","error":"listen tcp 127.0.0.1:2379: bind: address already in use"}"#,
        ]),
        Cause::AddressInUse { address: address.clone() }
    );
    assert_eq!(
        refused(
            "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:2379 with HTTPS scheme"
        ),
        Cause::CertificateNotGiven { url: "https://127.0.0.1:2379".into() }
    );
    assert_eq!(
        refused("cannot listen on TLS for 127.0.0.1:2379: KeyFile and CertFile are not presented"),
        Cause::CertificateNotGiven { url: address }
    );
    let half = Cause::HalfPair { certificate: Some("/pki/a.crt".into()), key: None };
    assert_eq!(refused("KeyFile and CertFile must both be present[key: , cert: /pki/a.crt]"), half);
    assert_eq!(
        refused(
            "ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: /pki/a.crt]"
        ),
        half
    );
    assert_eq!(
        refused("open /pki/a key.key: no such file or directory"),
        Cause::FileMissing { path: "/pki/a key.key".into() }
    );
    for (error, path, reason) in [
        ("open /pki/a.key: permission denied", "/pki/a.key", "permission denied"),
        ("read /pki: is a directory", "/pki", "is a directory"),
    ] {
        let reason = reason.to_owned();
        assert_eq!(refused(error), Cause::FileUnreadable { path: path.into(), reason });
    }
}

#[test]
fn which_files_is_told_by_the_lines_before() {
    let peer = r#"{"level":"info","msg":"starting with peer TLS","tls-info":"cert = /pki/peer.crt, key = /pki/peer.key, client-cert=, client-key=, trusted-ca = /pki/ca.crt, client-cert-auth = true, crl-file = "}"#;
    let listeners = r#"{"level":"info","msg":"configuring client listeners","listen-client-urls":["https://127.0.0.1:2379"]}"#;
    let client = r#"{"level":"info","msg":"starting with client TLS","tls-info":"cert = /pki/server.crt, key = /pki/server.key, trusted-ca = /pki/ca.crt, client-cert-auth = true, crl-file = "}"#;
    let error = "tls: private key does not match public key";
    let fatal = |message| format!(r#"{{"level":"fatal","msg":"{message}","error":"{error}"}}"#);
    let pair = |name: &str| Cause::KeyMismatch {
        certificate: Some(format!("/pki/{name}.crt").into()),
        key: Some(format!("/pki/{name}.key").into()),
    };
    assert_eq!(cause(&[peer, &fatal("discovery failed")]), pair("peer"));
    assert_eq!(cause(&[peer, listeners, client, &fatal("listener failed")]), pair("server"));
    // The metrics' listener, or who knows.
    assert_eq!(
        cause(&[peer, listeners, client, &fatal("discovery failed")]),
        Cause::KeyMismatch { certificate: None, key: None }
    );
    let unusable = |error: &str| {
        let error = serde_json::Value::from(error).to_string();
        cause(&[peer, &format!(r#"{{"level":"fatal","msg":"discovery failed","error":{error}}}"#)])
    };
    let (path, reason) = (Some("/pki/peer.key".into()), "tls: failed to parse private key".into());
    assert_eq!(unusable("tls: failed to parse private key"), Cause::KeyUnusable { path, reason });
    let reason = "tls: failed to find any PEM data in certificate input".to_owned();
    let paths = vec!["/pki/peer.crt".into()];
    assert_eq!(unusable(&reason), Cause::CertificateUnusable { paths, reason: reason.clone() });
    // Go 1.16 and later.
    for reason in ["asn1: structure error: tags don't match", "x509: malformed certificate"] {
        let paths = vec!["/pki/peer.crt".into(), "/pki/ca.crt".into()];
        let reason = reason.to_owned();
        assert_eq!(unusable(&reason), Cause::CertificateUnusable { paths, reason: reason.clone() });
    }
}

#[test]
fn joining() {
    assert_eq!(
        refused(r#"couldn't find local name "m1" in the initial cluster configuration"#),
        Cause::LocalNameMissing { name: "m1".into() }
    );
    let error = r#"--initial-cluster has m1=https://127.0.0.1:1 but missing from --initial-advertise-peer-urls=https://127.0.0.1:9 (resolved urls: "https://127.0.0.1:9" != "https://127.0.0.1:1")"#;
    assert_eq!(refused(error), Cause::AdvertisedUrlsUnequal { reason: error.into() });
    assert_eq!(
        refused("initial cluster m1=https://127.0.0.1:9,m2=https://127.0.0.1:9 has duplicate url"),
        Cause::DuplicateUrl {
            initial_cluster: "m1=https://127.0.0.1:9,m2=https://127.0.0.1:9".into()
        }
    );
    assert_eq!(
        cause(&[
            r#"{"level":"warn","msg":"failed to get cluster response","address":"https://127.0.0.1:1/members","error":"Get \"https://127.0.0.1:1/members\": dial tcp 127.0.0.1:1: connect: connection refused"}"#,
            r#"{"level":"fatal","msg":"discovery failed","error":"cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs"}"#,
        ]),
        Cause::ClusterUnreachable {
            asked: vec![
                "https://127.0.0.1:1/members: dial tcp 127.0.0.1:1: connect: connection refused"
                    .into()
            ]
        }
    );
    let running = "error validating peerURLs {ClusterID:635307cb722069ea Members:[&{ID:1bbe904c5907b357 RaftAttributes:{PeerURLs:[https://127.0.0.1:1] IsLearner:false} Attributes:{Name:m1 ClientURLs:[https://127.0.0.1:2]}} &{ID:46e69a89306bdf68 RaftAttributes:{PeerURLs:[https://127.0.0.1:3] IsLearner:false} Attributes:{Name:m3 ClientURLs:[https://127.0.0.1:4]}}] RemovedMemberIDs:[]}";
    let cluster = || "635307cb722069ea".to_owned();
    let members = || vec!["https://127.0.0.1:1".to_owned(), "https://127.0.0.1:3".to_owned()];
    assert_eq!(
        refused(&format!("{running}: member count is unequal")),
        Cause::MemberCountUnequal { cluster: cluster(), members: members() }
    );
    // 3.4 to 3.6.
    for error in [
        "unmatched member while checking PeerURLs (no such host)",
        "PeerURLs: no match found for existing member (1, [x]), last resolver error",
    ] {
        assert_eq!(
            refused(&format!("{running}: {error}")),
            Cause::MemberUrlsUnequal { cluster: cluster(), members: members() }
        );
    }
    assert_eq!(
        refused("member dc76099028659bfd has already been bootstrapped"),
        Cause::AlreadyBootstrapped { member: "dc76099028659bfd".into() }
    );
    // 3.6, which also ends its listener.
    assert_eq!(
        cause(&[
            r#"{"level":"warn","msg":"server error","error":"the member has been permanently removed from the cluster"}"#,
            r#"{"level":"warn","msg":"data-dir used by this member must be removed"}"#,
            r#"{"level":"fatal","msg":"listener failed","error":"server is stopping"}"#,
        ]),
        Cause::Removed
    );
    assert_eq!(refused("membership: too many learner members in cluster"), Cause::TooManyLearners);
    assert_eq!(
        cause(&[
            r#"{"level":"panic","msg":"failed to update; member unknown","cluster-id":"6332ee96ec4e54e9","unknown-remote-peer-id":"625c7f5064eb325a"}"#,
            r#"{"level":"panic","msg":"execute job failed","job":"server_applyAll","panic":"failed to update; member unknown"}"#,
            "panic: failed to update; member unknown [recovered]",
        ]),
        Cause::MemberUnknown { member: "625c7f5064eb325a".into() }
    );
}

#[test]
fn data() {
    assert_eq!(
        cause(&[
            r#"{"level":"fatal","msg":"failed to list data directory","dir":"/data","error":"open /data: permission denied"}"#
        ]),
        Cause::DataDirectory { path: "/data".into(), reason: "permission denied".into() }
    );
    assert_eq!(
        cause(&[
            r#"{"level":"panic","msg":"failed to create WAL","error":"mkdir /dev/null: not a directory"}"#,
            "panic: failed to create WAL",
        ]),
        Cause::DataDirectory { path: "/dev/null".into(), reason: "not a directory".into() }
    );
    assert_eq!(
        cause(&[
            r#"{"level":"fatal","msg":"invalid downgrade; server version is lower than determined cluster version","current-server-version":"3.5.30","determined-cluster-version":"3.6"}"#
        ]),
        Cause::VersionTooLow { server: "3.5.30".into(), cluster: "3.6".into() }
    );
    assert_eq!(
        refused(r#"version "3.7.0" is not supported"#),
        Cause::VersionTooLow { server: String::new(), cluster: "3.7.0".into() }
    );
    assert_eq!(
        refused("faceb08523a9fbb found data inconsistency with peers"),
        Cause::Corrupt { member: "faceb08523a9fbb".into() }
    );
    let damaged = |path: Option<&str>, reason: &str| Cause::DatabaseDamaged {
        path: path.map(Into::into),
        reason: reason.into(),
    };
    assert_eq!(
        cause(&[
            r#"{"level":"error","logger":"bbolt","msg":"both meta pages are invalid, meta0: invalid database, meta1: invalid database"}"#,
            r#"{"level":"panic","msg":"failed to open database","path":"/data/member/snap/db","error":"invalid database"}"#,
            "panic: failed to open database",
        ]),
        damaged(Some("/data/member/snap/db"), "invalid database")
    );
    for reason in [
        "freepages: failed to get all reachable pages (page -7974058244852081625: out of bounds: 14)",
        "assertion failed: Page expected to be: 6, but self identifies as 8521502825590536781",
    ] {
        assert_eq!(cause(&[&format!("panic: {reason}"), ""]), damaged(None, reason));
    }
    let fault = "unexpected fault address 0x7f65e000d000";
    assert_eq!(cause(&[fault, "fatal error: fault"]), damaged(None, fault));
    for reason in ["walpb: crc mismatch", "proto: Record: illegal tag 0 (wire type 1)"] {
        assert_eq!(refused(reason), Cause::LogDamaged { reason: reason.into() });
    }
    let reason = "cannot use none as id";
    assert_eq!(
        cause(&[&format!("panic: {reason}"), "", "goroutine 1 [running]:"]),
        Cause::LogDamaged { reason: reason.into() }
    );
    // 3.7.1, of the same.
    let reason = "runtime error: invalid memory address or nil pointer dereference";
    assert_eq!(
        cause(&[&format!("panic: {reason}"), "[signal SIGSEGV: segmentation violation]"]),
        Cause::Crashed { reason: reason.into() }
    );
}
