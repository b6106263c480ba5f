//! Whatever holds a key or fails with one says nothing of it, in `Debug` or in an error.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::error::Error;
use std::fmt::Debug;

use tercet_pki::{Authority, Fleet, Identity, Key, KeyKind, Leaf};

/// What is said, and the ways in which a key could be in it.
struct Listener {
    needles: Vec<String>,
}

impl Listener {
    fn of(keys: &[&str]) -> Self {
        let mut needles = Vec::new();
        for key in keys {
            let der = pem::parse(key).unwrap().into_contents();
            // The secret number; elliptic keys have the public point after it.
            let secret: std::ops::Range<usize> = match der.len() {
                48 => 16..48,
                138 => 36..68,
                185 => 35..83,
                other => panic!("a key of {other} bytes"),
            };
            // The base64, by eights, so that a broken or an indented line is found as well.
            let base64: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
            let text = &base64[secret.start.div_ceil(3) * 4..secret.end / 3 * 4];
            needles.extend(
                text.as_bytes().chunks_exact(8).map(|eight| String::from_utf8_lossy(eight).into()),
            );
            // The bytes, by eights: decimal and hexadecimal lists, and hexadecimal digits.
            for eight in der[secret].chunks_exact(8) {
                needles.push(format!("{eight:?}").trim_matches(['[', ']']).to_owned());
                needles.push(format!("{eight:x?}").trim_matches(['[', ']']).to_owned());
                needles.push(eight.iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
        Self { needles }
    }

    fn finds(&self, said: &str) -> bool {
        // As `{:#?}` lists bytes.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        self.needles.iter().any(|needle| said.contains(needle.as_str()))
    }

    fn hears_nothing(&self, what: &str, shown: &dyn Debug) {
        for said in [format!("{shown:?}"), format!("{shown:#?}"), format!("{shown:x?}")] {
            assert!(!self.finds(&said), "{what} says its key: {said}");
        }
    }

    fn hears_nothing_of_error(&self, what: &str, error: &dyn Error) {
        self.hears_nothing(what, &error);
        let causes = std::iter::successors(Some(error), |error| (*error).source());
        for cause in causes {
            assert!(!self.finds(&cause.to_string()), "{what} says its key: {cause}");
        }
    }
}

fn kinds() -> impl Iterator<Item = KeyKind> {
    [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519].into_iter()
}

#[test]
fn what_is_listened_for_is_found() {
    for kind in kinds() {
        let pem = Key::generate(kind).unwrap().pem();
        let listener = Listener::of(&[&pem]);
        let der = pem::parse(&*pem).unwrap().into_contents();
        let hexadecimal: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        let listed = [format!("{der:?}"), format!("{der:#?}"), format!("{der:x?}")];
        for said in listed.into_iter().chain([pem.to_string(), hexadecimal]) {
            assert!(listener.finds(&said));
        }
        assert!(!Listener::of(&[&Key::generate(kind).unwrap().pem()]).finds(&pem));
    }
}

#[test]
fn nothing_that_holds_a_key_shows_it() {
    for kind in kinds() {
        let key = Key::generate(kind).unwrap();
        let authority = Authority::builder("unit test").key(kind).generate().unwrap();
        let identity: Identity = authority.issue_for(&Leaf::client("alice"), &key).unwrap();
        let (key_pem, authority_pem) = (key.pem(), authority.key_pem());
        let listener = Listener::of(&[&key_pem, &authority_pem]);
        listener.hears_nothing("Key", &key);
        listener.hears_nothing("Identity", &identity);
        listener.hears_nothing("Authority", &authority);
    }
    let fleet = Fleet::generate(["infra1"]).unwrap();
    let client = fleet.issue(&Leaf::client("alice")).unwrap();
    Listener::of(&[&fleet.authority().key_pem(), client.key_pem()]).hears_nothing("Fleet", &fleet);
}

/// Keys with one byte wrong, cut off, under another label, or in the place of something else.
#[test]
fn nothing_that_fails_with_a_key_shows_it() {
    for kind in kinds() {
        let pem = Key::generate(kind).unwrap().pem();
        let listener = Listener::of(&[&pem]);
        let der = pem::parse(&*pem).unwrap().into_contents();
        let mut wrong = vec![pem.replace("-----END", "----END"), pem.replacen("BEGIN", "BEGN", 1)];
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            let block = |der: &[u8]| pem::encode(&pem::Pem::new(label, der));
            wrong.extend([1, 20, der.len() - 1].map(|length| block(&der[..length])));
            wrong.extend([0, 3, 8, 30].map(|at| {
                let mut changed = der.clone();
                changed[at] ^= 0x55;
                block(&changed)
            }));
        }
        let mut refused = 0;
        for text in &wrong {
            if let Err(error) = Key::from_pem(text) {
                refused += 1;
                listener.hears_nothing_of_error("KeyError", &error);
            }
        }
        assert!(refused > wrong.len() / 2, "{refused} of {}", wrong.len());

        #[cfg(feature = "read")]
        reading(&pem, &der, &wrong, &listener);
    }
}

#[cfg(feature = "read")]
fn reading(pem: &str, der: &[u8], wrong: &[String], listener: &Listener) {
    use tercet_pki::{Reissue, Request, read};
    for text in wrong {
        if let Err(error) = read::private_keys(text.as_bytes()) {
            listener.hears_nothing_of_error("ReadError", &error);
        }
    }
    listener.hears_nothing("Block", &read::pem::blocks(pem.as_bytes()).unwrap());
    listener.hears_nothing("PrivateKeyDetails", &read::private_keys(pem.as_bytes()).unwrap());
    let key = Key::from_pem(pem).unwrap();
    listener.hears_nothing("Reissue", &Reissue::default().key(key.clone()));
    listener.hears_nothing("Request", &Request::for_key(&Leaf::client("alice"), &key).unwrap());

    // A key where a certificate should be, or a request, or the key of another.
    let other = Authority::generate("unit test").unwrap();
    let error = Authority::from_pem(pem, pem).unwrap_err();
    listener.hears_nothing_of_error("LoadError", &error);
    let error = Authority::from_pem(other.certificate_pem(), pem).unwrap_err();
    listener.hears_nothing_of_error("LoadError", &error);
    for bytes in [pem.as_bytes(), der] {
        listener.hears_nothing_of_error("ReadError", &read::certificates(bytes).unwrap_err());
        listener.hears_nothing_of_error("RequestError", &Request::read(bytes).unwrap_err());
        listener.hears_nothing_of_error("ReadError", &read::revocation_list(bytes).unwrap_err());
    }
}
