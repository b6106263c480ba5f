//! What etcd says of listeners that it cannot make, and of the files that they need:
//! `transport/listener.go`, `embed/etcd.go`, Go's `net`, `os` and `crypto/tls`.

use std::path::PathBuf;

use super::cause::RefusalCause as Cause;
use super::phrase::{Phrase, Said, between};

pub(super) const LISTENERS: &[Phrase] = &[
    // "discovery failed: listen tcp 127.0.0.1:2379: bind: address already in use"
    Phrase {
        words: "bind: address already in use",
        cause: |said| Cause::AddressInUse { address: listened_on(said.before) },
    },
    Phrase {
        words: "bind: cannot assign requested address",
        cause: |said| Cause::AddressNotLocal { address: listened_on(said.before) },
    },
    // macOS: "can't assign requested address".
    Phrase {
        words: "bind: can't assign requested address",
        cause: |said| Cause::AddressNotLocal { address: listened_on(said.before) },
    },
    Phrase {
        words: ": bind: ",
        cause: |said| Cause::CannotListen {
            address: listened_on(said.before),
            reason: said.after.to_owned(),
        },
    },
    // 3.5.1 closes the listener before it says what it does not like about the ciphers
    // (`embed/serve.go`): which of the two comes first is a race.
    Phrase {
        words: ": use of closed network connection",
        cause: |said| Cause::ListenerLost {
            address: said.before.rsplit(' ').next().unwrap_or_default().to_owned(),
        },
    },
    Phrase {
        words: "must be provided for client url ",
        cause: |said| Cause::CertificateNotGiven { url: said.word() },
    },
    Phrase {
        words: "must be provided for metrics secure url",
        cause: |_| Cause::CertificateNotGiven { url: "--listen-metrics-urls".into() },
    },
    Phrase { words: "cannot listen on TLS for ", cause: nothing_presented },
    Phrase { words: "KeyFile and CertFile must both be present[key: ", cause: half_pair },
    Phrase {
        words: "ClientKeyFile and ClientCertFile must both be present or both absent: key: ",
        cause: half_pair,
    },
    Phrase {
        words: "selfSignedCertValidity is invalid",
        cause: |said| Cause::SelfSigned { reason: said.reason() },
    },
];

/// What is wrong with a file of TLS. Where etcd does not say which, `Pairs` may know.
pub(super) const FILES: &[Phrase] = &[
    Phrase { words: "tls: private key does not match public key", cause: key_mismatch },
    Phrase { words: "tls: private key type does not match public key type", cause: key_mismatch },
    Phrase { words: "tls: failed to parse private key", cause: key_unusable },
    Phrase { words: "in key input", cause: key_unusable },
    Phrase { words: "in the PEM for the private key", cause: key_unusable },
    Phrase { words: "in certificate input", cause: certificate_unusable },
    Phrase { words: "x509: malformed crl", cause: revocation_list },
    Phrase { words: "CertificateList", cause: revocation_list },
    Phrase { words: "x509: malformed ", cause: certificate_or_authorities_unusable },
    Phrase { words: "x509: invalid ", cause: certificate_or_authorities_unusable },
    // Before Go 1.17.
    Phrase { words: "asn1: ", cause: certificate_or_authorities_unusable },
    Phrase { words: ": no such file or directory", cause: missing },
    Phrase { words: "open ", cause: unreadable },
    Phrase { words: "read /", cause: unreadable },
];

/// `listen tcp ADDRESS: bind: …`, `listen unix PATH: bind: …`.
fn listened_on(before: &str) -> String {
    let address = before.rsplit("listen ").next().unwrap_or_default();
    let address = address.split_once(' ').map_or(address, |(_network, address)| address);
    address.trim_end_matches([':', ' ']).to_owned()
}

/// `cannot listen on TLS for 127.0.0.1:2380: KeyFile and CertFile are not presented`.
fn nothing_presented(said: &Said<'_>) -> Cause {
    let url = said.after.split(": ").next().unwrap_or_default().to_owned();
    Cause::CertificateNotGiven { url }
}

/// `…[key: , cert: server.crt]`; the second kind has no opening bracket.
fn half_pair(said: &Said<'_>) -> Cause {
    let (key, certificate) = said.after.split_once(", cert: ").unwrap_or((said.after, ""));
    let certificate = certificate.strip_suffix(']').unwrap_or(certificate);
    let given = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
    Cause::HalfPair { certificate: given(certificate), key: given(key) }
}

fn key_mismatch(said: &Said<'_>) -> Cause {
    let files = said.pairs.of(said.entry).cloned().unwrap_or_default();
    Cause::KeyMismatch { certificate: files.certificate, key: files.key }
}

fn key_unusable(said: &Said<'_>) -> Cause {
    let files = said.pairs.of(said.entry).cloned().unwrap_or_default();
    Cause::KeyUnusable { path: files.key, reason: said.reason() }
}

fn certificate_unusable(said: &Said<'_>) -> Cause {
    let files = said.pairs.of(said.entry).cloned().unwrap_or_default();
    let paths = files.certificate.into_iter().collect();
    Cause::CertificateUnusable { paths, reason: said.reason() }
}

/// The authorities are read with the same words.
fn certificate_or_authorities_unusable(said: &Said<'_>) -> Cause {
    let files = said.pairs.of(said.entry).cloned().unwrap_or_default();
    let paths = files.certificate.into_iter().chain(files.authorities).collect();
    Cause::CertificateUnusable { paths, reason: said.reason() }
}

/// Only in the refusal of a connection: it is read at each.
fn revocation_list(said: &Said<'_>) -> Cause {
    Cause::RevocationList { path: None, reason: said.reason() }
}

/// `open /pki/server.key: no such file or directory`.
fn missing(said: &Said<'_>) -> Cause {
    match said.before.rsplit_once("open ") {
        Some((_, path)) => Cause::FileMissing { path: path.into() },
        None => Cause::Other { reason: said.reason() },
    }
}

/// `open /pki/server.key: permission denied`, `read /pki: is a directory`.
fn unreadable(said: &Said<'_>) -> Cause {
    let slash = if said.after.starts_with('/') || !said.all.contains("read /") { "" } else { "/" };
    match said.after.split_once(": ") {
        Some((path, reason)) => Cause::FileUnreadable {
            path: format!("{slash}{path}").into(),
            reason: reason.to_owned(),
        },
        None => Cause::Other { reason: said.reason() },
    }
}

/// The path of a list that could not be opened when a connection came.
pub(super) fn unread_list(error: &str) -> Option<(PathBuf, String)> {
    let rest = error.strip_prefix("open ").or_else(|| error.strip_prefix("read "))?;
    // `read tcp 127.0.0.1:2380->…: read: connection reset by peer` is no file.
    if between(rest, "->", ":").is_some() {
        return None;
    }
    let (path, reason) = rest.rsplit_once(": ")?;
    Some((path.into(), reason.to_owned()))
}
