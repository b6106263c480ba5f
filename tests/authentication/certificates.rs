//! Users whom a certificate names.

use rcgen::{CertificateParams, DistinguishedName, DnType};
use tercet_client::{Client, Config, ErrorKind, Tls};
use tercet_harness::{Cluster, Result};
use tercet_pki::Leaf;
use tercet_tests::available;

use crate::{ALICE, BOB, acts_as, client_of, kind, showing, with_users};

/// What makes a client whose certificate has no common name, which our authority does not issue.
fn nameless(cluster: &Cluster) -> Config {
    let authority = cluster.identities().authority();
    let key = rcgen::KeyPair::from_pem(&authority.key_pem()).unwrap();
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, authority.common_name());
    let issuer = rcgen::Issuer::new(issuer, key);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, &issuer).unwrap();
    let tls = Tls::mutual(authority.certificate_pem(), chain.pem(), key.serialize_pem()).unwrap();
    Config::new(cluster.endpoints()).tls(tls)
}

/// What makes a client whose certificate has this common name.
fn named(cluster: &Cluster, common_name: &str) -> Config {
    showing(cluster, &cluster.identities().issue(&Leaf::client(common_name)).unwrap())
}

#[tokio::test]
async fn a_common_name_is_a_user() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let client = cluster.client().await?;
        client.user_add_without_password("carol").await?;
        client.user_grant_role("carol", "alice").await?;
        client.auth_enable().await?;

        // One who also has a password, and one who has none.
        for name in ["alice", "carol"] {
            acts_as(&Client::connect(named(&cluster, name)).await?, "alice").await?;
        }
        // The password's user, and not the certificate's.
        let both = named(&cluster, "alice").user(BOB.0, BOB.1);
        acts_as(&Client::connect(both).await?, "bob").await?;

        // Nobody's name, and no name.
        for nobody in [named(&cluster, "dave"), nameless(&cluster)] {
            let error = Client::connect(nobody).await?.get("alice/key").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
        }

        // Who is known by a certificate only is let in with no password.
        let carol = client_of(&cluster, ("carol", "guessed")).await;
        let error = carol.get("alice/key").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed, "{error:?}");
        assert!(error.to_string().contains("user `carol` is not authenticated"), "{error}");

        // A certificate needs no token that could get old.
        let alice = Client::connect(named(&cluster, "alice")).await?;
        alice.put("alice/key", "value").await?;
        client_of(&cluster, crate::ROOT).await.role_add("another").await?;
        alice.put("alice/key", "value").await?;
        assert_eq!(kind(alice.put("elsewhere", "value").await), ErrorKind::PermissionDenied);
    }
    Ok(())
}

/// The fleet's own client is a user like any other: as such it goes on restarting members.
#[tokio::test]
async fn a_fleet_is_ready_also_when_it_asks_who_is_there() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 3).await?;
        let client = cluster.client().await?;
        client.auth_enable().await?;
        // Its name is not a user's, so it may do nothing; and that is an answer, too.
        assert_eq!(kind(client.get("alice/key").await), ErrorKind::PermissionDenied);
        let down = cluster.leader().await?.kill()?;
        down.restart().await?;
        cluster.leader().await?;
        client_of(&cluster, ALICE).await.put("alice/key", "value").await?;
    }
    Ok(())
}
