//! Each refusal with its control, in the words of each Go. The verdicts as a whole were compared
//! with Go 1.26 itself on generated chains, and are with a real etcd in `tests/handshakes`.

use std::time::Duration;

use time::OffsetDateTime;

use super::{PeerVerdict, Refusal, Role, Usage, peer_address, verify};
use crate::etcd::Go;
use crate::read::{CertificateDetails, Names, certificates};
use crate::{Authority, Leaf};

const NEW: Go = Go::new(26);
const OLD: Go = Go::new(16);

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn root(authority: &Authority) -> Vec<CertificateDetails> {
    certificates(authority.certificate_pem().as_bytes()).unwrap()
}

fn chain(authority: &Authority, leaf: &Leaf) -> Vec<CertificateDetails> {
    certificates(authority.issue(leaf).unwrap().chain_pem().as_bytes()).unwrap()
}

fn authority() -> Authority {
    Authority::generate("example").unwrap()
}

#[test]
fn what_we_issue_is_accepted_by_every_go() {
    let authority = authority();
    let server = chain(&authority, &Leaf::server("infra1").hosts(["infra1.example.com", "::1"]));
    let client = chain(&authority, &Leaf::client("alice"));
    for go in (12..=26).map(Go::new) {
        for host in ["infra1.example.com", "INFRA1.example.com.", "::1", "[::1]"] {
            let verdict = verify(&server, &root(&authority), Usage::Server, Some(host), now(), go);
            assert_eq!(verdict, Ok(()), "{go} {host}");
        }
        let verdict = verify(&client, &root(&authority), Usage::Client, None, now(), go);
        assert_eq!(verdict, Ok(()), "{go}");
    }
}

#[test]
fn hosts_are_refused_in_the_words_of_each_go() {
    let authority = authority();
    let said = |chain: &[CertificateDetails], host: &str, go: Go| {
        let verdict = verify(chain, &root(&authority), Usage::Server, Some(host), now(), go);
        verdict.unwrap_err().text_of_client(go)
    };
    let named = chain(&authority, &Leaf::server("infra1").hosts(["a.example.com", "10.9.9.9"]));
    insta::assert_snapshot!(said(&named, "b.example.com", OLD), @"x509: certificate is valid for a.example.com, not b.example.com");
    insta::assert_snapshot!(said(&named, "127.0.0.1", NEW), @"tls: failed to verify certificate: x509: certificate is valid for 10.9.9.9, not 127.0.0.1");

    let mut typed = chain(&authority, &Leaf::server("infra1").host("a.example.com"));
    typed[0].names.as_mut().unwrap().dns = vec!["10.0.0.1".to_owned()];
    insta::assert_snapshot!(said(&typed, "10.0.0.1", OLD), @"x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs");

    let mut bare = typed;
    bare[0].names = None;
    insta::assert_snapshot!(said(&bare, "infra1", OLD), @"x509: certificate relies on legacy Common Name field, use SANs or temporarily enable Common Name matching with GODEBUG=x509ignoreCN=0");
    insta::assert_snapshot!(said(&bare, "infra1", NEW), @"tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead");
    insta::assert_snapshot!(said(&bare, "infra2", OLD), @"x509: certificate is not valid for any names, but wanted to match infra2");
    let old = verify(&bare, &root(&authority), Usage::Server, Some("infra1"), now(), Go::new(12));
    assert_eq!(old, Ok(()), "Go 1.12 looks at the common name");
}

#[test]
fn wildcards_stand_for_one_whole_label() {
    let authority = authority();
    let wild = chain(&authority, &Leaf::server("infra1").host("*.example.com"));
    let accepts = |host: &str| {
        verify(&wild, &root(&authority), Usage::Server, Some(host), now(), NEW).is_ok()
    };
    assert!(accepts("a.example.com"));
    for host in ["example.com", "a.b.example.com", "*", ".example.com", "10.0.0.1"] {
        assert!(!accepts(host), "{host}");
    }
}

#[test]
fn dates_are_those_of_every_certificate_of_the_chain() {
    let authority = authority();
    let late = chain(&authority, &Leaf::client("alice").expired());
    let refusal = verify(&late, &root(&authority), Usage::Client, None, now(), OLD).unwrap_err();
    assert!(matches!(&refusal, Refusal::Expired { culprit, .. } if culprit.role == Role::Leaf));
    let text = refusal.text_of_server(OLD);
    assert!(text.starts_with("tls: failed to verify client certificate: x509: certificate has expired or is not yet valid: current time 2"), "{text}");
    assert!(text.contains("Z is after 2"), "{text}");

    let early = chain(&authority, &Leaf::client("alice").not_yet_valid());
    let refusal = verify(&early, &root(&authority), Usage::Client, None, now(), NEW).unwrap_err();
    assert!(matches!(refusal, Refusal::NotYetValid { .. }));

    // Go looks at the dates of a root, where webpki does not.
    let good = chain(&authority, &Leaf::client("alice"));
    let mut roots = root(&authority);
    roots[0].not_after = now() - Duration::from_secs(60);
    let refusal = verify(&good, &roots, Usage::Client, None, now(), NEW).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired { culprit, .. } if culprit.role == Role::Root));
}

#[test]
fn authorities_are_told_apart_by_name_and_by_key() {
    let (authority, stranger) = (authority(), authority());
    let good = chain(&authority, &Leaf::client("alice"));
    let refusal = verify(&good, &root(&stranger), Usage::Client, None, now(), NEW).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownAuthority { hint: None });

    let mut impostor = root(&stranger);
    impostor[0].subject = root(&authority)[0].subject.clone();
    impostor[0].subject.common_name = "example".to_owned();
    let refusal = verify(&good, &impostor, Usage::Client, None, now(), NEW).unwrap_err();
    insta::assert_snapshot!(refusal.text_of_server(NEW), @r#"tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "example")"#);
    let both = [impostor, root(&authority)].concat();
    assert_eq!(verify(&good, &both, Usage::Client, None, now(), NEW), Ok(()));

    // A leaf that is itself in the pool is trusted, whoever signed it.
    assert_eq!(verify(&good, &good, Usage::Client, None, now(), NEW), Ok(()));
    assert_eq!(verify(&[], &good, Usage::Client, None, now(), NEW), Err(Refusal::NoCertificate));
}

#[test]
fn an_authority_must_be_one() {
    let authority = authority();
    let good = chain(&authority, &Leaf::client("alice"));
    for change in [
        |root: &mut CertificateDetails| root.basic_constraints = None,
        |root: &mut CertificateDetails| root.key_usages.as_mut().unwrap().certificate_sign = false,
    ] {
        let mut roots = root(&authority);
        change(&mut roots[0]);
        let refusal = verify(&good, &roots, Usage::Client, None, now(), NEW).unwrap_err();
        assert!(refusal.text(NEW).contains("parent certificate cannot sign"), "{refusal:?}");
    }
    // Version 1 cannot say that it is one, and is let through.
    let mut roots = root(&authority);
    roots[0].basic_constraints = None;
    roots[0].key_usages = None;
    roots[0].version = 1;
    assert_eq!(verify(&good, &roots, Usage::Client, None, now(), NEW), Ok(()));
}

#[test]
fn usages_are_asked_of_the_whole_chain() {
    let authority = authority();
    let client = chain(&authority, &Leaf::client("alice"));
    let mut roots = root(&authority);
    assert_eq!(verify(&client, &roots, Usage::Client, None, now(), NEW), Ok(()));
    let refusal = verify(&client, &roots, Usage::Server, None, now(), NEW).unwrap_err();
    insta::assert_snapshot!(refusal.text(NEW), @"x509: certificate specifies an incompatible key usage");
    roots[0].extended_key_usages = Some(vec![crate::read::ExtendedKeyUsage::ServerAuth]);
    let refusal = verify(&client, &roots, Usage::Client, None, now(), NEW).unwrap_err();
    assert!(
        matches!(refusal, Refusal::IncompatibleUsage { culprit, .. } if culprit.role == Role::Root)
    );
}

#[test]
fn what_newer_goes_refuse_older_ones_accept() {
    let authority = authority();
    let mut odd = chain(&authority, &Leaf::client("alice"));
    odd[0].serial = vec![0x80, 1];
    let judge = |chain: &[CertificateDetails], go: u8| {
        verify(chain, &root(&authority), Usage::Client, None, now(), Go::new(go))
    };
    assert_eq!(judge(&odd, 22), Ok(()));
    let refusal = judge(&odd, 23).unwrap_err();
    insta::assert_snapshot!(refusal.text_of_server(NEW), @"tls: failed to parse client certificate: x509: negative serial number");

    let mut weak = chain(&authority, &Leaf::client("alice"));
    weak[0].signature_algorithm = crate::read::SignatureAlgorithm::Ecdsa { hash_bits: 160 };
    assert_eq!(judge(&weak, 17), Ok(()), "nobody here can compute it, and so it is not refused");
    let old = judge(&weak, 18).unwrap_err().text(Go::new(18));
    assert!(old.contains("insecure algorithm ECDSA-SHA1 (temporarily override"), "{old}");
    let new = judge(&weak, 26).unwrap_err().text(NEW);
    assert!(new.contains(r#"insecure algorithm ECDSA-SHA1" while"#), "{new}");
}

#[test]
fn names_are_constrained_by_every_authority_above() {
    let authority = authority();
    let leaf = chain(&authority, &Leaf::server("infra1").hosts(["a.example.com", "10.0.0.1"]));
    let judge = |change: fn(&mut crate::read::NameConstraints)| {
        let mut roots = root(&authority);
        change(roots[0].name_constraints.insert(crate::read::NameConstraints::default()));
        let host = Some("a.example.com");
        verify(&leaf, &roots, Usage::Server, host, now(), NEW).map_err(|refusal| refusal.text(NEW))
    };
    assert_eq!(judge(|constraints| constraints.permitted_dns.push("example.com".into())), Ok(()));
    let refused = judge(|constraints| constraints.permitted_dns.push("example.org".into()));
    insta::assert_snapshot!(refused.unwrap_err(), @r#"x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "a.example.com" is not permitted by any constraint"#);
    let refused = judge(|constraints| {
        let ip = |text: &str| text.parse().unwrap();
        constraints.excluded_ip.push((ip("10.0.0.0"), ip("255.0.0.0")));
    });
    insta::assert_snapshot!(refused.unwrap_err(), @r#"x509: a root or intermediate certificate is not authorized to sign for this name: IP address "10.0.0.1" is excluded by constraint "10.0.0.0/8""#);
}

#[test]
fn a_peer_is_known_by_the_address_it_dials_from() {
    let authority = authority();
    let address = "127.0.0.1".parse().unwrap();
    let mut peer = chain(&authority, &Leaf::peer("infra1").hosts(["127.0.0.1", "infra1"]));
    assert_eq!(peer_address(&peer[0], address), PeerVerdict::Accepted);
    let by_name = PeerVerdict::ByLookup { dns: vec!["infra1".to_owned()] };
    assert_eq!(peer_address(&peer[0], "10.0.0.1".parse().unwrap()), by_name);
    let other = "10.9.9.9".parse().unwrap();
    peer[0].names = Some(Names { ip: vec![other], ..Names::default() });
    let PeerVerdict::Refused(refusal) = peer_address(&peer[0], address) else { panic!() };
    insta::assert_snapshot!(refusal.text(), @"x509: certificate is valid for 10.9.9.9, not 127.0.0.1");
    peer[0].names = None;
    assert_eq!(peer_address(&peer[0], address), PeerVerdict::Accepted, "without names: anyone");
}
