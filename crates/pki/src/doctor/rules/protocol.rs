//! Versions of TLS and cipher suites that do not meet: TLS025.
//!
//! Values that etcd refuses by themselves are among the problems of the settings.

use super::super::case::{Case, MemberCase, Port, Side};
use super::super::findings::{Findings, Found, Subject};
use super::words::list;
use crate::doctor::Rule;
use crate::etcd::{HTTP2_CIPHER_SUITES, Version};
use crate::read::PublicKey;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        if member.settings.cipher_suites.is_empty() || member.settings.tls_min_version == "TLS1.3" {
            continue;
        }
        without_http2(case.etcd, member, findings);
        weak(member, findings);
        for side in member.sides() {
            other_key(case.etcd, member, side, findings);
        }
    }
}

fn without_http2(etcd: Version, member: &MemberCase<'_>, findings: &mut Findings) {
    let suites = &member.settings.cipher_suites;
    // Peers speak HTTP/1.1, and do without (measured).
    if !member.listens_with_tls(Port::Client)
        || suites.iter().any(|suite| HTTP2_CIPHER_SUITES.contains(&suite.as_str()))
    {
        return;
    }
    // Measured on 3.5.1, which loses the reason; 3.4.23 and 3.6.14 tell it.
    let today = if etcd.minor() == 5 {
        "listener failed: accept tcp …: use of closed network connection"
    } else {
        "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher \
         (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or \
         TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)"
    };
    let setting = member.setting("cipher-suites");
    findings.add(
        Found::error(
            Rule::ProtocolMismatch,
            today,
            format!(
                "{setting} has neither {} nor {}, one of which HTTP/2 demands, and gRPC is HTTP/2: \
                 etcd does not start.",
                HTTP2_CIPHER_SUITES[0], HTTP2_CIPHER_SUITES[1]
            ),
            format!(
                "add the one that fits the key of the certificate to {setting}, or leave \
                     {setting} out"
            ),
        )
        .member(member)
        .field(setting)
        .follows(suites_of(member)),
    );
}

fn weak(member: &MemberCase<'_>, findings: &mut Findings) {
    let is_weak = |suite: &&String| {
        suite.starts_with("TLS_RSA_WITH_") || suite.contains("_RC4_") || suite.contains("_3DES_")
    };
    let weak: Vec<_> = member.settings.cipher_suites.iter().filter(is_weak).collect();
    if weak.is_empty() || !member.sides().any(|side| member.listens_with_tls(side.port)) {
        return;
    }
    let setting = member.setting("cipher-suites");
    findings.add(
        Found::warning(
            Rule::ProtocolMismatch,
            "etcd says nothing about it",
            format!(
                "{setting} allows {}: RC4 and 3DES are broken, and without ECDHE whoever gets the \
                 key later can read what was recorded.",
                list(weak)
            ),
            format!(
                "leave {setting} out, so that Go chooses, or name only suites with ECDHE and GCM \
                     or CHACHA20"
            ),
        )
        .member(member)
        .field(setting),
    );
}

/// Below TLS 1.3, a suite belongs to a kind of key.
fn other_key(etcd: Version, member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    if side.is_automatic() || !member.listens_with_tls(side.port) {
        return;
    }
    let Some(leaf) = side.served().first() else { return };
    let (kind, part) = match leaf.public_key {
        PublicKey::Rsa { .. } => ("an RSA key", "_RSA_"),
        PublicKey::Ecdsa { .. } => ("an ECDSA key", "_ECDSA_"),
        PublicKey::Ed25519 => ("an Ed25519 key", "_ECDSA_"),
        PublicKey::Other { .. } => return,
    };
    let suites = &member.settings.cipher_suites;
    if suites.iter().any(|suite| suite.contains(part)) {
        return;
    }
    let setting = member.setting("cipher-suites");
    let today = "tls: no cipher suite supported by both client and server";
    let fix = format!("add TLS_ECDHE{part}WITH_AES_128_GCM_SHA256 to {setting}, or leave it out");
    let what = format!(
        "The certificate of the {} port has {kind}, and none of {setting} is for such a key \
         ({})",
        side.port.name(),
        list(suites)
    );
    // 3.5.0 to 3.5.7 set the maximum themselves (`client/pkg/transport/listener.go` there).
    let built_in = (Version::new(3, 5, 0)..=Version::new(3, 5, 7)).contains(&etcd);
    let found = if built_in || member.settings.tls_max_version == "TLS1.2" {
        Found::error(
            Rule::ProtocolMismatch,
            today,
            format!("{what}; and this etcd speaks TLS 1.2 at most: every handshake fails."),
            fix,
        )
    } else {
        Found::warning(
            Rule::ProtocolMismatch,
            today,
            format!(
                "{what}: whoever speaks TLS 1.2 at most is refused. TLS 1.3 has suites of its \
                     own, and goes on."
            ),
            fix,
        )
    };
    findings.add(found.member(member).field(setting).follows(suites_of(member)));
}

/// What a suite that is none is the cause of.
fn suites_of(member: &MemberCase<'_>) -> Subject {
    Subject::Setting(member.index, "cipher-suites".to_owned())
}
