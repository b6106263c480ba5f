//! Roots, intermediates, constraints and cross certificates.

use std::time::Duration;

use tercet_pki::{Authority, IssueError, KeyKind, Leaf};

use crate::Openssl;

fn server() -> Leaf {
    Leaf::server("infra1").host("localhost")
}

#[test]
fn intermediates_ship_with_their_leaves() {
    let Some(openssl) = Openssl::find() else { return };
    let root = Authority::builder("root").path_length(2).generate().unwrap();
    let middle = root.intermediate("middle").unwrap();
    let low = middle.intermediate("low").unwrap();
    assert_eq!(
        [root.path_length(), middle.path_length(), low.path_length()],
        [Some(2), Some(1), Some(0)]
    );
    let identity = low.issue(&server()).unwrap();
    assert_eq!(
        identity.chain().intermediates(),
        [low.certificate().clone(), middle.certificate().clone()]
    );
    assert_eq!(identity.chain_pem().matches("BEGIN").count(), 3);
    openssl.assert_verifies(root.certificate_pem(), identity.chain_pem(), "sslserver");
    // The control: without them, nobody finds the root.
    let alone = identity.certificate().pem();
    assert!(!openssl.verify(root.certificate_pem(), &alone, "sslserver").success);

    let error = low.intermediate("too low").unwrap_err().to_string();
    let name = low.common_name();
    assert_eq!(
        error,
        format!(
            "the authority {name:?} may have no authority below it: its path length is 0, and 1 \
             is needed; make one with `.path_length(1)`"
        )
    );
    let long = Authority::builder("long").path_length(2).issued_by(&root);
    assert!(matches!(long, Err(IssueError::PathLength { path_length: 2, needed: 3, .. })));
}

#[test]
fn nothing_outlives_its_authority() {
    let Some(openssl) = Openssl::find() else { return };
    let day = Duration::from_secs(24 * 60 * 60);
    let root = Authority::builder("root").valid_for(30 * day).generate().unwrap();
    let intermediate = root.intermediate("intermediate").unwrap();
    let leaf = intermediate.issue(&server()).unwrap();
    let end = |pem: &str| {
        openssl.write("one.crt", pem);
        openssl.run("x509 -in one.crt -noout -enddate")
    };
    let last = end(root.certificate_pem());
    assert_eq!(end(intermediate.certificate_pem()), last);
    assert_eq!(end(leaf.chain_pem()), last);
    // Controls: shorter ones keep their end, and what is wrong on purpose stays so.
    assert_ne!(end(root.issue(&server().valid_for(day)).unwrap().chain_pem()), last);
    let late = Authority::builder("late").expired().generate().unwrap();
    let of_late = late.issue(&server()).unwrap();
    assert_ne!(end(of_late.chain_pem()), end(late.certificate_pem()));
    assert!(!openssl.verify(late.certificate_pem(), of_late.chain_pem(), "sslserver").success);
}

#[test]
fn constraints_are_kept_by_us_and_enforced_by_others() {
    let Some(openssl) = Openssl::find() else { return };
    let root = Authority::generate("root").unwrap();
    let narrow = Authority::builder("narrow")
        .permit_dns("example.com")
        .exclude_dns("secret.example.com")
        .permit_network("10.0.0.0/8")
        .permit_network("fd00::/8")
        .exclude_network("10.1.0.0/16")
        .issued_by(&root)
        .unwrap();
    let leaf = |host: &str| Leaf::server("infra1").host(host);
    for host in ["example.com", "a.b.example.com", "*.a.example.com", "10.0.0.1", "fd00::1"] {
        let identity = narrow.issue(&leaf(host)).unwrap();
        openssl.assert_verifies(root.certificate_pem(), identity.chain_pem(), "sslserver");
    }
    let mut errors = Vec::new();
    for host in ["example.org", "a.secret.example.com", "11.0.0.1", "10.1.2.3", "::1"] {
        let error = narrow.issue(&leaf(host)).unwrap_err();
        assert!(matches!(error, IssueError::Constrained { .. }));
        errors.push(error.to_string().replace(narrow.common_name(), "narrow"));
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the authority "narrow" may not sign for "example.org": it permits "example.com" and below, 10.0.0.0/8, fd00::/8 and excludes "secret.example.com" and below, 10.1.0.0/16; everyone would refuse the certificate
    the authority "narrow" may not sign for "a.secret.example.com": it permits "example.com" and below, 10.0.0.0/8, fd00::/8 and excludes "secret.example.com" and below, 10.1.0.0/16; everyone would refuse the certificate
    the authority "narrow" may not sign for "11.0.0.1": it permits "example.com" and below, 10.0.0.0/8, fd00::/8 and excludes "secret.example.com" and below, 10.1.0.0/16; everyone would refuse the certificate
    the authority "narrow" may not sign for "10.1.2.3": it permits "example.com" and below, 10.0.0.0/8, fd00::/8 and excludes "secret.example.com" and below, 10.1.0.0/16; everyone would refuse the certificate
    the authority "narrow" may not sign for "::1": it permits "example.com" and below, 10.0.0.0/8, fd00::/8 and excludes "secret.example.com" and below, 10.1.0.0/16; everyone would refuse the certificate
    "#);

    // Not only we say so: a careless authority below a narrow one is caught by others.
    let narrow = Authority::builder("narrow").permit_dns("example.com").generate().unwrap();
    let careless = Authority::generate("careless").unwrap();
    let careless = careless.clone().with_cross(narrow.cross_sign(&careless).unwrap()).unwrap();
    for (host, good) in [("a.example.com", true), ("a.example.org", false)] {
        let identity = careless.issue(&leaf(host)).unwrap();
        openssl.assert_verifies(careless.certificate_pem(), identity.chain_pem(), "sslserver");
        let said = openssl.verify(narrow.certificate_pem(), identity.chain_pem(), "sslserver");
        assert_eq!(said.success, good, "{}", said.text);
        assert_eq!(said.text.contains("permitted subtree violation"), !good, "{}", said.text);
    }

    for bad in ["*.example.com", "10.0.0.1", "https://example.com", ""] {
        assert!(Authority::builder("x").permit_dns(bad).generate().is_err(), "{bad}");
    }
    assert!(Authority::builder("x").permit_network("10.0.0.1/8").generate().is_err());
}

#[test]
fn a_cross_certificate_makes_the_new_authority_good_for_the_old() {
    let Some(openssl) = Openssl::find() else { return };
    for (old_key, new_key) in [(KeyKind::P256, KeyKind::P384), (KeyKind::P384, KeyKind::Ed25519)] {
        let old = Authority::builder("old").key(old_key).generate().unwrap();
        let new = Authority::builder("new").key(new_key).generate().unwrap();
        let cross = old.cross_sign(&new).unwrap();
        let plain = new.issue(&server()).unwrap();
        let new = new.with_cross(cross.clone()).unwrap();
        let identity = new.issue(&server()).unwrap();
        assert_eq!(identity.chain().intermediates(), std::slice::from_ref(&cross));

        for trusted in [&old, &new] {
            openssl.assert_verifies(trusted.certificate_pem(), identity.chain_pem(), "sslserver");
        }
        // The control: without the cross certificate it is good for the new one alone.
        assert!(!openssl.verify(old.certificate_pem(), plain.chain_pem(), "sslserver").success);
        openssl.assert_verifies(new.certificate_pem(), plain.chain_pem(), "sslserver");

        let identifier = |pem: &str| {
            openssl.write("one.crt", pem);
            openssl.run("x509 -in one.crt -noout -ext subjectKeyIdentifier")
        };
        assert_eq!(identifier(&cross.pem()), identifier(new.certificate_pem()));
        // Below the new one as well.
        let below = Authority::builder("new").path_length(2).generate().unwrap();
        let old = Authority::builder("old").path_length(3).generate().unwrap();
        let below = below.clone().with_cross(old.cross_sign(&below).unwrap()).unwrap();
        let leaf = below.intermediate("below").unwrap().issue(&server()).unwrap();
        assert_eq!(leaf.chain().intermediates().len(), 2);
        openssl.assert_verifies(old.certificate_pem(), leaf.chain_pem(), "sslserver");
    }
}

#[test]
fn a_cross_certificate_of_others_is_refused() {
    let old = Authority::generate("old").unwrap();
    let new = Authority::generate("new").unwrap();
    let error = new.clone().with_cross(old.cross_sign(&old).unwrap()).unwrap_err();
    assert!(matches!(error, IssueError::NotACross { difference: "its subject", .. }));
    let impostor = new.impostor().unwrap();
    let error = new.clone().with_cross(old.cross_sign(&impostor).unwrap()).unwrap_err();
    assert!(matches!(error, IssueError::NotACross { difference: "its key", .. }));
    let low = Authority::builder("low").path_length(0).generate().unwrap();
    assert!(matches!(low.cross_sign(&new), Err(IssueError::PathLength { .. })));
}
