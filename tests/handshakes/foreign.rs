//! What this project would never issue: chains of any shape, as other tools make them.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType,
};
use tercet_pki::{Key, KeyKind};
use time::{Duration, OffsetDateTime};

use crate::dice::Dice;
use crate::drawn::Drawn;

const BOTH: [ExtendedKeyUsagePurpose; 2] =
    [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];

/// An authority, or what was meant to be one.
#[derive(Debug)]
struct Signer {
    words: String,
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

/// Everyone who is trusted or signs.
#[derive(Debug)]
pub(crate) struct Foreign {
    roots: Vec<Signer>,
    /// Leaves that are trusted themselves: nobody signed them.
    pinned: Vec<Drawn>,
    /// How many of the roots nobody trusts: the last ones.
    unknown: usize,
}

type Change = fn(&mut CertificateParams);

/// What an authority may be, root or not.
const AUTHORITIES: [(&str, Change); 13] = [
    ("plain", |_| {}),
    ("for servers", |params| params.extended_key_usages = BOTH[..1].to_vec()),
    ("for clients", |params| params.extended_key_usages = BOTH[1..].to_vec()),
    ("for any usage", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
    ("expired", |params| params.not_after = OffsetDateTime::now_utc() - Duration::hours(1)),
    ("of tomorrow", |params| params.not_before = OffsetDateTime::now_utc() + Duration::hours(24)),
    ("of path length 0", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    }),
    ("of path length 1", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    }),
    ("that may not sign", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
    ("that is no authority", |params| params.is_ca = IsCa::ExplicitNoCa),
    ("with a critical extension", |params| params.custom_extensions.push(critical())),
    ("for example.com", |params| {
        let permitted_subtrees = vec![
            GeneralSubtree::DnsName("example.com".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
        ];
        let constraints = NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() };
        params.name_constraints = Some(constraints);
    }),
    ("not for a.example.com", |params| {
        let excluded_subtrees = vec![
            GeneralSubtree::DnsName("a.example.com".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
        ];
        let constraints = NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees };
        params.name_constraints = Some(constraints);
    }),
];

/// An extension that nobody knows and everybody has to.
fn critical() -> CustomExtension {
    let mut extension =
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    extension.set_criticality(true);
    extension
}

fn key(kind: KeyKind) -> KeyPair {
    KeyPair::from_pem(&Key::generate(kind).unwrap().pem()).unwrap()
}

fn kind(dice: &mut Dice) -> KeyKind {
    *dice.one(&[KeyKind::P256, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519])
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(30);
    params
}

fn authority(common_name: &str) -> CertificateParams {
    let mut params = named(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Signer {
    fn root(words: &str, params: CertificateParams, kind: KeyKind) -> Self {
        let key = key(kind);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { words: words.to_owned(), params, key, pem }
    }

    /// Signs `params` for `key`.
    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> String {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().pem()
    }

    /// One below this one.
    fn below(&self, name: &str, dice: &mut Dice) -> Self {
        let plain = dice.percent(50);
        let (words, change) = if plain { AUTHORITIES[0] } else { *dice.one(&AUTHORITIES) };
        let mut params = authority(name);
        params.use_authority_key_identifier_extension = dice.percent(70);
        change(&mut params);
        let key = key(kind(dice));
        let pem = self.sign(&params, &key);
        Self { words: words.to_owned(), params, key, pem }
    }
}

impl Foreign {
    pub(crate) fn new() -> Self {
        let mut roots = Vec::new();
        for (index, (words, change)) in AUTHORITIES.iter().enumerate() {
            let mut params = authority(&format!("root {words}"));
            change(&mut params);
            let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519];
            roots.push(Signer::root(words, params, kinds[index % kinds.len()]));
        }
        // Of one name, and both trusted: a rotation of keys under way.
        for words in ["old", "new"] {
            let params = authority("root in rotation");
            roots.push(Signer::root(&format!("{words} in rotation"), params, KeyKind::P256));
        }
        let unknown = [
            Signer::root("unknown", authority("root unknown"), KeyKind::P256),
            Signer::root("of a trusted name", authority("root plain"), KeyKind::P256),
        ];
        let count = unknown.len();
        roots.extend(unknown);
        Self { roots, pinned: pinned(), unknown: count }
    }

    pub(crate) fn trusted(&self) -> impl Iterator<Item = String> {
        let trusted = self.roots.iter().take(self.roots.len() - self.unknown);
        let pinned = self.pinned.iter().map(|leaf| leaf.chain_pem.clone());
        trusted.map(|root| root.pem.clone()).chain(pinned)
    }

    pub(crate) fn draw(&self, dice: &mut Dice) -> Drawn {
        if dice.percent(8) {
            let Drawn { words, chain_pem, key_pem } = dice.one(&self.pinned);
            let (words, chain_pem) = (words.clone(), chain_pem.clone());
            return Drawn { words, chain_pem, key_pem: key_pem.clone() };
        }
        let root = if dice.percent(30) { &self.roots[0] } else { dice.one(&self.roots) };
        let mut words = format!("of a root {}", root.words);
        let mut middle: Vec<Signer> = Vec::new();
        for depth in 0..*dice.one(&[0, 0, 1, 1, 2, 3]) {
            let above = middle.last().unwrap_or(root);
            let next = above.below(&format!("intermediate {depth}"), dice);
            words.push_str(&format!(", one below {}", next.words));
            middle.push(next);
        }
        let key = key(kind(dice));
        let leaf = leaf(dice, &mut words);
        let pem = middle.last().unwrap_or(root).sign(&leaf, &key);
        let mut rest: Vec<_> = middle.iter().rev().map(|signer| signer.pem.clone()).collect();
        match dice.below(10) {
            0 if !rest.is_empty() => {
                words.push_str(", one missing");
                rest.remove(dice.below(rest.len()));
            }
            1 => {
                words.push_str(", from the root down");
                rest.reverse();
            }
            2 => {
                words.push_str(", root and all");
                rest.push(root.pem.clone());
            }
            3 => {
                words.push_str(", with a stranger among them");
                rest.insert(0, self.roots[1].pem.clone());
            }
            _ => {}
        }
        Drawn { words, chain_pem: pem + &rest.concat(), key_pem: key.serialize_pem() }
    }
}

/// Names, usages and dates of a leaf.
fn leaf(dice: &mut Dice, words: &mut String) -> CertificateParams {
    let mut note = |word: &str| words.push_str(&format!(", {word}"));
    let mut params = named("localhost");
    params.use_authority_key_identifier_extension = dice.percent(70);
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let ip = |address: &str| SanType::IpAddress(address.parse().unwrap());
    let (word, names) = match dice.below(8) {
        0 => ("no names", Vec::new()),
        1 => ("*.example.com", vec![dns("*.example.com")]),
        2 => ("a.example.com", vec![dns("a.example.com")]),
        3 => ("A.EXAMPLE.COM and 10.1.2.3", vec![dns("A.EXAMPLE.COM"), ip("10.1.2.3")]),
        4 => ("10.1.2.3", vec![ip("10.1.2.3")]),
        5 => ("::1", vec![ip("::1")]),
        _ => ("localhost", vec![dns("localhost"), ip("127.0.0.1")]),
    };
    note(word);
    params.subject_alt_names = names;
    use ExtendedKeyUsagePurpose::{Any, CodeSigning};
    let (word, usages) = match dice.below(9) {
        0 => ("for servers", BOTH[..1].to_vec()),
        1 => ("for clients", BOTH[1..].to_vec()),
        2 => ("for anything", vec![Any]),
        3 => ("for code", vec![CodeSigning]),
        4 | 5 => ("without usages", Vec::new()),
        _ => ("for both", BOTH.to_vec()),
    };
    note(word);
    params.extended_key_usages = usages;
    let now = OffsetDateTime::now_utc();
    match dice.below(12) {
        0 => {
            note("ended an hour ago");
            params.not_after = now - Duration::hours(1);
        }
        1 => {
            note("begins in an hour");
            params.not_before = now + Duration::hours(1);
        }
        2 => {
            note("ends in ten minutes");
            params.not_after = now + Duration::minutes(10);
        }
        3 => {
            note("with a critical extension");
            params.custom_extensions.push(critical());
        }
        4 => {
            note("an authority itself");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        }
        5 => {
            note("not to sign with");
            params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        }
        _ => {}
    }
    params
}

fn pinned() -> Vec<Drawn> {
    let changes: [(&str, Change); 5] = [
        ("right", |_| {}),
        ("for servers", |params| params.extended_key_usages = BOTH[..1].to_vec()),
        ("for clients", |params| params.extended_key_usages = BOTH[1..].to_vec()),
        ("expired", |params| params.not_after = OffsetDateTime::now_utc() - Duration::hours(1)),
        ("with a critical extension", |params| params.custom_extensions.push(critical())),
    ];
    let pinned = changes.iter().map(|(words, change)| {
        let mut params = named(&format!("pinned {words}"));
        params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
        change(&mut params);
        let key = key(KeyKind::P256);
        let chain_pem = params.self_signed(&key).unwrap().pem();
        Drawn { words: format!("pinned, {words}"), chain_pem, key_pem: key.serialize_pem() }
    });
    pinned.collect()
}
