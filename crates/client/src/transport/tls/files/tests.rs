use std::fs;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::transport::tls::Tls;

/// A certificate that is its own authority, and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

struct Room {
    directory: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self { directory: tempfile::tempdir().unwrap() };
        let (certificate, key) = pair();
        room.write("ca.pem", &certificate);
        room.write("client.pem", &certificate);
        room.write("client-key.pem", &key);
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn open(&self) -> Result<Files> {
        let (chain, key) = (self.path("client.pem"), self.path("client-key.pem"));
        Files::open(&self.path("ca.pem"), Some((&chain, &key)))
    }

    fn text(&self, error: &Error) -> String {
        with_cause(error).replace(&self.directory.path().display().to_string(), "DIR")
    }
}

#[test]
fn what_does_not_change_is_one_configuration() {
    let room = Room::new();
    let files = room.open().unwrap();
    let (first, second) = (files.read_again(), files.read_again());
    assert!(Arc::ptr_eq(&first.config, &second.config));
    assert_eq!(first.refused, None);
}

#[test]
fn each_of_the_files_takes_effect() {
    let room = Room::new();
    let files = room.open().unwrap();
    let first = files.read_again();
    let (certificate, key) = pair();
    room.write("ca.pem", &certificate);
    let second = files.read_again();
    assert!(!Arc::ptr_eq(&first.config, &second.config));
    room.write("client.pem", &certificate);
    room.write("client-key.pem", &key);
    let third = files.read_again();
    assert!(!Arc::ptr_eq(&second.config, &third.config));
    assert_eq!(third.refused, None);
}

#[test]
fn what_cannot_be_used_waits_and_is_said() {
    let room = Room::new();
    let files = room.open().unwrap();
    let first = files.read_again();
    let (certificate, key) = pair();
    let mut reasons = Vec::new();
    let mut refused = || {
        let current = files.read_again();
        assert!(Arc::ptr_eq(&first.config, &current.config));
        let reason = current.refused.expect("a reason");
        reasons.push(reason.replace(&room.directory.path().display().to_string(), "DIR"));
    };
    room.write("client.pem", &certificate);
    refused();
    room.write("client-key.pem", &key[..key.len() / 2]);
    refused();
    fs::remove_file(room.path("client-key.pem")).unwrap();
    refused();
    room.write("client-key.pem", &key);
    room.write("ca.pem", "");
    refused();
    insta::assert_snapshot!(reasons.join("\n"), @r"
        the client's key file `DIR/client-key.pem` is not the key of the first certificate in the client's certificate file `DIR/client.pem`
        the client's key file `DIR/client-key.pem` has no private key that can be read
        the client's key file `DIR/client-key.pem` cannot be read (No such file or directory (os error 2))
        the authority's file `DIR/ca.pem` has no certificate
    ");

    room.write("ca.pem", &certificate);
    let last = files.read_again();
    assert!(!Arc::ptr_eq(&first.config, &last.config));
    assert_eq!(last.refused, None);
}

#[test]
fn what_cannot_be_used_at_first_is_refused_at_once() {
    let room = Room::new();
    assert!(room.open().is_ok());
    let mut texts = Vec::new();
    let mut refused = |room: &Room| texts.push(room.text(&room.open().unwrap_err()));

    room.write("client-key.pem", &pair().1);
    refused(&room);
    room.write("client.pem", "-----BEGIN CERTIFICATE-----\n");
    refused(&room);
    fs::remove_file(room.path("client.pem")).unwrap();
    fs::create_dir(room.path("client.pem")).unwrap();
    refused(&room);
    let room = Room::new();
    File::create(room.path("ca.pem")).unwrap().set_len(LARGEST_BYTES + 1).unwrap();
    refused(&room);
    insta::assert_snapshot!(texts.join("\n"), @r"
        the client's key file `DIR/client-key.pem` is not the key of the first certificate in the client's certificate file `DIR/client.pem`
        the client's certificate file `DIR/client.pem` has a certificate that cannot be read
        the client's certificate file `DIR/client.pem` is no file that can be read again and again
        the authority's file `DIR/ca.pem` has 4194305 bytes, which no PEM file has
    ");
    insta::assert_snapshot!(Tls::from_files("/nowhere/ca.pem").unwrap_err(), @"Tls::from_files: the authority's file `/nowhere/ca.pem` cannot be read");
}

#[test]
fn no_secret_is_shown() {
    let room = Room::new();
    let path = |name| room.path(name);
    let tls = Tls::mutual_files(path("ca.pem"), path("client.pem"), path("client-key.pem"));
    let text = format!("{:?}", tls.unwrap());
    let text = text.replace(&room.directory.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text, @r#"Tls { trust: Authority, mutual: true, files: Files { ca: "DIR/ca.pem", identity: Some(("DIR/client.pem", "DIR/client-key.pem")), .. }, .. }"#);
}
