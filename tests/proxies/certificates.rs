//! What the certificates of a proxy must be, and what etcd does when they are not.

use std::os::unix::fs::PermissionsExt as _;

use tercet_cluster::{RefusalCause, explain};
use tercet_harness::{Cluster, ProxyKind, Result, Security, Version};
use tercet_pki::{IdentityFiles, LOOPBACK_HOSTS, Leaf, read};
use tercet_tests::{Curl, PATIENCE, available, eventually};

use crate::altered::Altered;

/// Why it ended, typed.
fn causes(said: &str) -> Vec<RefusalCause> {
    explain(said.lines()).into_iter().map(|refusal| refusal.cause).collect()
}

fn subject(files: &IdentityFiles) -> (String, String) {
    let pem = std::fs::read(&files.certificate).unwrap();
    let certificate = read::certificates(&pem).unwrap().remove(0);
    (certificate.subject.text, certificate.issuer.text)
}

#[tokio::test]
async fn its_identities_are_its_own_and_the_fleets_authoritys() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    let first = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
    let second = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
    assert_eq!(cluster.start_proxy(ProxyKind::Gateway).await?.files().server, None);
    let authority = cluster.identities().authority().common_name();
    for (proxy, name) in [(first, "grpc-proxy-1"), (second, "grpc-proxy-2")] {
        let (server, client) = (proxy.files().server.as_ref(), proxy.files().client.as_ref());
        let (server, client) = (server.unwrap(), client.unwrap());
        assert!(server.key.starts_with(cluster.directory()) && client.key != server.key);
        assert_eq!(subject(server), (format!("CN={name}"), format!("CN={authority}")));
        // No common name, or it would not start; whose it is, is told all the same.
        assert_eq!(subject(client), (format!("O={name}"), format!("CN={authority}")));
        for key in [&server.key, &client.key] {
            assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    Ok(())
}

/// Its common name would be a user, and lend its rights to everybody.
#[tokio::test]
async fn grpc_proxy_and_common_name() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        let named = &cluster.files().client;
        let altered = Altered::of(&proxy);
        let altered = altered.with("cert", &named.certificate).with("key", &named.key);
        let said = altered.start().wait_for_failure();
        assert!(said.contains("cert has non empty Common Name (client)"), "{said}");
        let cause = RefusalCause::ProxyCommonName { name: "client".to_owned() };
        assert_eq!(causes(&said), [cause], "{said}");
        // What clients see of it may have one: that is `--cert-file`.
        proxy.restart().await?;
    }
    Ok(())
}

/// What ends a proxy is told as it is of a member: with its cause, the fix and the doctor's rule.
#[tokio::test]
async fn why_a_proxy_does_not_start_is_typed() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        let shown = proxy.files().client.as_ref().unwrap();
        let [old, named] = [&shown.certificate, &cluster.files().client.certificate];
        let [old, named] = [std::fs::read(old)?, std::fs::read(named)?];
        let old_key = std::fs::read(&shown.key)?;

        std::fs::write(&shown.certificate, &named)?;
        std::fs::copy(&cluster.files().client.key, &shown.key)?;
        let error = proxy.restart().await.unwrap_err();
        let causes: Vec<_> = error.refusals().iter().map(|refusal| &refusal.cause).collect();
        let cause = RefusalCause::ProxyCommonName { name: "client".to_owned() };
        assert_eq!(causes, [&cause], "{error}");
        assert!(error.to_string().contains("fix: give it as --cert one without a common name"));
        assert_eq!(error.log(), Some(&*proxy.log()));

        std::fs::remove_file(&shown.certificate)?;
        let error = proxy.restart().await.unwrap_err();
        let [refusal] = error.refusals() else { panic!("{error}") };
        assert_eq!(refusal.cause, RefusalCause::FileMissing { path: shown.certificate.clone() });
        assert_eq!(refusal.page().as_deref(), Some("docs/doctor/TLS033-file-missing.md"));

        std::fs::write(&shown.certificate, &old)?;
        let error = proxy.restart().await.unwrap_err();
        let [refusal] = error.refusals() else { panic!("{error}") };
        assert!(matches!(refusal.cause, RefusalCause::KeyMismatch { .. }), "{error}");

        // The control: with what it was planned with, it starts.
        std::fs::write(&shown.key, &old_key)?;
        proxy.restart().await?;
    }
    Ok(())
}

#[tokio::test]
async fn from_3_5_on_a_grpc_proxy_needs_a_certificate_also_for_members_that_ask_for_none()
-> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1);
        let cluster = builder.security(Security::ServerTls).start().await?;
        let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        let altered = Altered::of(&proxy).without("cert").without("key");
        if etcd.version() >= Version::new(3, 5, 0) {
            let said = altered.start().wait_for_failure();
            assert!(said.contains("open : no such file or directory"), "{said}");
            assert!(matches!(&*causes(&said), [RefusalCause::HalfPair { .. }]), "{said}");
        } else {
            altered.start().wait_for_output("started gRPC proxy");
        }
    }
    Ok(())
}

/// From 3.5 on it dials itself to know whether it is well, and shows to itself what it shows to its
/// clients.
#[tokio::test]
async fn a_grpc_proxy_has_to_be_let_in_by_itself() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() >= 5) {
        let version = etcd.version();
        for (security, alter) in [
            (Security::ServerTls, trusts_nobody as fn(&Cluster, Altered) -> Altered),
            (Security::Mutual, is_no_client),
            (Security::Mutual, is_somewhere_else),
        ] {
            let builder = Cluster::builder().binary(etcd.path()).members(1);
            let cluster = builder.security(security).start().await?;
            let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
            let files = cluster.files();
            let health = || {
                let paths = [&files.ca, &files.client.certificate, &files.client.key];
                let [ca, certificate, key] = paths.map(|path| path.display().to_string());
                let url = format!("{}/proxy/health", proxy.endpoint());
                let words = ["-k", "--cacert", &ca, "--cert", &certificate, "--key", &key];
                // What comes by HTTP/2 it takes for gRPC.
                curl.run(words.into_iter().chain(["--http1.1", &url]))
            };
            // The control: as it was planned, it is well.
            assert_eq!(health().json()["health"], "true");

            let mut altered = alter(&cluster, Altered::of(&proxy)).start();
            let waits = (Version::new(3, 5, 28)..Version::new(3, 6, 0)).contains(&version)
                || (Version::new(3, 6, 9)..Version::new(3, 7, 0)).contains(&version);
            if waits {
                // Those wait until they have dialled, and give up after five seconds.
                let said = altered.wait_for_failure();
                assert!(said.contains("context deadline exceeded"), "{said}");
                assert_eq!(causes(&said), [RefusalCause::ProxyUnanswered], "{said}");
            } else {
                altered.wait_for_output("started gRPC proxy");
                let unwell = || health().body.contains(r#""health":"false""#);
                assert!(eventually(PATIENCE, unwell), "{:?}", health());
            }
        }
    }
    Ok(())
}

fn trusts_nobody(_: &Cluster, altered: Altered) -> Altered {
    altered.without_variable("SSL_CERT_FILE")
}

fn is_no_client(cluster: &Cluster, altered: Altered) -> Altered {
    let leaf = Leaf::server("proxy").hosts(LOOPBACK_HOSTS).server_only();
    serving_with(cluster, altered, &leaf)
}

fn is_somewhere_else(cluster: &Cluster, altered: Altered) -> Altered {
    serving_with(cluster, altered, &Leaf::server("proxy").host("10.0.0.9"))
}

fn serving_with(cluster: &Cluster, altered: Altered, leaf: &Leaf) -> Altered {
    let identity = cluster.identities().issue(leaf).unwrap();
    let files = identity.write(cluster.directory().join("altered"), "server").unwrap();
    altered.with("cert-file", files.certificate).with("key-file", files.key)
}

/// What comes through a gateway is the member's certificate: it has to name where the gateway is.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn members_are_verified_by_the_address_of_their_gateway() -> Result<()> {
    use tercet_client::{Client, Config, ErrorKind, Tls};

    let cluster = Cluster::builder().members(1).start().await?;
    let proxy = cluster.start_proxy(ProxyKind::Gateway).await?;
    // All of 127.0.0.0/8 is this machine, and of it members' certificates name 127.0.0.1.
    let address = proxy.endpoint().trim_start_matches("https://").replace("127.0.0.1", "127.0.0.2");
    let mut elsewhere = Altered::of(&proxy).with("listen-addr", &address).start();
    elsewhere.wait_for_output("ready to proxy client requests");
    let files = cluster.files();
    let client = async |host: &str| {
        let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
        let url = format!("https://{}", address.replace("127.0.0.2", host));
        Client::connect(Config::new([url]).tls(tls)).await
    };
    let refused = client("127.0.0.2").await?.get("hello").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Tls, "{refused:?}");
    drop(elsewhere);
    // The control: where the certificate says.
    proxy.restart().await?;
    client("127.0.0.1").await?.get("hello").await?;
    Ok(())
}
