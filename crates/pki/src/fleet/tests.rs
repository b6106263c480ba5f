use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::*;
use crate::IdentityFiles;

const TRIO: [&str; 3] = ["infra1", "infra2", "infra3"];

/// The hosts that a certificate names, each as text.
fn hosts(identity: &Identity) -> Vec<String> {
    let (_, x509) = parse_x509_certificate(identity.certificate().der()).unwrap();
    let names = x509.subject_alternative_name().unwrap().unwrap();
    names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(name) => format!("DNS:{name}"),
            GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
                Ok(v4) => format!("IP:{}", std::net::Ipv4Addr::from(v4)),
                Err(_) => {
                    format!(
                        "IP:{}",
                        std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).unwrap())
                    )
                }
            },
            other => panic!("{other:?}"),
        })
        .collect()
}

fn common_name(identity: &Identity) -> String {
    let (_, x509) = parse_x509_certificate(identity.certificate().der()).unwrap();
    x509.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned()
}

/// Every file and directory under `dir`, relative to it, sorted.
fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(dir).unwrap().display().to_string().replace('\\', "/"));
            if path.is_dir() {
                left.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}

fn scratch() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("not").join("there");
    (scratch, dir)
}

fn refusal(builder: FleetBuilder) -> String {
    let error = builder.build().unwrap_err();
    std::iter::successors(Some(&error as &dyn std::error::Error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn each_member_has_identities_of_its_own() {
    let fleet = Fleet::builder()
        .member("infra1", ["10.0.0.1", "infra1.example.com", "localhost"])
        .members(["infra2"])
        .build()
        .unwrap();
    assert_eq!(fleet.layout(), Layout::PerMember);

    let one = fleet.member("infra1").unwrap();
    let expected =
        ["DNS:localhost", "IP:127.0.0.1", "IP:::1", "IP:10.0.0.1", "DNS:infra1.example.com"];
    for identity in [one.server(), one.peer()] {
        assert_eq!(hosts(identity), expected);
        assert_eq!(common_name(identity), "infra1");
    }
    assert_ne!(one.server().key_pem(), one.peer().key_pem());

    let two = fleet.member("infra2").unwrap();
    assert_eq!(hosts(two.peer()), ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]);
    assert_eq!(common_name(fleet.client()), CLIENT_COMMON_NAME);
    assert!(fleet.member("infra3").is_none());
}

#[test]
fn a_shared_fleet_has_one_certificate_with_the_hosts_of_all() {
    let fleet = Fleet::builder()
        .layout(Layout::Shared)
        .member("infra1", ["10.0.0.1"])
        .member("infra2", ["10.0.0.2"])
        .build()
        .unwrap();
    assert_eq!(fleet.layout(), Layout::Shared);
    let expected = ["DNS:localhost", "IP:127.0.0.1", "IP:::1", "IP:10.0.0.1", "IP:10.0.0.2"];
    for member in fleet.members() {
        assert!(std::ptr::eq(member.server(), member.peer()));
        assert_eq!(hosts(member.server()), expected);
        assert_eq!(common_name(member.server()), SHARED_COMMON_NAME);
    }

    let (_scratch, dir) = scratch();
    let files = fleet.write(&dir).unwrap();
    assert_eq!(tree(&dir), ["ca.crt", "client.crt", "client.key", "server.crt", "server.key"]);
    assert_eq!(
        fs::read_to_string(&files.member("infra2").unwrap().peer.key).unwrap(),
        fleet.member("infra1").unwrap().server().key_pem()
    );
}

#[test]
fn what_is_written_is_what_was_planned() {
    let fleet = Fleet::generate(TRIO).unwrap();
    let (_scratch, dir) = scratch();
    let planned = FleetFiles::layout(&dir, Layout::PerMember, TRIO).unwrap();
    assert_eq!(fleet.files(&dir), planned);
    assert!(!dir.exists());

    let files = fleet.write(&dir).unwrap();
    assert_eq!(files, planned);
    insta::assert_snapshot!(tree(&dir).join("\n"), @r#"
        ca.crt
        client.crt
        client.key
        infra1
        infra1/peer.crt
        infra1/peer.key
        infra1/server.crt
        infra1/server.key
        infra2
        infra2/peer.crt
        infra2/peer.key
        infra2/server.crt
        infra2/server.key
        infra3
        infra3/peer.crt
        infra3/peer.key
        infra3/server.crt
        infra3/server.key
        "#);

    let has = |files: &IdentityFiles, identity: &Identity| {
        assert_eq!(fs::read_to_string(&files.certificate).unwrap(), identity.chain_pem());
        assert_eq!(fs::read_to_string(&files.key).unwrap(), identity.key_pem());
    };
    assert_eq!(fs::read_to_string(&files.ca).unwrap(), fleet.authority().certificate_pem());
    has(&files.client, fleet.client());
    for (files, member) in files.members.iter().zip(fleet.members()) {
        assert_eq!(files.name, member.name());
        has(&files.server, member.server());
        has(&files.peer, member.peer());
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_keys() {
    use std::os::unix::fs::PermissionsExt;

    let fleet = Fleet::generate(TRIO).unwrap();
    let (scratch, dir) = scratch();
    let files = fleet.write(&dir).unwrap();
    fleet.authority().write_key(dir.join("ca.key")).unwrap();
    fleet.client().replace(&dir, "client").unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [&files.client.key, &files.members[2].peer.key, &dir.join("ca.key")] {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    for path in [&files.ca, &files.client.certificate, &files.members[2].peer.certificate] {
        // The umask may take more away.
        assert_eq!(mode(path) & !0o644, 0, "{}", path.display());
        assert_ne!(mode(path) & 0o400, 0, "{}", path.display());
    }
    for made in [scratch.path().join("not"), dir.clone(), dir.join("infra1")] {
        assert_eq!(mode(&made), 0o700, "{}", made.display());
    }
}

#[test]
fn nothing_is_overwritten_and_a_refusal_leaves_no_trace() {
    let fleet = Fleet::generate(TRIO).unwrap();
    let (_scratch, dir) = scratch();
    // In the way of the very last member.
    let blocked = dir.join("infra3").join("peer.crt");
    fs::create_dir_all(dir.join("infra3")).unwrap();
    fs::write(&blocked, "mine").unwrap();

    let error = fleet.write(&dir).unwrap_err();
    assert!(matches!(&error, WriteError::Exists { path } if *path == blocked), "{error:?}");
    assert_eq!(tree(&dir), ["infra3", "infra3/peer.crt"]);
    assert_eq!(fs::read_to_string(&blocked).unwrap(), "mine");

    // The control: with nothing in the way, the same call writes.
    fs::remove_file(&blocked).unwrap();
    fleet.write(&dir).unwrap();
    // And not a second time.
    let before = fs::read_to_string(dir.join("ca.crt")).unwrap();
    assert!(matches!(Fleet::generate(TRIO).unwrap().write(&dir), Err(WriteError::Exists { .. })));
    assert_eq!(fs::read_to_string(dir.join("ca.crt")).unwrap(), before);
    assert_eq!(tree(&dir).len(), 18);
}

#[test]
fn a_refusal_takes_away_the_directories_it_made() {
    let fleet = Fleet::generate(TRIO).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("file"), "").unwrap();
    let error = fleet.write(scratch.path().join("file").join("pki")).unwrap_err();
    assert!(matches!(error, WriteError::Io { doing: "make the directory", .. }), "{error:?}");

    let client = fleet.client();
    let dir = scratch.path().join("new");
    // No file system has room for such a name.
    client.write(&dir, &"x".repeat(4096)).unwrap_err();
    assert_eq!(tree(scratch.path()), ["file"]);
    client.write(&dir, "x").unwrap();
    assert_eq!(tree(scratch.path()), ["file", "new", "new/x.crt", "new/x.key"]);
}

#[test]
fn an_identity_is_replaced_only_when_told() {
    let fleet = Fleet::generate(["infra1"]).unwrap();
    let (_scratch, dir) = scratch();
    let (old, new) = (fleet.client(), fleet.issue(&Leaf::client("alice")).unwrap());
    let files = old.write(&dir, "alice").unwrap();

    assert!(matches!(new.write(&dir, "alice"), Err(WriteError::Exists { .. })));
    assert_eq!(fs::read_to_string(&files.key).unwrap(), old.key_pem());
    assert_eq!(new.replace(&dir, "alice").unwrap(), files);
    assert_eq!(fs::read_to_string(&files.key).unwrap(), new.key_pem());
    assert_eq!(fs::read_to_string(&files.certificate).unwrap(), new.chain_pem());
    assert_eq!(tree(&dir), ["alice.crt", "alice.key"]);

    // A certificate that cannot be replaced leaves nothing beside it.
    fs::remove_file(&files.certificate).unwrap();
    fs::create_dir(&files.certificate).unwrap();
    assert!(matches!(new.replace(&dir, "alice"), Err(WriteError::Io { doing: "replace", .. })));
    assert_eq!(tree(&dir), ["alice.crt", "alice.key"]);
}

#[test]
fn an_authority_key_is_written_when_asked_and_never_over_another() {
    let fleet = Fleet::generate(["infra1"]).unwrap();
    let (_scratch, dir) = scratch();
    let path = dir.join("ca.key");
    fleet.authority().write_key(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), *fleet.authority().key_pem());
    let error = fleet.authority().write_key(&path).unwrap_err();
    assert!(matches!(error, WriteError::Exists { .. }));
}

#[test]
fn two_fleets_can_have_one_authority() {
    let authority = Authority::generate("unit test").unwrap();
    let pem = authority.certificate_pem().to_owned();
    let fleet = Fleet::builder().authority(authority).members(TRIO).build().unwrap();
    assert_eq!(fleet.authority().certificate_pem(), pem);
}

#[test]
fn what_cannot_be_a_fleet_is_refused_with_the_reason() {
    let builder = Fleet::builder;
    let errors = [
        refusal(builder()),
        refusal(builder().members([""])),
        refusal(builder().members(["a", "b", "a"])),
        refusal(builder().members(["../a"])),
        refusal(builder().members(["a"]).member("b", ["10.0.0.1:2380"])),
        refusal(builder().layout(Layout::Shared).members(["a"]).member("b", ["10.0.0.1:2380"])),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
        a fleet has at least one member: add one with `.member(name, hosts)`
        a member's name cannot be used: a name is empty
        a member's name cannot be used: two members are called "a"
        a member's name cannot be used: "../a" has '/' in it, and the member's files go to a directory of that name
        a host of member "b" cannot be used: "10.0.0.1:2380" is more than a host, and certificates name no ports: write "10.0.0.1"
        a host of member "b" cannot be used: "10.0.0.1:2380" is more than a host, and certificates name no ports: write "10.0.0.1"
        "#);
}

#[test]
fn names_that_others_are_let_in_by() {
    let builder = || Fleet::builder().members(TRIO).client("alice").client_hosts(["ops.example"]);
    for layout in [Layout::PerMember, Layout::Shared] {
        let fleet = builder().layout(layout).peer_common_name("peers").build().unwrap();
        for (_, client) in fleet.more_clients().chain([("client", fleet.client())]) {
            assert_eq!(hosts(client), ["DNS:ops.example"]);
        }
        for member in fleet.members() {
            assert_eq!(common_name(member.peer()), "peers");
            let server = if layout == Layout::Shared { "peers" } else { member.name() };
            assert_eq!(common_name(member.server()), server);
        }
    }
    insta::assert_snapshot!(
        refusal(builder().client_hosts(["a b"])),
        @"a host of the clients cannot be used: \"a b\" is neither an IP address nor a DNS name: it has other characters than letters, digits, hyphens and underscores"
    );
}

#[test]
fn who_dials_may_show_another_certificate() {
    let usages = |identity: &Identity| {
        let (_, x509) = parse_x509_certificate(identity.certificate().der()).unwrap();
        let usages = x509.extended_key_usage().unwrap().unwrap().value;
        (usages.server_auth, usages.client_auth)
    };
    let builder = || Fleet::builder().members(TRIO).separate_outgoing();
    let fleet = builder().peer_common_name("peers").build().unwrap();
    let (_scratch, dir) = scratch();
    let files = fleet.write(&dir).unwrap();
    for (member, files) in fleet.members().zip(&files.members) {
        let outgoing = files.outgoing.as_ref().unwrap();
        for (dialled, dials, files, name) in [
            (member.server(), member.server_outgoing(), &outgoing.server, member.name()),
            (member.peer(), member.peer_outgoing(), &outgoing.peer, "peers"),
        ] {
            assert_eq!((usages(dialled), usages(dials)), ((true, false), (false, true)));
            assert_eq!(common_name(dials), name);
            assert_eq!(hosts(dials), ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]);
            assert_eq!(fs::read_to_string(&files.certificate).unwrap(), dials.chain_pem());
        }
    }
    // The control: without, both are the same.
    let plain = Fleet::generate(TRIO).unwrap();
    let member = plain.member("infra1").unwrap();
    assert_eq!(member.peer_outgoing().certificate(), member.peer().certificate());
    assert_eq!(plain.files(&dir).members[0].outgoing, None);

    let (_other, other) = scratch();
    let options = WriteOptions::default().authority_key_in(&other);
    assert_eq!(fleet.write_with(&other, &options).unwrap(), fleet.files(&other));
    insta::assert_snapshot!(
        refusal(builder().layout(Layout::Shared)),
        @"members that share one certificate have no separate ones to dial with: give each its own"
    );
}

/// They are renewed with the others, and stay what they are.
#[cfg(feature = "read")]
#[test]
fn what_dials_is_kept_with_the_rest() {
    let (_scratch, dir) = scratch();
    let fleet = Fleet::builder().members(TRIO).separate_outgoing().build().unwrap();
    fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
    let mut stored = Fleet::load(&dir).unwrap();
    let outgoing = |stored: &FleetDirectory, role| {
        let found = stored.identity(role, Some("infra2")).unwrap();
        assert_eq!(found.state, PairState::Sound);
        (found.chain[0].certificate.clone(), found.chain[0].extended_key_usages.clone())
    };
    for role in [Role::ServerOutgoing, Role::PeerOutgoing] {
        let (before, usages) = outgoing(&stored, role);
        let now = std::time::SystemTime::now().into();
        let renewal = stored.renewal(&RenewalOptions::all(), now).unwrap();
        assert_eq!(renewal.due().len(), 1 + 4 * TRIO.len());
        stored.renew(&renewal).unwrap();
        let (after, usages_after) = outgoing(&stored, role);
        assert_eq!(usages, usages_after);
        assert_ne!(before, after);
    }
    let again = fleet.read_again(&dir, fleet.authority().clone(), TRIO).unwrap();
    let renewed = again.member("infra2").unwrap().peer_outgoing().certificate().clone();
    assert_eq!(renewed, outgoing(&stored, Role::PeerOutgoing).0);
}
