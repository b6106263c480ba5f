//! Whatever it is given, the doctor says something or nothing, and never panics.

use time::Duration;

use super::lab::{Lab, SOUND, fleet};
use crate::doctor::FileState;
use crate::{Layout, Revocations};

/// A small generator of numbers, seeded, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

const VERSIONS: [&str; 5] = ["3.4.0", "3.4.23", "3.5.1", "3.6.14", "3.9.0"];

fn damage(lab: &mut Lab, dice: &mut Dice) {
    let paths: Vec<_> = lab.files.keys().cloned().collect();
    let path = paths[dice.below(paths.len())].clone();
    let other = lab.files[&paths[dice.below(paths.len())]].clone();
    let state = lab.files.get_mut(&path).unwrap();
    let FileState::Present { contents, mode, modified } = state else { return };
    match dice.below(9) {
        0 => *state = FileState::Missing,
        1 => *state = FileState::Unreadable("permission denied".to_owned()),
        2 => *state = other,
        3 => {
            let length = dice.below(contents.len());
            contents.truncate(length);
        }
        4 => *mode = None,
        5 => *modified = None,
        6 => {
            if let FileState::Present { contents: more, .. } = other {
                contents.extend_from_slice(&more);
            }
        }
        _ => {
            for _ in 0..=dice.below(3) {
                let at = dice.below(contents.len());
                if let Some(byte) = contents.get_mut(at) {
                    *byte = u8::try_from(dice.below(256)).unwrap();
                }
            }
        }
    }
}

fn words(dice: &mut Dice) -> String {
    let files = ["ca.crt", "server.crt", "server.key", "peer.key", "list.der", "nope", "x y", ""];
    let flags = [
        "cert-file",
        "key-file",
        "client-cert-file",
        "client-key-file",
        "trusted-ca-file",
        "client-crl-file",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
        "peer-crl-file",
        "ca-file",
        "cipher-suites",
        "tls-min-version",
        "name",
        "listen-peer-urls",
        "listen-client-http-urls",
    ];
    let switches =
        ["client-cert-auth", "peer-client-cert-auth", "auto-tls", "peer-auto-tls", "nope"];
    let mut words = String::new();
    for _ in 0..dice.below(6) {
        let word = if dice.below(3) == 0 {
            format!("--{} ", dice.one(&switches))
        } else {
            format!("--{}={} ", dice.one(&flags), dice.one(&files))
        };
        words.push_str(&word);
    }
    words
}

#[test]
fn damaged_fleets_are_judged() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..400 {
        let version = dice.one(&VERSIONS);
        let (mut lab, authority) = Lab::sound(version);
        lab.write("list.der", authority.revoke(&Revocations::new()).unwrap().der());
        for _ in 0..dice.below(4) {
            damage(&mut lab, &mut dice);
        }
        for _ in 0..dice.below(4) {
            let more = words(&mut dice);
            lab.member(&format!("{SOUND} {more}"));
        }
        lab.client("ca.crt", dice.one(&["client.crt", "", "list.der"]), "client.key");
        lab.loose.push("list.der".into());
        lab.loose.push("peer.crt".into());
        lab.now += Duration::days(i64::try_from(dice.below(8000)).unwrap() - 4000);
        let report = lab.examine();
        for finding in &report {
            let texts = [&finding.today, &finding.meaning, &finding.fix];
            assert!(texts.iter().all(|text| !text.is_empty()), "{round}: {finding:?}");
            assert!(!format!("{finding:?}").contains("PRIVATE KEY-----"), "{round}: {finding:?}");
        }
        assert!(report.windows(2).all(|pair| pair[0].severity >= pair[1].severity), "{round}");
    }
}

/// More members than are looked at, who share files that hold more than is looked at.
#[test]
fn the_work_is_bounded() {
    let mut lab = fleet("3.5.1", Layout::Shared, 5);
    let FileState::Present { contents, .. } = lab.files[std::path::Path::new("pki/ca.crt")].clone()
    else {
        panic!("not written");
    };
    lab.write("pki/ca.crt", contents.repeat(1100));
    for index in 0..100 {
        let (settings, started) = lab.members[index % 5].clone();
        lab.members.push((settings, started));
    }
    assert_eq!(lab.examine(), []);
}
