//! Listeners, and the files of TLS.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::explain;
use tercet_pki::doctor::Rule;
use tercet_tests::{RawFleet, available, command, say};

use crate::mistake::{ALL, Mistake, control, is_told, make_all};

#[test]
fn addresses() {
    for etcd in available() {
        control(etcd);
        for flag in ["--listen-client-urls", "--listen-peer-urls", "--listen-metrics-urls"] {
            let mut fleet = RawFleet::new(etcd, 1);
            let taken = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = taken.local_addr().unwrap().to_string();
            let scheme = if flag == "--listen-metrics-urls" { "http" } else { "https" };
            fleet.members[0].set(flag, format!("{scheme}://{address}"));
            let output = fleet.start(0).wait_for_failure();
            let refusals = explain(output.lines());
            assert_eq!(refusals[0].cause, Cause::AddressInUse { address }, "{flag}\n{output}");
            is_told(&refusals[0]);
        }
    }
    make_all(&[Mistake {
        name: "an address of another machine",
        // RFC 5737: of nobody.
        make: |fleet| fleet.members[0].set("--listen-client-urls", "https://192.0.2.1:2379"),
        is_cause: |cause, _| *cause == Cause::AddressNotLocal { address: "192.0.2.1:2379".into() },
        rule: None,
        since: ALL,
    }]);
}

#[test]
fn files_that_are_not_there() {
    make_all(&[
        Mistake {
            name: "no certificate for clients",
            make: |fleet| remove(fleet, "m1/server.crt"),
            is_cause: |cause, _| is_missing(cause, "m1/server.crt"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "no key for peers",
            make: |fleet| remove(fleet, "m1/peer.key"),
            is_cause: |cause, _| is_missing(cause, "m1/peer.key"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "no authority for clients",
            make: |fleet| {
                let nowhere = fleet.word("nowhere.crt");
                fleet.members[0].set("--trusted-ca-file", nowhere);
            },
            is_cause: |cause, _| is_missing(cause, "nowhere.crt"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "a directory as the authority",
            make: |fleet| {
                let directory = fleet.word("m1");
                fleet.members[0].set("--trusted-ca-file", directory);
            },
            is_cause: |cause, _| matches!(cause, Cause::FileUnreadable { path, .. } if path.ends_with("m1")),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "half of the pair for clients",
            make: |fleet| fleet.members[0].unset("--key-file"),
            is_cause: |cause, _| is_half(cause, "m1/server.crt"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "half of the pair for peers",
            make: |fleet| fleet.members[0].unset("--peer-key-file"),
            is_cause: |cause, _| is_half(cause, "m1/peer.crt"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "half of the pair that dials",
            make: |fleet| {
                let certificate = fleet.word("client.crt");
                fleet.members[0].set("--client-cert-file", certificate);
            },
            is_cause: |cause, _| is_half(cause, "client.crt"),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "https for clients and no certificate",
            make: |fleet| {
                for flag in ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"]
                {
                    fleet.members[0].unset(flag);
                }
            },
            is_cause: |cause, _| matches!(cause, Cause::CertificateNotGiven { url } if url.starts_with("https://")),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
        Mistake {
            name: "https for peers and no certificate",
            make: |fleet| {
                for flag in ["cert-file", "key-file", "trusted-ca-file", "client-cert-auth"] {
                    fleet.members[0].unset(&format!("--peer-{flag}"));
                }
            },
            is_cause: |cause, _| matches!(cause, Cause::CertificateNotGiven { url } if url.starts_with("127.0.0.1:")),
            rule: Some(Rule::FileMissing),
            since: ALL,
        },
    ]);
}

fn remove(fleet: &RawFleet, name: &str) {
    std::fs::remove_file(fleet.path(name)).unwrap();
}

fn is_missing(cause: &Cause, name: &str) -> bool {
    matches!(cause, Cause::FileMissing { path } if path.ends_with(name))
}

fn is_half(cause: &Cause, name: &str) -> bool {
    matches!(cause, Cause::HalfPair { certificate: Some(path), key: None } if path.ends_with(name))
}

fn openssl(fleet: &RawFleet, words: &[&str]) {
    let output = command("openssl").current_dir(fleet.directory.path()).args(words).output();
    let output = output.unwrap();
    assert!(output.status.success(), "openssl {words:?}: {output:?}");
}

/// Whether it is the key, and this one.
fn is_unusable_key(cause: &Cause, name: &str) -> bool {
    matches!(cause, Cause::KeyUnusable { path: Some(path), .. } if path.ends_with(name))
}

#[test]
fn files_that_are_something_else() {
    make_all(&[
        Mistake {
            name: "the key of another certificate",
            make: |fleet| fleet.write("m1/server.key", fleet.read("client.key")),
            is_cause: |cause, _| {
                matches!(cause, Cause::KeyMismatch { certificate: Some(certificate), key: Some(key) }
                    if certificate.ends_with("m1/server.crt") && key.ends_with("m1/server.key"))
            },
            rule: Some(Rule::KeyMismatch),
            since: ALL,
        },
        Mistake {
            name: "the key of another certificate, for peers",
            make: |fleet| fleet.write("m1/peer.key", fleet.read("client.key")),
            is_cause: |cause, _| {
                matches!(cause, Cause::KeyMismatch { key: Some(key), .. }
                    if key.ends_with("m1/peer.key"))
            },
            rule: Some(Rule::KeyMismatch),
            since: ALL,
        },
        Mistake {
            name: "an encrypted key",
            make: |fleet| {
                let words = ["pkcs8", "-topk8", "-in", "client.key", "-passout", "pass:x", "-out"];
                openssl(fleet, &[&words[..], &["m1/server.key"]].concat());
            },
            is_cause: |cause, _| is_unusable_key(cause, "m1/server.key"),
            rule: Some(Rule::KeyEncrypted),
            since: ALL,
        },
        Mistake {
            name: "a public key",
            make: |fleet| {
                openssl(fleet, &["pkey", "-in", "client.key", "-pubout", "-out", "m1/peer.key"]);
            },
            is_cause: |cause, _| is_unusable_key(cause, "m1/peer.key"),
            rule: Some(Rule::FileUnusable),
            since: ALL,
        },
        Mistake {
            name: "an empty key",
            make: |fleet| fleet.write("m1/server.key", ""),
            is_cause: |cause, _| is_unusable_key(cause, "m1/server.key"),
            rule: Some(Rule::FileUnusable),
            since: ALL,
        },
        Mistake {
            name: "a certificate as DER",
            make: |fleet| {
                let words =
                    ["x509", "-in", "client.crt", "-outform", "DER", "-out", "m1/server.crt"];
                openssl(fleet, &words);
            },
            is_cause: |cause, _| is_unusable_certificate(cause, &["m1/server.crt"]),
            rule: Some(Rule::FileUnusable),
            since: ALL,
        },
        Mistake {
            name: "certificate and key switched",
            make: |fleet| {
                let (certificate, key) = (fleet.word("m1/peer.crt"), fleet.word("m1/peer.key"));
                fleet.members[0].set("--peer-cert-file", key);
                fleet.members[0].set("--peer-key-file", certificate);
            },
            is_cause: |cause, _| is_unusable_certificate(cause, &["m1/peer.key"]),
            rule: Some(Rule::FileUnusable),
            since: ALL,
        },
        Mistake {
            name: "a damaged authority",
            make: |fleet| {
                let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
                fleet.write("damaged.crt", block);
                let path = fleet.word("damaged.crt");
                fleet.members[0].set("--peer-trusted-ca-file", path);
            },
            is_cause: |cause, _| is_unusable_certificate(cause, &["m1/peer.crt", "damaged.crt"]),
            rule: Some(Rule::FileUnusable),
            since: ALL,
        },
        Mistake {
            name: "automatic certificates that are valid for no time",
            make: |fleet| {
                fleet.members[0].unset("--cert-file");
                fleet.members[0].unset("--key-file");
                fleet.members[0].set("--auto-tls", "true");
                fleet.members[0].set("--self-signed-cert-validity", "0");
            },
            is_cause: |cause, _| matches!(cause, Cause::SelfSigned { .. }),
            rule: Some(Rule::AutomaticTls),
            since: ALL,
        },
    ]);
}

fn is_unusable_certificate(cause: &Cause, names: &[&str]) -> bool {
    matches!(cause, Cause::CertificateUnusable { paths, .. }
        if paths.len() == names.len() && paths.iter().zip(names).all(|(path, name)| path.ends_with(name)))
}

/// Root reads everything, so that somebody else has to run it.
#[test]
fn a_key_of_somebody_else() {
    let is_root = command("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 1);
        let (key, mode) = (fleet.path("m1/peer.key"), if is_root { 0o600 } else { 0o000 });
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = if is_root {
            let Some(output) = run_as_nobody(&fleet) else {
                say("nobody cannot run etcd here: no other user's key was tried");
                return;
            };
            output
        } else {
            fleet.start(0).wait_for_failure()
        };
        let refusals = explain(output.lines());
        let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}\n{output}") };
        let reason = "permission denied".to_owned();
        assert_eq!(refusal.cause, Cause::FileUnreadable { path: key, reason }, "{output}");
        assert_eq!(refusal.rule(), Some(Rule::FileMissing));
        is_told(refusal);
    }
}

/// Runs it as the user `nobody`, who may go to its files but not read the keys. `None` where that
/// cannot be.
fn run_as_nobody(fleet: &RawFleet) -> Option<String> {
    const NOBODY: &str = "65534";
    for directory in ["", "m1"] {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(fleet.path(directory), open).unwrap();
    }
    let data = fleet.path("m1.etcd");
    std::fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(65534), None).ok()?;
    let words = ["--reuid", NOBODY, "--clear-groups", "--"];
    let etcd = fleet.etcd.path();
    let as_nobody = |arguments: &[String]| {
        let mut command = command("setpriv");
        command.args(words).arg(etcd).args(arguments).env_clear().output().ok()
    };
    if !as_nobody(&["--version".into()])?.status.success() {
        return None;
    }
    let output = as_nobody(&fleet.members[0].arguments)?;
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Some(text.into_owned())
}
