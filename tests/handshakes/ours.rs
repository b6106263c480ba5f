//! What this project issues: right, and wrong in the ways that it knows.

use std::time::Duration;

use tercet_pki::{Authority, KeyKind, Leaf, fixtures};

use crate::dice::Dice;
use crate::drawn::Drawn;

/// With the names by which it is dialled.
pub(crate) fn right(leaf: Leaf) -> Leaf {
    leaf.hosts(["localhost", "127.0.0.1"])
}

/// Who signs.
#[derive(Debug)]
pub(crate) struct Authorities {
    signing: Vec<(&'static str, Authority)>,
    trusted: Vec<String>,
}

impl Authorities {
    /// `authority` and those around it.
    pub(crate) fn of(authority: &Authority) -> Self {
        let generate = |name: &str| Authority::generate(name).unwrap();
        let constrained = Authority::builder("constrained").permit_dns("localhost");
        let constrained = constrained.permit_network("127.0.0.0/8").generate().unwrap();
        let expired = Authority::builder("expired").expired().generate().unwrap();
        let early = Authority::builder("early").not_yet_valid().generate().unwrap();
        let edwards = Authority::builder("edwards").key(KeyKind::Ed25519).generate().unwrap();
        let large = Authority::builder("large").key(KeyKind::P384).generate().unwrap();
        let new = generate("new");
        let cross = authority.cross_sign(&new).unwrap();

        let fixtures = [fixtures::sha1().authority_pem, fixtures::tutorial().authority_pem];
        let roots = [&constrained, &expired, &early, &edwards, &large];
        let trusted = roots.map(|root| root.certificate_pem().to_owned()).into_iter();
        let trusted = trusted.chain(fixtures.map(str::to_owned)).collect();

        let below = authority.intermediate("below").unwrap();
        let lowest = below.intermediate("lowest");
        let own = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
        let mut signing = vec![
            ("the authority", own),
            ("an intermediate", below),
            ("a constrained authority", constrained),
            ("an expired authority", expired),
            ("an authority of tomorrow", early),
            ("an Ed25519 authority", edwards),
            ("a P-384 authority", large),
            ("a stranger", authority.stranger().unwrap()),
            ("an impostor", authority.impostor().unwrap()),
            ("a new authority with its cross", new.with_cross(cross).unwrap()),
            ("a new authority without a cross", generate("new")),
        ];
        signing.extend(lowest.ok().map(|lowest| ("an intermediate of an intermediate", lowest)));
        Self { signing, trusted }
    }

    pub(crate) fn trusted(&self) -> impl Iterator<Item = String> {
        self.trusted.iter().cloned()
    }

    pub(crate) fn draw(&self, dice: &mut Dice) -> Drawn {
        if dice.percent(8) {
            return fixture(dice);
        }
        loop {
            // What cannot be issued, since it would be wrong in no way, is drawn anew.
            if let Some(drawn) = self.issue(dice) {
                return drawn;
            }
        }
    }

    fn issue(&self, dice: &mut Dice) -> Option<Drawn> {
        // Each second by the one authority: else who signed would be what is wrong with most.
        let which = if dice.percent(50) { 0 } else { dice.below(self.signing.len()) };
        let (signer, authority) = &self.signing[which];
        let (profile, mut leaf) = match dice.below(3) {
            0 => ("server", Leaf::server("localhost")),
            1 => ("peer", Leaf::peer("localhost")),
            _ => ("client", Leaf::client("localhost")),
        };
        let mut words = format!("{profile} of {signer}");
        let mut note = |word: &str| words.push_str(&format!(", {word}"));
        let hosts: &[&str] = match dice.below(6) {
            0 => &["*.example.com"],
            1 => &["10.1.2.3", "::1"],
            2 => &["infra1.example.com", "127.0.0.1"],
            3 => &["localhost"],
            _ => &["localhost", "127.0.0.1"],
        };
        note(&format!("{hosts:?}"));
        leaf = leaf.hosts(hosts.iter().copied());
        if dice.percent(30) {
            let (word, kind) =
                *dice.one(&[("P-384", KeyKind::P384), ("Ed25519", KeyKind::Ed25519)]);
            note(word);
            leaf = leaf.key(kind);
        }
        type Change = fn(Leaf) -> Leaf;
        let dates: [(&str, Change); 4] = [
            ("expired", Leaf::expired),
            ("not yet valid", Leaf::not_yet_valid),
            ("about to expire", |leaf| leaf.expires_in(Duration::from_secs(3600))),
            ("short", |leaf| leaf.valid_for(Duration::from_secs(3600))),
        ];
        let flaws: [(&str, Change); 8] = [
            ("wrong host", Leaf::wrong_host),
            ("address as name", Leaf::address_as_name),
            ("common name only", Leaf::common_name_only),
            ("server only", Leaf::server_only),
            ("client only", Leaf::client_only),
            ("weak RSA", Leaf::weak_rsa),
            ("version 1", Leaf::version_1),
            ("negative serial", Leaf::negative_serial),
        ];
        for (chance, kinds) in [(30, &dates[..]), (40, &flaws[..]), (15, &flaws[..])] {
            if dice.percent(chance) {
                let (word, change) = dice.one(kinds);
                note(word);
                leaf = change(leaf);
            }
        }
        let identity = authority.issue(&leaf).ok()?;
        let mut drawn = Drawn::new(words, &identity);
        if !identity.chain().intermediates().is_empty() && dice.percent(40) {
            drawn.words.push_str(", without intermediates");
            drawn.chain_pem = identity.certificate().pem();
        }
        Some(drawn)
    }
}

fn fixture(dice: &mut Dice) -> Drawn {
    let (sha1, control, tutorial) =
        (fixtures::sha1(), fixtures::sha1_control(), fixtures::tutorial());
    let all = [
        ("SHA-1", &sha1.server),
        ("the control of SHA-1", &control.server),
        ("a tutorial's server", &tutorial.server),
        ("a tutorial's client", &tutorial.client),
    ];
    let (words, identity) = *dice.one(&all);
    Drawn::new(words.to_owned(), identity)
}
