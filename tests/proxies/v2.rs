//! `etcd --proxy on`, the proxy of the security guide: until etcd 3.5.

use tercet_harness::{Cluster, Proxy, ProxyKind, Result, Security};
use tercet_tests::{Curl, Curled, PATIENCE, available, eventually};

use crate::altered::Altered;

/// What is asked of a proxy, by who gets in.
fn ask(curl: Curl, proxy: &Proxy<'_>, path: &str, words: &[&str]) -> Curled {
    let mut all: Vec<String> = match proxy.cluster().plan().security() {
        Security::Plaintext => Vec::new(),
        Security::Auto => vec!["-k".to_owned()],
        security => {
            let files = proxy.cluster().plan().files();
            let mut words = vec!["--cacert".to_owned(), files.ca.display().to_string()];
            if security != Security::ServerTls {
                for (word, path) in
                    [("--cert", &files.client.certificate), ("--key", &files.client.key)]
                {
                    words.extend([word.to_owned(), path.display().to_string()]);
                }
            }
            words
        }
    };
    all.push(format!("{}{path}", proxy.endpoint()));
    curl.run(all.into_iter().chain(words.iter().copied().map(str::to_owned)))
}

const KEY: &str = "/v2/keys/foo";
const PUT: [&str; 3] = ["-XPUT", "-d", "value=bar"];

#[tokio::test]
async fn through_a_v2_proxy_in_every_security() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() <= 5) {
        for security in Security::ALL {
            let builder = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = builder.v2().start().await?;
            let proxy = cluster.start_proxy(ProxyKind::V2).await?;
            assert_eq!(ask(curl, &proxy, KEY, &PUT).json()["node"]["value"], "bar");
            assert_eq!(ask(curl, &proxy, KEY, &[]).json()["node"]["value"], "bar");
            // From the past, so that there is nothing to wait for.
            let waited = ask(curl, &proxy, "/v2/keys/foo?wait=true&waitIndex=1", &[]);
            assert_eq!(waited.json()["node"]["value"], "bar");
            // Whom it passes requests on to: not to one that was just too busy to answer.
            let known = || ask(curl, &proxy, "/v2/config/local/proxy", &[]).json();
            let all = || known()["endpoints"].as_array().is_some_and(|list| list.len() == 3);
            assert!(eventually(PATIENCE, all), "{}", known());
            // It is HTTP that it passes on, the gateway's too.
            let range = || ask(curl, &proxy, "/v3/kv/range", &["-d", r#"{"key": "aGVsbG8="}"#]);
            let answered = || range().body.contains(r#""header""#);
            assert!(eventually(PATIENCE, answered), "{:?}", range());
            let error = proxy.client().await.unwrap_err().to_string();
            assert_eq!(
                error,
                "proxy v2-1 passes on HTTP, and no gRPC: ask it by HTTP, under /v2 and /v3"
            );

            if cluster.plan().client_shows().is_some() {
                let ca = cluster.files().ca.display().to_string();
                let url = format!("{}{KEY}", proxy.endpoint());
                let refused = curl.run(["--cacert", &ca, &url]);
                assert!([35, 55, 56].contains(&refused.code), "{}", refused.said);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_member_may_go_and_come_back_behind_a_v2_proxy() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() <= 5) {
        let cluster = Cluster::builder().binary(etcd.path()).v2().start().await?;
        let proxy = cluster.start_proxy(ProxyKind::V2).await?;
        assert_eq!(ask(curl, &proxy, KEY, &PUT).code, 0);
        for member in cluster.members() {
            let down = member.kill()?;
            let reads = || ask(curl, &proxy, KEY, &[]).body.contains(r#""value":"bar""#);
            assert!(eventually(PATIENCE, reads), "{:#?}", proxy.log_tail(20));
            down.restart().await?;
        }
        proxy.kill()?;
        assert_ne!(ask(curl, &proxy, KEY, &[]).code, 0);
        proxy.restart().await?;
        assert_eq!(ask(curl, &proxy, KEY, &[]).json()["node"]["value"], "bar");
    }
    Ok(())
}

/// The guide's note on proxies: what it shows to members has to be good for who is let in there.
///
/// The guide has it that this is the peer certificate; from 3.4 on it is so only where the proxy has
/// no other.
#[tokio::test]
async fn the_guides_note_on_the_certificate_of_a_proxy() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() <= 5) {
        let builder = Cluster::builder().binary(etcd.path()).members(1);
        let cluster = builder.security(Security::Mutual).v2().start().await?;
        let proxy = cluster.start_proxy(ProxyKind::V2).await?;
        let no_client = tercet_pki::Leaf::server("proxy").hosts(tercet_pki::LOOPBACK_HOSTS);
        let no_client = cluster.identities().issue(&no_client.server_only())?;
        let no_client = no_client.write(cluster.directory().join("altered"), "server")?;

        // With a certificate for its own clients that cannot be a client's, members refuse it.
        let altered = Altered::of(&proxy);
        let altered = altered.with("cert-file", &no_client.certificate);
        let altered = altered.with("key-file", &no_client.key);
        let mut running = altered.start();
        running.wait_for_output("v2 proxy started listening");
        let unavailable = || {
            let answer = ask(curl, &proxy, KEY, &["-w", " %{http_code}"]);
            answer.body.ends_with(" 503") || answer.body.ends_with(" 502")
        };
        assert!(eventually(PATIENCE, unavailable), "{:?}", ask(curl, &proxy, KEY, &["-v"]));
        drop(running);

        // Without one, it serves its clients in plaintext, and shows members its peer certificate.
        let plain = proxy.endpoint().replace("https:", "http:");
        let altered = Altered::of_down(&proxy).without("cert-file").without("key-file");
        let altered = altered.without("trusted-ca-file").with("listen-client-urls", &plain);
        let mut running = altered.start();
        running.wait_for_output("v2 proxy started listening");
        let url = format!("{plain}{KEY}");
        let reads = || curl.run([&*url, "-XPUT", "-d", "value=bar"]).body.contains(r#""bar""#);
        assert!(eventually(PATIENCE, reads), "{}", running.told());
        drop(running);

        // And where that one cannot be a client's, nothing comes through.
        let altered = altered.with("peer-cert-file", &no_client.certificate);
        let altered = altered.with("peer-key-file", &no_client.key);
        let mut running = altered.start();
        running.wait_for_output("v2 proxy started listening");
        let answer = curl.run([&*url, "-w", " %{http_code}"]);
        assert!(answer.body.ends_with(" 503"), "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_v2_proxy_is_only_where_there_is_one() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let error = cluster.start_proxy(ProxyKind::V2).await.unwrap_err();
        let error = format!("{:?}", tercet_harness::Error::from(error));
        assert!(error.contains("there is no proxy v2 of this fleet"), "{error}");
        // From 3.6 on there can be no second API in the fleet; before, it was not asked for.
        let because = "it is for the second API";
        assert!(error.contains(because), "{error}");
        assert_eq!(cluster.proxies().len(), 0);
    }
    Ok(())
}
