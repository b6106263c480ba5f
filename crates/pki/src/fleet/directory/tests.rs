use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::*;
use crate::disk::steps::kill;
use crate::{Leaf, WriteOptions};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A fleet of two in a directory, with the authority's key.
struct Scratch {
    _scratch: tempfile::TempDir,
    dir: PathBuf,
}

impl Scratch {
    fn new(layout: Layout) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("pki");
        let builder = Fleet::builder().layout(layout);
        let fleet = builder.member("a", ["10.0.0.1"]).member("b", ["10.0.0.2"]).build().unwrap();
        fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
        Self { _scratch: scratch, dir }
    }

    /// Another directory with the same files: made faster than new keys.
    fn again(&self) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("pki");
        for (name, contents) in self.files() {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        Self { _scratch: scratch, dir }
    }

    fn load(&self) -> FleetDirectory {
        Fleet::load(&self.dir).unwrap()
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut left = vec![self.dir.clone()];
        while let Some(dir) = left.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    let name = path.strip_prefix(&self.dir).unwrap().display().to_string();
                    files.insert(name.replace('\\', "/"), fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

fn described(fleet: &FleetDirectory) -> Vec<String> {
    let one = |identity: &StoredIdentity| {
        let name = identity.name.as_deref().unwrap_or("-");
        format!("{:?} {name}: {}", identity.role, identity.state)
    };
    fleet.identities().iter().map(one).collect()
}

fn hosts(identity: &StoredIdentity) -> Vec<String> {
    let names = identity.chain[0].names.clone().unwrap();
    names.dns.into_iter().chain(names.ip.iter().map(ToString::to_string)).collect()
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[test]
fn a_fleet_is_what_its_files_say() {
    let scratch = Scratch::new(Layout::PerMember);
    // Not the fleet's, and left alone: a stranger's pair, a text, a directory.
    let stranger = Authority::generate("stranger").unwrap();
    stranger.issue(&Leaf::client("eve")).unwrap().write(&scratch.dir, "eve").unwrap();
    let other = stranger.issue(&Leaf::server("x").host("x")).unwrap();
    other.write(scratch.dir.join("x"), "server").unwrap();
    fs::write(scratch.dir.join("notes.crt"), "no certificate").unwrap();
    fs::create_dir(scratch.dir.join("empty")).unwrap();

    let fleet = scratch.load();
    assert_eq!(fleet.layout(), Layout::PerMember);
    assert_eq!(fleet.authorities().len(), 1);
    assert!(fleet.authority().is_some());
    insta::assert_snapshot!(described(&fleet).join("\n"), @r"
    Client client: sound
    Server a: sound
    Peer a: sound
    Server b: sound
    Peer b: sound
    Server x: none of the fleet's authorities signed it
    Peer x: both files are missing
    ");
    let a = fleet.identity(Role::Peer, Some("a")).unwrap();
    assert_eq!(hosts(a), ["localhost", "127.0.0.1", "::1", "10.0.0.1"]);

    let shared = Scratch::new(Layout::Shared).load();
    assert_eq!(shared.layout(), Layout::Shared);
    assert_eq!(described(&shared), ["Client client: sound", "Shared -: sound"]);
}

#[test]
fn what_is_damaged_is_said_and_what_is_none_is_refused() {
    let scratch = Scratch::new(Layout::PerMember);
    let at = |name: &str| scratch.dir.join(name);
    fs::remove_file(at("a/server.key")).unwrap();
    fs::copy(at("b/server.key"), at("a/peer.key")).unwrap();
    fs::write(at("b/server.crt"), "no certificate").unwrap();
    fs::remove_file(at("b/peer.crt")).unwrap();
    insta::assert_snapshot!(described(&scratch.load()).join("\n"), @r"
    Client client: sound
    Server a: the key is missing
    Peer a: the key is another's
    Server b: the certificate cannot be read: there is no certificate in it, neither as PEM nor as DER
    Peer b: the certificate is missing
    ");

    let mut errors = Vec::new();
    fs::copy(at("client.key"), at("ca.key")).unwrap();
    errors.push(Fleet::load(&scratch.dir).unwrap_err());
    fs::write(at("ca.crt"), "no certificate").unwrap();
    errors.push(Fleet::load(&scratch.dir).unwrap_err());
    fs::remove_file(at("ca.crt")).unwrap();
    errors.push(Fleet::load(&scratch.dir).unwrap_err());
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let text = text.join("\n").replace(&scratch.dir.display().to_string(), "DIR");
    insta::assert_snapshot!(text, @r"
    DIR/ca.key is the key of none of the fleet's authorities: give the path of the right one
    DIR/ca.crt holds no authorities
    no fleet is there: DIR/ca.crt is missing
    ");
}

#[test]
fn without_the_authoritys_key_a_fleet_is_looked_at_and_no_more() {
    let scratch = Scratch::new(Layout::PerMember);
    let key = scratch.dir.join("ca.key");
    let safe = scratch.dir.join("elsewhere.key");
    fs::rename(&key, &safe).unwrap();
    let mut fleet = scratch.load();
    let before = scratch.files();
    assert_eq!(fleet.member_names().collect::<Vec<_>>(), ["a", "b"]);
    let error = fleet.add_member("c", ["10.0.0.3"]).unwrap_err();
    assert!(matches!(&error, ExtendError::NoAuthorityKey { key: looked, .. } if *looked == key));
    let error = error.to_string().replace(&scratch.dir.display().to_string(), "DIR");
    insta::assert_snapshot!(error, @"nothing can be signed: the key of DIR/ca.crt is not in DIR/ca.key; give the path where it is kept");
    assert!(matches!(fleet.add_client("c"), Err(ExtendError::NoAuthorityKey { .. })));
    let renewal = fleet.renewal(&RenewalOptions::all(), now());
    assert!(matches!(renewal, Err(ExtendError::NoAuthorityKey { .. })));
    assert_eq!(scratch.files(), before);
    // The control.
    FleetDirectory::load(&scratch.dir, safe).unwrap().add_client("c").unwrap();
}

#[test]
fn members_and_clients_are_added_and_never_twice() {
    let scratch = Scratch::new(Layout::PerMember);
    let mut fleet = scratch.load();
    let before = scratch.files();
    assert_eq!(fleet.add_member("c", ["10.0.0.3", "c.example.com"]).unwrap().len(), 2);
    fleet.add_client("alice").unwrap();
    let after = scratch.files();
    assert!(before.iter().all(|(name, text)| after[name] == *text));
    let added: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert_eq!(
        added,
        ["alice.crt", "alice.key", "c/peer.crt", "c/peer.key", "c/server.crt", "c/server.key"]
    );
    let loaded = scratch.load();
    assert_eq!(described(&loaded), described(&fleet));
    let c = loaded.identity(Role::Server, Some("c")).unwrap();
    assert_eq!(hosts(c), ["localhost", "c.example.com", "127.0.0.1", "::1", "10.0.0.3"]);

    // Half of it gone: the other half is made, and what is there stays.
    let peer = loaded.identity(Role::Peer, Some("c")).unwrap().files.clone();
    fs::remove_file(&peer.certificate).unwrap();
    fs::remove_file(&peer.key).unwrap();
    assert_eq!(scratch.load().add_member("c", ["10.0.0.3"]).unwrap(), std::slice::from_ref(&peer));
    assert_eq!(scratch.files()["c/server.key"], after["c/server.key"]);

    let mut fleet = scratch.load();
    let refused = [
        fleet.add_member("c", ["10.0.0.3"]).map(drop),
        fleet.add_member("../c", ["10.0.0.3"]).map(drop),
        fleet.add_member("d", ["https://10.0.0.3:2379"]).map(drop),
        fleet.add_client("alice").map(drop),
        fleet.add_client("ca").map(drop),
        fleet.add_client(".hidden").map(drop),
        fleet.add_client("a/b").map(drop),
    ];
    let is_whole = scratch.load().identities().iter().all(|one| one.state == PairState::Sound);
    assert!(refused.iter().all(Result::is_err) && is_whole, "{refused:?}");
    fs::remove_file(&peer.certificate).unwrap();
    let error = scratch.load().add_member("c", ["10.0.0.3"]).unwrap_err();
    assert!(matches!(error, ExtendError::Damaged { .. }), "its key is not ours to overwrite");
}

#[test]
fn a_member_more_of_a_shared_fleet_is_hosts_more_in_its_certificate() {
    let scratch = Scratch::new(Layout::Shared);
    let mut fleet = scratch.load();
    assert_eq!(fleet.add_member("c", ["10.0.0.3", "10.0.0.1"]).unwrap().len(), 1);
    let shared = fleet.identity(Role::Shared, None).unwrap();
    let expected = ["localhost", "127.0.0.1", "::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"];
    assert_eq!(hosts(shared), expected);
    assert_eq!(shared.state, PairState::Sound);
    // Run again, there is nothing to do.
    let before = scratch.files();
    assert!(fleet.add_member("c", ["10.0.0.3"]).unwrap().is_empty());
    assert_eq!(scratch.files(), before);
}

#[test]
fn what_ends_soon_is_renewed_with_the_same_names_and_the_rest_stays() {
    let scratch = Scratch::new(Layout::PerMember);
    let mut fleet = scratch.load();
    let nothing = fleet.renewal(&RenewalOptions::expiring_within(30 * DAY), now()).unwrap();
    assert!(nothing.due().is_empty());

    let soon = fleet.authority().unwrap();
    let soon = soon.issue(&Leaf::peer("b").host("b.example.com").expires_in(20 * DAY)).unwrap();
    soon.replace(scratch.dir.join("b"), "peer").unwrap();
    fs::remove_file(scratch.dir.join("a/server.key")).unwrap();
    let before = scratch.files();
    fleet = scratch.load();
    let options = RenewalOptions::expiring_within(30 * DAY);
    let renewal = fleet.renewal(&options, now()).unwrap();
    assert_eq!(scratch.files(), before, "a plan changes nothing");
    let reasons: Vec<_> = renewal.due().iter().map(|due| due.reason.to_string()).collect();
    assert_eq!(reasons, ["its key is missing", "expires in 19 days"]);
    assert!(renewal.due().iter().all(|due| due.new_end > due.old_end));
    let same = fleet.renewal(&options.clone().same_key(), now());
    assert!(matches!(same, Err(ExtendError::Damaged { .. })));

    fleet.renew(&renewal).unwrap();
    let after = scratch.files();
    let changed: Vec<_> =
        after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert_eq!(changed, ["a/server.crt", "a/server.key", "b/peer.crt", "b/peer.key"]);
    assert!(fleet.identities().iter().all(|identity| identity.state == PairState::Sound));
    let peer = fleet.identity(Role::Peer, Some("b")).unwrap();
    assert_eq!(hosts(peer), ["b.example.com"]);
    assert!((peer.chain[0].not_after - renewal.due()[1].new_end).abs() < time::Duration::MINUTE);
    // It was planned for what is there no more.
    assert!(matches!(fleet.renew(&renewal), Err(ExtendError::Changed { .. })));
    assert_eq!(scratch.files(), after);

    // With the same keys, certificates alone change.
    let renewal = fleet.renewal(&RenewalOptions::all().same_key(), now()).unwrap();
    assert_eq!(fleet.renew(&renewal).unwrap().len(), 5);
    let last = scratch.files();
    for (name, text) in &after {
        assert_eq!(last[name] == *text, name.ends_with(".key") || name == "ca.crt", "{name}");
    }
}

#[test]
fn an_authority_at_its_end_signs_nothing_more() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    let authority = Authority::builder("old").expires_in(DAY / 2).generate().unwrap();
    let fleet = Fleet::builder().authority(authority).members(["a"]).build().unwrap();
    fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
    let error = Fleet::load(&dir).unwrap().add_client("x").unwrap_err();
    assert!(matches!(error, ExtendError::AuthorityEnds { .. }), "{error}");
}

/// To a clock that was set back, the authority is one of the future.
#[test]
fn a_clock_that_was_set_back_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    let authority = Authority::builder("future").not_yet_valid().generate().unwrap();
    let fleet = Fleet::builder().authority(authority).members(["a"]).build().unwrap();
    fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
    let mut fleet = Fleet::load(&dir).unwrap();
    let error = fleet.renewal(&RenewalOptions::all(), now()).unwrap_err();
    assert!(matches!(error, ExtendError::AuthorityBegins { .. }), "{error}");
    let error = fleet.add_client("x").unwrap_err();
    assert!(matches!(error, ExtendError::AuthorityBegins { .. }), "{error}");
}

#[test]
fn a_certificate_of_the_future_is_renewed_and_what_cannot_be_is_told() {
    let scratch = Scratch::new(Layout::PerMember);
    let fleet = scratch.load();
    let ahead = fleet.authority().unwrap().issue(&Leaf::peer("a").host("a").not_yet_valid());
    ahead.unwrap().replace(scratch.dir.join("a"), "peer").unwrap();
    fs::remove_file(scratch.dir.join("b/server.crt")).unwrap();
    let renewal = scratch.load().renewal(&RenewalOptions::expiring_within(DAY), now()).unwrap();
    let [due] = renewal.due() else { panic!("{renewal:?}") };
    assert_eq!((due.reason, due.role), (Reason::NotYetValid, Role::Peer));
    let [left] = renewal.left() else { panic!("{renewal:?}") };
    assert_eq!(left.state, PairState::CertificateMissing);
    let error = scratch.load().add_member("b", ["b"]).unwrap_err().to_string();
    assert!(error.ends_with("take them away, and add the member or client again"), "{error}");
}

#[test]
fn leaves_that_end_with_their_authority_say_so() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    let authority = Authority::builder("old").expires_in(20 * DAY).generate().unwrap();
    let fleet = Fleet::builder().authority(authority).members(["a"]).build().unwrap();
    fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
    let renewal = |lifetime| {
        let options = RenewalOptions::all().lifetime(lifetime);
        Fleet::load(&dir).unwrap().renewal(&options, now()).unwrap()
    };
    assert!(renewal(30 * DAY).due().iter().all(|due| due.ends_with_authority));
    assert!(!renewal(10 * DAY).due().iter().any(|due| due.ends_with_authority), "the control");
}

#[test]
fn what_is_added_is_as_the_members_are_unless_told() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    let builder = Fleet::builder().key(crate::KeyKind::P384).valid_for(20 * DAY);
    let fleet = builder.members(["a"]).build().unwrap();
    fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
    let mut fleet = Fleet::load(&dir).unwrap();
    fleet.add_member("b", ["b"]).unwrap();
    fleet.add_client("c").unwrap();
    let other = AddOptions::default().key(crate::KeyKind::Ed25519).valid_for(40 * DAY);
    fleet.add_client_with("d", &other).unwrap();
    let kind_and_days = |role, name| {
        let leaf = fleet.identity(role, Some(name)).unwrap().chain[0].clone();
        (leaf.public_key.clone(), (leaf.not_after - now()).whole_days())
    };
    use crate::read::PublicKey;
    for (role, name) in [(Role::Server, "b"), (Role::Peer, "b"), (Role::Client, "c")] {
        assert_eq!(kind_and_days(role, name), (PublicKey::Ecdsa { bits: 384 }, 19), "{name}");
    }
    assert_eq!(kind_and_days(Role::Client, "d"), (PublicKey::Ed25519, 39));
}

/// Another process made the fleet anew after this one had looked.
#[test]
fn an_authority_that_was_replaced_meanwhile_signs_nothing_more() {
    let scratch = Scratch::new(Layout::PerMember);
    let mut fleet = scratch.load();
    let new = Fleet::builder().members(["a", "b"]).build().unwrap();
    let options = WriteOptions::default().authority_key_in(&scratch.dir).overwrite();
    new.write_with(&scratch.dir, &options).unwrap();
    fleet.add_client("x").unwrap();
    let stored = scratch.load();
    assert_eq!(stored.identity(Role::Client, Some("x")).unwrap().state, PairState::Sound);
}

/// Kills `work` before each of its steps, and has `again` run after each; says how often, and how often a
/// pair was torn.
fn killed(
    layout: Layout,
    work: impl Fn(&mut FleetDirectory) -> Result<(), ExtendError>,
    is_done: impl Fn(&FleetDirectory, &FleetDirectory) -> bool,
) -> (usize, usize) {
    let mut torn = 0;
    let start = Scratch::new(layout);
    fs::write(start.dir.join("notes.txt"), "mine").unwrap();
    let before = start.load();
    let names: Vec<_> = start.files().into_keys().collect();
    for steps in 0.. {
        let scratch = start.again();
        let (result, killed) = kill::after(steps, || work(&mut scratch.load()));
        assert_eq!(killed, result.is_err(), "after {steps} steps: {result:?}");
        let is_torn = |one: &StoredIdentity| one.state == PairState::Mismatched;
        torn += usize::from(scratch.load().identities().iter().any(is_torn));
        let key = scratch.dir.join("ca.key");
        FleetDirectory::recover(&scratch.dir, &key).unwrap();
        let fleet = scratch.load();
        for identity in fleet.identities() {
            let sound = matches!(identity.state, PairState::Sound | PairState::Missing);
            assert!(sound, "after {steps} steps: {:?}", described(&fleet));
        }
        let files = scratch.files();
        assert!(files.keys().all(|name| !name.contains("tercet")), "{:?}", files.keys());
        assert!(names.iter().all(|name| files.contains_key(name)));
        assert!(FleetDirectory::recover(&scratch.dir, &key).unwrap().is_empty());
        if !killed {
            assert!(is_done(&before, &fleet));
            return (steps, torn);
        }
        // Run again, it does what it should have done.
        let mut fleet = scratch.load();
        match work(&mut fleet) {
            Ok(()) | Err(ExtendError::Exists { .. }) => {}
            Err(ExtendError::Write(WriteError::Exists { .. })) => {}
            Err(error) => panic!("after {steps} steps: {error}"),
        }
        assert!(is_done(&before, &scratch.load()), "after {steps} steps");
    }
    unreachable!("work has an end");
}

#[test]
fn killed_anywhere_the_next_run_makes_it_whole() {
    let all_new = |before: &FleetDirectory, after: &FleetDirectory| {
        let mut pairs = before.identities().iter().zip(after.identities());
        pairs.all(|(old, new)| {
            new.state == PairState::Sound && new.chain[0].serial != old.chain[0].serial
        })
    };
    let renew = |options: RenewalOptions| {
        move |fleet: &mut FleetDirectory| {
            let renewal = fleet.renewal(&options, now())?;
            fleet.renew(&renewal).map(drop)
        }
    };
    let steps = [
        killed(Layout::PerMember, renew(RenewalOptions::all()), all_new),
        killed(Layout::Shared, renew(RenewalOptions::all().same_key()), all_new),
        killed(
            Layout::PerMember,
            |fleet| fleet.add_member("c", ["10.0.0.3"]).map(drop),
            |_, after| {
                let state = |role| after.identity(role, Some("c")).map(|one| one.state.clone());
                [Role::Server, Role::Peer]
                    .into_iter()
                    .all(|role| state(role) == Some(PairState::Sound))
            },
        ),
        killed(
            Layout::Shared,
            |fleet| fleet.add_member("c", ["10.0.0.3"]).map(drop),
            |_, after| {
                let shared = after.identity(Role::Shared, None).unwrap();
                hosts(shared).contains(&"10.0.0.3".to_owned())
            },
        ),
        killed(
            Layout::PerMember,
            |fleet| fleet.add_client("alice").map(drop),
            |_, after| after.identity(Role::Client, Some("alice")).is_some(),
        ),
    ];
    // The control: there was something to be killed at.
    assert!(steps.iter().all(|&(steps, _)| steps > 12), "{steps:?}");
    assert!(steps[0].1 >= 5 && steps[3].1 >= 1, "{steps:?}");
}
