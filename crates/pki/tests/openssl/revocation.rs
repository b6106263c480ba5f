//! Revocation lists.

use std::time::Duration;

use tercet_pki::{Authority, Identity, Leaf, RevocationReason, Revocations};

use crate::{Openssl, Said, kinds};

fn verify(openssl: &Openssl, root: &str, list: &str, identity: &Identity) -> Said {
    openssl.write("root.crt", root);
    openssl.write("list.crl", list);
    openssl.write("leaf.crt", identity.chain_pem());
    openssl.try_run(
        "verify -x509_strict -crl_check -no-CApath -no-CAstore -CAfile root.crt -CRLfile list.crl \
         leaf.crt",
    )
}

#[test]
fn what_is_revoked_is_refused_and_what_is_not_is_not() {
    let Some(openssl) = Openssl::find() else { return };
    for kind in kinds() {
        let authority = Authority::builder("unit test").key(kind).generate().unwrap();
        let [alice, bob] =
            ["alice", "bob"].map(|name| authority.issue(&Leaf::client(name)).unwrap());
        let revoked = Revocations::new()
            .certificate(alice.certificate(), RevocationReason::KeyCompromise)
            .unwrap();
        let list = authority.revoke(&revoked).unwrap();
        let root = authority.certificate_pem();
        let said = verify(&openssl, root, &list.pem(), &alice);
        assert!(!said.success && said.text.contains("certificate revoked"), "{}", said.text);
        let said = verify(&openssl, root, &list.pem(), &bob);
        assert!(said.success, "{}", said.text);
        // The control: revoking nobody.
        let empty = authority.revoke(&Revocations::new()).unwrap();
        assert!(verify(&openssl, root, &empty.pem(), &alice).success);

        openssl.write("list.der", list.der());
        let says = openssl.run("crl -inform DER -in list.der -noout -text -CAfile root.crt");
        assert!(says.contains("verify OK"), "{says}");
        assert!(says.contains("Key Compromise"), "{says}");
    }
}

#[test]
fn a_list_is_due_when_it_says() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let alice = authority.issue(&Leaf::client("alice")).unwrap();
    let says = |revoked: &Revocations| {
        openssl.write("list.pem", authority.revoke(revoked).unwrap().pem());
        openssl.run("crl -in list.pem -noout -crlnumber -lastupdate -nextupdate")
    };
    let revoked = Revocations::new()
        .certificate(alice.certificate(), RevocationReason::default())
        .unwrap()
        .number(7)
        .next_update_in(Duration::from_secs(60));
    let text = says(&revoked);
    assert!(text.contains("crlNumber=0x7\n") || text.contains("crlNumber=0x07\n"), "{text}");
    assert!(authority.revoke(&revoked.next_update_in(Duration::MAX)).is_err());
}

#[test]
fn serial_numbers_that_no_list_can_have_are_refused() {
    let authority = Authority::generate("unit test").unwrap();
    let negative = authority.issue(&Leaf::client("alice").negative_serial()).unwrap();
    let reason = RevocationReason::Superseded;
    let error = Revocations::new().certificate(negative.certificate(), reason).unwrap_err();
    assert!(error.to_string().contains("cannot be revoked: it is negative"), "{error}");
    assert!(Revocations::new().serial(&[], reason, None).is_err());
    assert!(Revocations::new().serial(&[1; 21], reason, None).is_err());
    let twice = Revocations::new().serial(&[1; 20], reason, None).unwrap();
    let twice =
        twice.serial(&[1; 20], reason, None).unwrap().serial(&[0, 5], reason, None).unwrap();
    assert_eq!(twice.len(), 2);
}

#[cfg(feature = "read")]
#[test]
fn a_list_that_is_there_is_continued() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let [alice, bob, carol] =
        ["alice", "bob", "carol"].map(|name| authority.issue(&Leaf::client(name)).unwrap());
    let reason = RevocationReason::Superseded;
    let far = u64::MAX - 10;
    let first = Revocations::new().certificate(alice.certificate(), reason).unwrap().number(far);
    let first = authority.revoke(&first).unwrap();
    for file in [first.der().to_vec(), first.pem().into_bytes()] {
        let more = authority.revocations(&file).unwrap();
        assert_eq!(more.len(), 1);
        let more = more.certificate(bob.certificate(), reason).unwrap();
        let next = authority.revoke(&more).unwrap();
        let root = authority.certificate_pem();
        for (identity, good) in [(&alice, false), (&bob, false), (&carol, true)] {
            assert_eq!(verify(&openssl, root, &next.pem(), identity).success, good);
        }
        openssl.write("list.pem", next.pem());
        let number = openssl.run("crl -in list.pem -noout -crlnumber");
        assert_eq!(number.trim().to_lowercase(), format!("crlnumber=0x{:x}", far + 1));
    }

    let stranger = authority.stranger().unwrap();
    let impostor = authority.impostor().unwrap();
    let errors: Vec<_> = [
        stranger.revocations(first.der()),
        impostor.revocations(first.der()),
        authority.revocations(b"hello"),
    ]
    .into_iter()
    .map(|result| {
        crate::chain_of_causes(&result.unwrap_err())
            .replace(authority.common_name(), "ours")
            .replace(stranger.common_name(), "stranger")
    })
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the revocation list is of "CN=ours", and not of "CN=stranger"
    the revocation list has the name of "CN=ours", but another key signed it: it is of an authority of the same name
    the revocation list cannot be read: there is no revocation list in it, neither as PEM nor as DER
    "#);
}
