//! Versions of TLS and cipher suites: what members demand, a grpc-proxy demands too.

use tercet_harness::{Cluster, ProxyKind, Result, TlsOptions, TlsVersion, Version};
use tercet_tests::{Curl, Curled, available};

/// What this fleet's first proxy answers to a curl with these words more.
fn ask(curl: Curl, cluster: &Cluster, words: &[&str]) -> Curled {
    let files = cluster.files();
    let paths = [&files.ca, &files.client.certificate, &files.client.key];
    let [ca, certificate, key] = paths.map(|path| path.display().to_string());
    let url = format!("{}/health", cluster.proxies().next().unwrap().endpoint());
    // What comes by HTTP/2 it takes for gRPC.
    let admitted = ["--cacert", &ca, "--cert", &certificate, "--key", &key, "--http1.1", &url];
    curl.run(admitted.into_iter().chain(words.iter().copied()))
}

/// 35: no handshake.
fn assert_no_handshake(curled: &Curled) {
    assert_eq!((curled.code, &*curled.body), (35, ""), "{}", curled.said);
}

const OLD: [&str; 2] = ["--tls-max", "1.2"];
const NEW: [&str; 1] = ["--tlsv1.3"];

#[tokio::test]
async fn grpc_proxy_tls_versions() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let start = |options| Cluster::builder().binary(etcd.path()).members(1).tls(options);
        // The control: both are spoken.
        let cluster = start(TlsOptions::default()).start().await?;
        cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        assert_eq!(ask(curl, &cluster, &OLD).json()["health"], "true");
        // Theirs is written down in the source, as the members' is.
        let old = (Version::new(3, 5, 0)..Version::new(3, 5, 8)).contains(&etcd.version());
        if old {
            assert_no_handshake(&ask(curl, &cluster, &NEW));
        } else {
            assert_eq!(ask(curl, &cluster, &NEW).json()["health"], "true");
        }

        for (options, refused, good) in [
            (TlsOptions::default().min_version(TlsVersion::V1_3), &OLD[..], &NEW[..]),
            (TlsOptions::default().max_version(TlsVersion::V1_2), &NEW[..], &OLD[..]),
        ] {
            let cluster = match start(options).start().await {
                Ok(cluster) => cluster,
                Err(error) => {
                    // Neither member nor proxy has it.
                    assert!(etcd.version().minor() <= 5, "{error:?}");
                    assert!(format!("{error:?}").contains("from 3.4.25 and 3.5.8 on"), "{error:?}");
                    continue;
                }
            };
            match cluster.start_proxy(ProxyKind::GrpcProxy).await {
                Ok(_) => {
                    assert_no_handshake(&ask(curl, &cluster, refused));
                    assert_eq!(ask(curl, &cluster, good).json()["health"], "true");
                }
                Err(error) => {
                    let error = format!("{:?}", tercet_harness::Error::from(error));
                    assert!(error.contains("for it, which is there from 3.5.18 on"), "{error}");
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn grpc_proxy_cipher_suites() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    let chosen = ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"];
    let other = ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"];
    for etcd in available() {
        let start = |options| Cluster::builder().binary(etcd.path()).members(1).tls(options);
        // The control: any will do.
        let cluster = start(TlsOptions::default()).start().await?;
        cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        assert_eq!(ask(curl, &cluster, &other).json()["health"], "true");

        let options = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
        let cluster = start(TlsOptions::default().cipher_suites(options)).start().await?;
        match cluster.start_proxy(ProxyKind::GrpcProxy).await {
            Ok(_) => {
                assert_no_handshake(&ask(curl, &cluster, &other));
                assert_eq!(ask(curl, &cluster, &chosen).json()["health"], "true");
            }
            Err(error) => {
                let error = format!("{:?}", tercet_harness::Error::from(error));
                assert!(
                    error.contains("for it, which is there from 3.4.22 and 3.5.6 on"),
                    "{error}"
                );
            }
        }
    }
    Ok(())
}
