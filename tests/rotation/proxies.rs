//! Proxies, which have certificates of their own, and read their authorities when they start.

use tercet_cluster::Proxy;
use tercet_cluster::binary::Binary;
use tercet_cluster::plan::ProxyKind;
use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security, Timing};
use tercet_pki::{Leaf, read};
use tercet_tests::{Load, LoadOptions, available};

use super::support::{fleet, verify};

/// The certificates of a proxy, as its files are now.
fn certificates(proxy: Proxy<'_>) -> Vec<read::CertificateDetails> {
    let files = [&proxy.files().server, &proxy.files().client].into_iter().flatten();
    let leaf = |path| {
        let file = std::fs::read(path).expect("it is there");
        read::certificates(&file).expect("it is one").remove(0)
    };
    files.map(|files| leaf(&files.certificate)).collect()
}

/// Whether a write gets through the proxy, from whoever has just come.
async fn passes_on(proxy: Proxy<'_>) -> bool {
    let client = proxy.client().await.expect("what a client can be made of");
    client.put("through", "a proxy").await.is_ok()
}

async fn rotated(etcd: &Binary, security: Security, method: RotationMethod) -> Result<()> {
    let cluster = fleet(etcd, Layout::PerMember, security).await?;
    let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await.expect("it starts");
    let gateway = cluster.start_proxy(ProxyKind::Gateway).await.expect("it starts");
    let pid = |proxy: Proxy<'_>| proxy.pid().expect("it runs");
    let (first, of_gateway, before) = (pid(proxy), pid(gateway), certificates(proxy));
    let client = cluster.client().await?;
    let load = Load::start(&client, LoadOptions::default()).await;

    cluster.rotate_leaves().await?;
    assert_eq!(pid(proxy), first, "new leaves need no restart");
    let renewed = certificates(proxy);
    for (before, renewed) in before.iter().zip(&renewed) {
        assert_ne!(before.certificate, renewed.certificate);
        // Of grpc-proxies it must have no common name.
        assert_eq!(before.subject, renewed.subject);
    }
    assert!(passes_on(proxy).await && passes_on(gateway).await);

    // Given up before it is restarted, and taken up again.
    interrupted_at_the_first_file(&cluster, method).await;
    assert!(passes_on(proxy).await && passes_on(gateway).await);
    cluster.rotate_authority(method).await?;
    load.acknowledges(20).await;
    let report = load.stop().await;
    assert!(passes_on(proxy).await && passes_on(gateway).await);
    assert_ne!(pid(proxy), first);
    assert_eq!(pid(gateway), of_gateway, "a gateway has no certificates");
    let new = cluster.identities().authority();
    let new = read::CertificateDetails::parse(new.certificate().der()).expect("it is one");
    for now in certificates(proxy) {
        assert_eq!(now.signed_by(&new), read::SignatureCheck::Valid);
    }
    verify(&format!("with proxies, {security}, {method:?}"), etcd, &report, &client).await;
    Ok(())
}

/// Gives a rotation up as soon as any file of the fleet has changed.
async fn interrupted_at_the_first_file(cluster: &Cluster, method: RotationMethod) {
    let files = cluster.plan().files();
    let read = || {
        let paths = [&files.ca, &files.members[0].server.certificate];
        paths.map(|path| std::fs::read(path).expect("it is there"))
    };
    let before = read();
    let mut rotation = std::pin::pin!(cluster.rotate_authority(method));
    std::future::poll_fn(|context| {
        assert!(rotation.as_mut().poll(context).is_pending(), "it was done before it began");
        if read() == before { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
}

#[tokio::test]
async fn a_grpc_proxy_is_rotated_with_its_fleet() -> Result<()> {
    for etcd in available() {
        for method in [RotationMethod::Bundle, RotationMethod::CrossSigning] {
            rotated(etcd, Security::Mutual, method).await?;
        }
    }
    Ok(())
}

/// Where it asks nobody for a certificate, it shows nobody what it has in memory.
#[tokio::test]
async fn so_is_one_that_asks_for_no_certificate() -> Result<()> {
    for etcd in available() {
        for method in [RotationMethod::Bundle, RotationMethod::CrossSigning] {
            rotated(etcd, Security::ServerTls, method).await?;
        }
    }
    Ok(())
}

/// The proxy of the second API goes to peers' ports as well.
#[tokio::test]
async fn a_proxy_of_the_second_api_is_rotated_with_its_fleet() -> Result<()> {
    for etcd in available().iter().filter(|etcd| etcd.version().minor() < 6) {
        for method in [RotationMethod::Bundle, RotationMethod::CrossSigning] {
            let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci).v2();
            let cluster = builder.start().await?;
            let proxy = cluster.start_proxy(ProxyKind::V2).await.expect("it starts");
            let (first, before) = (proxy.pid(), certificates(proxy));
            cluster.rotate_authority(method).await?;
            assert!(proxy.is_running() && proxy.pid() != first);
            for (before, now) in before.iter().zip(certificates(proxy)) {
                assert_ne!(before.issuer, now.issuer);
                assert_eq!(before.subject, now.subject);
            }
            // It is ready when a read has come back through it.
            proxy.restart().await.expect("and so it is");
        }
    }
    Ok(())
}

/// The control: one that is not restarted is cut off, since it goes by the old authority.
#[tokio::test]
async fn a_proxy_that_is_started_by_hand_is_not_known_and_is_cut_off() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
    let dir = tempfile::tempdir().expect("a directory");
    let identity = cluster.identities().issue(&Leaf::unnamed_client("by hand"))?;
    let files = identity.write(dir.path(), "client")?;
    let ca = dir.path().join("ca.crt");
    std::fs::write(&ca, cluster.identities().authority().certificate_pem()).expect("it is written");
    let read = async || {
        let tls = tercet_client::Tls::mutual_files(&ca, &files.certificate, &files.key)?;
        let config = tercet_client::Config::new(cluster.endpoints()).tls(tls);
        tercet_client::Client::connect(config).await?.get("hello").await
    };
    read().await.expect("the control");
    cluster.rotate_authority(RotationMethod::Bundle).await?;
    assert!(read().await.is_err(), "what is not in the fleet's directory is nobody's to change");
    Ok(())
}
