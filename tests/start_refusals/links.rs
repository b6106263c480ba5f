//! Links and clients that are refused: no process ends, and the log says why.

use std::path::PathBuf;

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::binary::Version;
use tercet_cluster::{PortKind, Refusal, RefusedLink};
use tercet_pki::doctor::Rule;
use tercet_pki::{Authority, LOOPBACK_HOSTS, Leaf};
use tercet_tests::{RawEtcd, RawFleet, available, command, wait_until_serving};

use crate::mistake::{is_told, refusals, wait_for_cause};

/// A mistake with the certificate, files or flags of the first member of two.
struct PeerMistake {
    name: &'static str,
    make: fn(&mut RawFleet),
    is_cause: fn(&Cause) -> bool,
    rule: Rule,
}

const PEER: [&str; 1] = ["127.0.0.1"];

fn put_peer(fleet: &RawFleet, leaf: Leaf) {
    fleet.put("m1", "peer", &leaf);
}

/// A list of the fleet's authority that names one certificate.
fn revoked(fleet: &RawFleet, directory: &str, stem: &str, leaf: Leaf) -> PathBuf {
    let (identity, list) = fleet.identities.authority().issue_revoked(&leaf).unwrap();
    identity.replace(fleet.path(directory), stem).unwrap();
    let path = fleet.path("list.crl");
    std::fs::write(&path, list.der()).unwrap();
    path
}

const PEER_MISTAKES: &[PeerMistake] = &[
    PeerMistake {
        name: "another authority's certificate",
        make: |fleet| {
            let stranger = Authority::generate("stranger").unwrap();
            let identity = stranger.issue(&Leaf::peer("m1").hosts(LOOPBACK_HOSTS)).unwrap();
            identity.replace(fleet.path("m1"), "peer").unwrap();
        },
        is_cause: |cause| *cause == Cause::UnknownAuthority,
        rule: Rule::WrongAuthority,
    },
    PeerMistake {
        name: "a file of authorities with none in it",
        make: |fleet| {
            fleet.write("garbage.crt", "hello\n");
            let path = fleet.word("garbage.crt");
            fleet.members[0].set("--peer-trusted-ca-file", path);
        },
        is_cause: |cause| *cause == Cause::UnknownAuthority,
        rule: Rule::WrongAuthority,
    },
    PeerMistake {
        name: "an expired certificate",
        make: |fleet| put_peer(fleet, Leaf::peer("m1").hosts(LOOPBACK_HOSTS).expired()),
        is_cause: |cause| matches!(cause, Cause::Expired { now, since } if now > since && since.ends_with('Z')),
        rule: Rule::Expired,
    },
    PeerMistake {
        name: "a certificate of the future",
        make: |fleet| put_peer(fleet, Leaf::peer("m1").hosts(LOOPBACK_HOSTS).not_yet_valid()),
        is_cause: |cause| matches!(cause, Cause::NotYetValid { now, from } if now < from),
        rule: Rule::NotYetValid,
    },
    PeerMistake {
        name: "a certificate for servers alone",
        make: |fleet| put_peer(fleet, Leaf::peer("m1").hosts(LOOPBACK_HOSTS).server_only()),
        is_cause: |cause| *cause == Cause::WrongUsage,
        rule: Rule::PeerUsageMissing,
    },
    PeerMistake {
        name: "a certificate for another address",
        make: |fleet| put_peer(fleet, Leaf::peer("m1").hosts(["192.0.2.1"])),
        is_cause: |cause| {
            matches!(cause, Cause::PeerAddressNotNamed { address, names }
                if address == PEER[0] && names == &["192.0.2.1"])
        },
        rule: Rule::PeerAddressNotNamed,
    },
    PeerMistake {
        name: "a certificate for a name alone",
        make: |fleet| put_peer(fleet, Leaf::peer("m1").hosts(["nowhere.invalid"])),
        is_cause: |cause| {
            matches!(cause, Cause::PeerAddressNotNamed { address, names }
                if address == PEER[0] && names == &["nowhere.invalid"])
        },
        rule: Rule::PeerAddressNotNamed,
    },
    PeerMistake {
        name: "a name that is not allowed",
        make: |fleet| fleet.set("--peer-cert-allowed-cn", "m2"),
        is_cause: |cause| *cause == Cause::NameNotAllowed,
        rule: Rule::PeerNotAllowed,
    },
    PeerMistake {
        name: "a host that is not allowed",
        make: |fleet| {
            put_peer(fleet, Leaf::peer("m1").hosts(PEER));
            fleet.set("--peer-cert-allowed-hostname", "localhost");
        },
        is_cause: |cause| *cause == Cause::NameNotAllowed,
        rule: Rule::PeerNotAllowed,
    },
    PeerMistake {
        name: "a revoked certificate",
        make: |fleet| {
            let list = revoked(fleet, "m1", "peer", Leaf::peer("m1").hosts(LOOPBACK_HOSTS));
            fleet.members[1].set("--peer-crl-file", list.display().to_string());
        },
        is_cause: |cause| matches!(cause, Cause::Revoked { serial } if !serial.is_empty()),
        rule: Rule::Revoked,
    },
    PeerMistake {
        name: "no revocation list",
        make: |fleet| {
            let path = fleet.word("nowhere.crl");
            fleet.members[0].set("--peer-crl-file", path);
        },
        is_cause: |cause| {
            matches!(cause, Cause::RevocationList { path: Some(path), .. }
                if path.ends_with("nowhere.crl"))
        },
        rule: Rule::RevocationList,
    },
    PeerMistake {
        name: "a revocation list that is none",
        make: |fleet| {
            fleet.write("garbage.crl", "hello\n");
            let path = fleet.word("garbage.crl");
            fleet.members[0].set("--peer-crl-file", path);
        },
        is_cause: |cause| matches!(cause, Cause::RevocationList { path: None, .. }),
        rule: Rule::RevocationList,
    },
];

#[test]
fn peers() {
    for etcd in available() {
        // The control.
        let sound = RawFleet::new(etcd, 2);
        for running in sound.start_all() {
            let left: Vec<_> = refusals(&running).into_iter().filter(says_why).collect();
            assert_eq!(left, [], "{}", etcd.version());
        }
        for mistake in PEER_MISTAKES {
            let mut fleet = RawFleet::new(etcd, 2);
            (mistake.make)(&mut fleet);
            let mut etcds = [fleet.start(0), fleet.start(1)];
            let refusal = wait_for_any(&mut etcds, mistake.name, mistake.is_cause);
            let what = format!("{} on {}", mistake.name, etcd.version());
            assert!(refusal.link.is_some(), "{what}: {refusal:?}");
            let rules = if matches!(refusal.cause, Cause::HostNotNamed { .. }) {
                Rule::HostNotNamed
            } else {
                mistake.rule
            };
            assert_eq!(refusal.rule(), Some(rules), "{what}");
        }
    }
}

/// What is more than that somebody does not answer yet.
fn says_why(refusal: &Refusal) -> bool {
    !matches!(refusal.cause, Cause::PeerUnreachable { .. })
}

/// Waits until one of the two members says it: which of them knows is not the same for all causes.
fn wait_for_any(etcds: &mut [RawEtcd; 2], what: &str, is_cause: fn(&Cause) -> bool) -> Refusal {
    let [one, other] = etcds;
    let mut found = None;
    one.wait_until(&format!("been refused or refused for {what}"), |one| {
        let all = refusals(one).into_iter().chain(refusals(other));
        found = all.into_iter().find(|refusal| is_cause(&refusal.cause));
        found.is_some()
    });
    let refusal = found.unwrap();
    is_told(&refusal);
    refusal
}

#[test]
fn a_peer_that_is_not_there() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 2);
        let mut first = fleet.start(0);
        let refusal = wait_for_cause(&mut first, "that nobody answers", |refusal| {
            let reason = "connection refused".to_owned();
            refusal.cause == Cause::PeerUnreachable { reason }
        });
        assert!(matches!(refusal.link, Some(RefusedLink::Outgoing { .. })));
        assert_eq!(refusal.rule(), None);
        // The control: it comes, and is unreachable no more.
        let mut second = fleet.start(1);
        wait_until_serving(&mut second);
        first.wait_until("reached the other", |first| refusals(first).is_empty());
    }
}

/// What a client does with one sound member.
struct ClientMistake {
    name: &'static str,
    make: fn(&mut RawFleet),
    /// Words of curl that come after those of a sound client.
    curl: &'static [&'static str],
    is_cause: fn(&Cause) -> bool,
    rule: Rule,
}

fn put_client(fleet: &RawFleet, leaf: Leaf) {
    fleet.put("", "client", &leaf);
}

const CLIENT_MISTAKES: &[ClientMistake] = &[
    ClientMistake {
        name: "no certificate",
        make: |_| (),
        curl: &["--cert", "", "--key", ""],
        is_cause: |cause| *cause == Cause::CertificateDemanded,
        rule: Rule::ClientCertificateDemanded,
    },
    ClientMistake {
        name: "another authority's certificate",
        make: |fleet| {
            let stranger = Authority::generate("stranger").unwrap();
            let identity = stranger.issue(&Leaf::client("client")).unwrap();
            identity.replace(fleet.directory.path(), "client").unwrap();
        },
        curl: &[],
        is_cause: |cause| *cause == Cause::UnknownAuthority,
        rule: Rule::WrongAuthority,
    },
    ClientMistake {
        name: "a server's certificate",
        make: |fleet| put_client(fleet, Leaf::client("client").server_only()),
        curl: &[],
        is_cause: |cause| *cause == Cause::WrongUsage,
        rule: Rule::ClientNotClient,
    },
    ClientMistake {
        name: "an expired certificate",
        make: |fleet| put_client(fleet, Leaf::client("client").expired()),
        curl: &[],
        is_cause: |cause| matches!(cause, Cause::Expired { .. }),
        rule: Rule::Expired,
    },
    ClientMistake {
        name: "a certificate of the future",
        make: |fleet| put_client(fleet, Leaf::client("client").not_yet_valid()),
        curl: &[],
        is_cause: |cause| matches!(cause, Cause::NotYetValid { .. }),
        rule: Rule::NotYetValid,
    },
    ClientMistake {
        name: "a revoked certificate",
        make: |fleet| {
            let list = revoked(fleet, "", "client", Leaf::client("client"));
            fleet.members[0].set("--client-crl-file", list.display().to_string());
        },
        curl: &[],
        is_cause: |cause| matches!(cause, Cause::Revoked { .. }),
        rule: Rule::Revoked,
    },
    ClientMistake {
        name: "a host that is not allowed",
        make: |fleet| fleet.set("--client-cert-allowed-hostname", "nobody.invalid"),
        curl: &[],
        is_cause: |cause| *cause == Cause::NameNotAllowed,
        rule: Rule::PeerNotAllowed,
    },
    ClientMistake {
        name: "plain text",
        make: |_| (),
        curl: &["--next", "http://"],
        is_cause: |cause| *cause == Cause::PlainToTls,
        rule: Rule::SchemeMismatch,
    },
    ClientMistake {
        name: "an old version of TLS",
        make: |_| (),
        // Security level 0: newer libraries would not even ask.
        curl: &["--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0"],
        is_cause: |cause| *cause == Cause::TlsVersionMismatch,
        rule: Rule::ProtocolMismatch,
    },
    ClientMistake {
        name: "no cipher in common",
        make: |_| (),
        curl: &["--tls-max", "1.2", "--ciphers", "AES128-SHA"],
        is_cause: |cause| *cause == Cause::CipherSuiteMismatch,
        rule: Rule::ProtocolMismatch,
    },
    ClientMistake {
        name: "another authority trusted",
        make: |fleet| {
            let stranger = Authority::generate("stranger").unwrap();
            fleet.write("stranger.crt", stranger.certificate_pem());
        },
        curl: &["--cacert", "stranger.crt"],
        is_cause: |cause| matches!(cause, Cause::RefusedThere { alert } if !alert.is_empty()),
        // It is the client's matter, and only the client knows it.
        rule: Rule::WrongAuthority,
    },
];

/// Runs curl once as the fleet's client, from its directory.
fn curl(fleet: &RawFleet, words: &[&str]) -> bool {
    let url = format!("{}/version", fleet.members[0].get("--advertise-client-urls"));
    let mut curl = command("curl");
    curl.current_dir(fleet.directory.path());
    curl.args(["--silent", "--fail", "--max-time", "10", "--noproxy", "*"]);
    if words == ["--next", "http://"] {
        return curl.arg(url.replace("https", "http")).output().unwrap().status.success();
    }
    curl.args(["--cacert", "ca.crt"]);
    if words.first() != Some(&"--cert") {
        curl.args(["--cert", "client.crt", "--key", "client.key"]).args(words);
    }
    curl.arg(url).output().unwrap().status.success()
}

#[test]
fn clients() {
    for etcd in available() {
        let version = etcd.version();
        for mistake in CLIENT_MISTAKES {
            let what = format!("{} on {version}", mistake.name);
            let mut fleet = RawFleet::new(etcd, 1);
            // Its own gateway would be refused beside the client by what is allowed.
            fleet.set("--enable-grpc-gateway", "false");
            (mistake.make)(&mut fleet);
            let mut running = fleet.start(0);
            wait_until_serving(&mut running);
            assert_eq!(refusals(&running), [], "{what}, before");
            running.wait_until("refused the client", |etcd| {
                assert!(!curl(&fleet, mistake.curl), "{what}: it was let in");
                refusals(etcd).iter().any(|refusal| (mistake.is_cause)(&refusal.cause))
            });
            let refusals = refusals(&running);
            let [refusal] = refusals.as_slice() else { panic!("{what}: {refusals:#?}") };
            let port = tells_ports(version).then_some(PortKind::Client);
            let is_incoming = matches!(&refusal.link, Some(RefusedLink::Incoming { port: told, from })
                if *told == port && from.starts_with("127.0.0.1:"));
            assert!(is_incoming, "{what}: {refusal:?}");
            if !matches!(refusal.cause, Cause::RefusedThere { .. })
                && (port.is_some() || refusal.cause != Cause::WrongUsage)
            {
                assert_eq!(refusal.rule(), Some(mistake.rule), "{what}");
            }
            is_told(refusal);
        }
        // The control.
        let fleet = RawFleet::new(etcd, 1);
        let mut running = fleet.start(0);
        wait_until_serving(&mut running);
        assert!(curl(&fleet, &[]));
        assert_eq!(refusals(&running), [], "{version}");
    }
}

/// Whether a refusal says to which port it was.
fn tells_ports(version: Version) -> bool {
    version >= Version::new(3, 5, 15)
}
