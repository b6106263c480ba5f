//! What of a fleet can be otherwise than etcd has it: on each version it is so, or is refused
//! before anything is started. Each beside its control.

use std::future::Future;

use tercet_cluster::binary::{Binary, Feature, Version};
use tercet_harness::client::{Op, Txn};
use tercet_harness::{Builder, Cluster, Result, Security, Timing, TlsOptions, TlsVersion};
use tercet_pki::etcd::Flag;
use tercet_pki::{Durability, LOOPBACK_HOSTS, Leaf, RevocationReason, Revocations};
use tokio_rustls::rustls::CipherSuite;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::visitor::Visitor;

const SUITE: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

fn options() -> TlsOptions {
    TlsOptions::default()
}

fn builder(etcd: &Binary) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci)
}

/// Runs `check` on a fleet of each etcd that has `flag`; of the others, sees that they refuse it.
async fn each<F: Future<Output = Result<()>>>(
    flag: &str,
    describe: impl Fn(Builder) -> Builder,
    check: impl Fn(Cluster, Version) -> F,
) -> Result<()> {
    let flag = Flag::named(flag).expect("it is etcd's");
    for etcd in tercet_tests::available() {
        let version = etcd.version();
        match describe(builder(etcd)).start().await {
            Ok(cluster) => {
                assert!(flag.is_in(version), "{version} takes what it has not");
                check(cluster, version).await?;
            }
            Err(error) => {
                let text = format!("{error:?}");
                assert!(!flag.is_in(version), "{version}: {text}");
                let reason = format!("etcd {version} has no --{}, which is there", flag.name());
                assert!(text.contains(&reason), "{text}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_lowest_and_a_highest_version_of_tls() -> Result<()> {
    for (flag, options, refused, good) in [
        ("tls-min-version", options().min_version(TlsVersion::V1_3), &TLS12, &TLS13),
        ("tls-max-version", options().max_version(TlsVersion::V1_2), &TLS13, &TLS12),
    ] {
        let describe = |builder: Builder| builder.tls(options.clone());
        each(flag, describe, |cluster, version| async move {
            for member in cluster.members() {
                let client = Visitor::client(&cluster);
                let peer = Visitor::new(&cluster, Some(cluster.identities().client()));
                for (visitor, url) in [
                    (client, format!("{}/version", member.client_url())),
                    (peer, format!("{}/members", member.peer_url())),
                ] {
                    let with = |one| Visitor { version: Some(one), ..visitor };
                    assert_eq!(with(refused).get(&url).await, None, "{version} {url}");
                    assert_eq!(with(good).get(&url).await, Some(200), "{version} {url}");
                }
            }
            cluster.client().await?.put("hello", "world").await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_choice_of_cipher_suites() -> Result<()> {
    let describe = |builder: Builder| builder.tls(options().cipher_suites([SUITE]));
    each("cipher-suites", describe, |cluster, version| async move {
        let offers = |suite| Visitor {
            version: Some(&TLS12),
            suite: Some(suite),
            ..Visitor::client(&cluster)
        };
        let url = format!("{}/version", cluster.member(0).client_url());
        let chosen = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        let other = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
        assert_eq!(offers(other).get(&url).await, None, "{version}");
        assert_eq!(offers(chosen).get(&url).await, Some(200), "{version}");
        cluster.client().await?.put("hello", "world").await?;
        Ok(())
    })
    .await?;
    // The control: by itself, etcd takes the other one too.
    for etcd in tercet_tests::available() {
        let cluster = builder(etcd).members(1).start().await?;
        let other = Visitor {
            version: Some(&TLS12),
            suite: Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
            ..Visitor::client(&cluster)
        };
        let url = format!("{}/version", cluster.member(0).client_url());
        assert_eq!(other.get(&url).await, Some(200), "{}", etcd.version());
    }
    Ok(())
}

/// From an empty list to one with the fleet's own client, while it runs.
#[tokio::test]
async fn who_is_put_on_the_list_is_refused_from_then_on() -> Result<()> {
    for security in [Security::ClientAuth, Security::Mutual] {
        let describe =
            |builder: Builder| builder.security(security).tls(options().revocation_list());
        each("client-crl-file", describe, |cluster, version| async move {
            // The control: an empty list refuses nobody.
            let client = cluster.client().await?;
            client.put("hello", "world").await?;

            let revoked = cluster.identities().client().certificate();
            let revocations =
                Revocations::new().certificate(revoked, RevocationReason::KeyCompromise)?;
            let authority = cluster.identities().authority();
            let list = authority.revoke(&revocations)?;
            let files = cluster.plan().revocation_files().expect("it has a list");
            files.write(&list, Durability::Cached)?;
            let refused = cluster.client().await?.get("hello").await.unwrap_err();
            assert!(!refused.is_timeout(), "{version} {security}: {refused:?}");

            // The list is read anew for each connection, and another may still come in.
            files.write(&authority.revoke(&Revocations::new())?, Durability::Cached)?;
            cluster.client().await?.get("hello").await?;
            // Members come back to each other past it.
            cluster.member(0).kill()?.restart().await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn hosts_that_clients_are_let_in_by() -> Result<()> {
    for security in [Security::ClientAuth, Security::Mutual] {
        let allowed = options().allowed_client_hosts(["ops.example"]);
        let describe =
            |builder: Builder| builder.security(security).tls(allowed.clone()).without_gateway();
        each("client-cert-allowed-hostname", describe, |cluster, version| async move {
            cluster.client().await?.put("hello", "world").await?;
            let other = cluster.identities().issue(&Leaf::client("other").host("else.example"))?;
            let url = cluster.member(0).client_url();
            let version_url = format!("{url}/version");
            assert_eq!(Visitor::new(&cluster, Some(&other)).get(&version_url).await, None);
            assert_eq!(Visitor::client(&cluster).get(&version_url).await, Some(200), "{version}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn names_and_hosts_that_members_are_let_in_by() -> Result<()> {
    for (flag, options) in [
        ("peer-cert-allowed-cn", options().allowed_peer_names(["peers"])),
        ("peer-cert-allowed-hostname", options().allowed_peer_hosts(["peers.example"])),
    ] {
        each(
            flag,
            |builder| builder.tls(options.clone()),
            |cluster, version| async move {
                cluster.client().await?.put("hello", "world").await?;
                let issue = |leaf: Leaf| cluster.identities().issue(&leaf.hosts(LOOPBACK_HOSTS));
                // Signed by the same authority, and for the same.
                let other = issue(Leaf::peer("other"))?;
                let right = issue(Leaf::peer("peers").host("peers.example"))?;
                let url = format!("{}/members", cluster.member(0).peer_url());
                assert_eq!(Visitor::new(&cluster, Some(&other)).get(&url).await, None, "{version}");
                assert_eq!(
                    Visitor::new(&cluster, Some(&right)).get(&url).await,
                    Some(200),
                    "{version}"
                );
                cluster.member(1).kill()?.restart().await?;
                Ok(())
            },
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn several_names_where_the_version_takes_several() -> Result<()> {
    for etcd in tercet_tests::available() {
        let version = etcd.version();
        let options = options().allowed_peer_names(["peers", "guests"]);
        let started = builder(etcd).tls(options).start().await;
        if !etcd.release().has(Feature::AllowedNameLists) {
            let text = format!("{:?}", started.unwrap_err());
            let reason = "takes one name in --peer-cert-allowed-cn, and 2 were given";
            assert!(text.contains(reason), "{version}: {text}");
            continue;
        }
        let cluster = started?;
        let url = format!("{}/members", cluster.member(0).peer_url());
        for (name, answer) in [("guests", Some(200)), ("peers", Some(200)), ("peers,guests", None)]
        {
            let leaf = Leaf::peer(name).hosts(LOOPBACK_HOSTS);
            let identity = cluster.identities().issue(&leaf)?;
            let visitor = Visitor::new(&cluster, Some(&identity));
            assert_eq!(visitor.get(&url).await, answer, "{version} {name}");
        }
    }
    Ok(())
}

/// Each certificate for one direction, and everything works: the links in both directions, which
/// readiness asks for, and the gateway.
#[tokio::test]
async fn other_certificates_to_dial_with() -> Result<()> {
    for security in [Security::ClientAuth, Security::Mutual] {
        let describe =
            |builder: Builder| builder.security(security).tls(options().separate_outgoing());
        each("client-cert-file", describe, |cluster, version| async move {
            cluster.client().await?.put("hello", "world").await?;
            let range = format!("{}/v3/kv/range", cluster.member(0).client_url());
            let key = r#"{"key":"aGVsbG8="}"#;
            assert_eq!(Visitor::client(&cluster).post(&range, key).await, Some(200), "{version}");
            // The control: with what it serves with, a member would not be let in.
            let m1 = cluster.identities().member("m1").expect("it is one");
            let url = format!("{}/version", cluster.member(0).client_url());
            assert_eq!(Visitor::new(&cluster, Some(m1.server())).get(&url).await, None);
            let outgoing = Visitor::new(&cluster, Some(m1.server_outgoing()));
            assert_eq!(outgoing.get(&url).await, Some(200), "{version}");
            cluster.member(0).kill()?.restart().await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn addresses_of_members_are_looked_at_or_not() -> Result<()> {
    for etcd in tercet_tests::available() {
        let version = etcd.version();
        for (options, answer) in
            [(options(), None), (options().skip_peer_address_check(), Some(200))]
        {
            let cluster = builder(etcd).tls(options).start().await?;
            let elsewhere = cluster.identities().issue(&Leaf::peer("m1").host("10.9.9.9"))?;
            let url = format!("{}/members", cluster.member(0).peer_url());
            let visitor = Visitor::new(&cluster, Some(&elsewhere));
            assert_eq!(visitor.get(&url).await, answer, "{version}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_the_gateway_there_is_no_json() -> Result<()> {
    for etcd in tercet_tests::available() {
        let version = etcd.version();
        for (describe, answer) in
            [(builder(etcd), Some(200)), (builder(etcd).without_gateway(), Some(404))]
        {
            let cluster = describe.members(1).start().await?;
            cluster.client().await?.put("hello", "world").await?;
            let range = format!("{}/v3/kv/range", cluster.member(0).client_url());
            let key = r#"{"key":"aGVsbG8="}"#;
            assert_eq!(Visitor::client(&cluster).post(&range, key).await, answer, "{version}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_port_of_its_own_for_http() -> Result<()> {
    for security in [Security::Plaintext, Security::Mutual] {
        let describe = |builder: Builder| builder.security(security).http_port();
        each("listen-client-http-urls", describe, |cluster, version| async move {
            cluster.client().await?.put("hello", "world").await?;
            for member in cluster.members() {
                let http = member.plan().http_url().expect("it has one");
                let asks = |url: &str| format!("{url}/version");
                let visitor = Visitor::client(&cluster);
                assert_eq!(visitor.get(&asks(http)).await, Some(200), "{version} {security}");
                // There is gRPC alone, which is no HTTP of that age.
                let there = visitor.get(&asks(member.client_url())).await;
                assert_ne!(there, Some(200), "{version} {security}");
            }
            cluster.member(0).kill()?.restart().await?;
            Ok(())
        })
        .await?;
    }
    // A list that etcd would not look at is no list.
    for etcd in tercet_tests::available() {
        let version = etcd.version();
        let both = builder(etcd).http_port().tls(options().revocation_list()).start().await;
        let has_port = Flag::named("listen-client-http-urls").unwrap().is_in(version);
        let skipped = version.skips_revocation_list_beside_http();
        assert_eq!(both.is_ok(), has_port && !skipped, "{version}: {:?}", both.err());
    }
    Ok(())
}

#[tokio::test]
async fn a_flag_that_there_is_no_word_for() -> Result<()> {
    for etcd in tercet_tests::available() {
        for (describe, good) in
            [(builder(etcd), true), (builder(etcd).flag("max-txn-ops", "1"), false)]
        {
            let cluster = describe.members(1).start().await?;
            let client = cluster.client().await?;
            let two = client.txn(Txn::always([Op::get("a"), Op::get("b")])).await;
            assert_eq!(two.is_ok(), good, "{}", etcd.version());
        }
    }
    Ok(())
}
