//! Whom the client trusts, and what it shows of itself, against a real etcd.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::path::Path;

use tercet_client::{Client, Config, ErrorKind, Tls};
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_pki::{Fleet, Leaf};
use tercet_tests::{Port, RawEtcd};

fn etcd() -> Binary {
    Locator::from_env().locate(&Request::Default).unwrap()
}

/// One etcd, with more flags than those that every one has.
struct Alone {
    url: String,
    // Before the ports are free.
    _etcd: RawEtcd,
    _ports: [Port; 2],
}

impl Alone {
    fn start(etcd: &Binary, directory: &Path, flags: &[String]) -> Self {
        let ports = [Port::hold(), Port::hold()];
        let url = format!("https://127.0.0.1:{}", ports[0].number());
        let peer = format!("http://127.0.0.1:{}", ports[1].number());
        let mut all = vec![
            format!("--data-dir={}", directory.join("data").display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--logger=zap".to_owned(),
        ];
        all.extend_from_slice(flags);
        let mut etcd = RawEtcd::start(etcd.path(), &all, &[], &directory.join("log"));
        etcd.wait_for_output("serving client traffic");
        Self { url, _etcd: etcd, _ports: ports }
    }

    async fn client(&self, tls: &Tls) -> Client {
        Client::connect(Config::new([&self.url]).tls(tls.clone())).await.unwrap()
    }
}

/// Its certificate is its own authority, for nobody to know, on a curve that ring does not verify.
#[tokio::test]
async fn only_who_verifies_nothing_talks_to_a_certificate_that_proves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let etcd = Alone::start(&etcd(), directory.path(), &["--auto-tls".to_owned()]);

    let client = etcd.client(&Tls::unverified().unwrap()).await;
    client.put("hello", "world").await.unwrap();
    assert_eq!(client.get("hello").await.unwrap().unwrap().value(), b"world");
    let status = client.status(&etcd.url).await.unwrap();
    println!("with etcd {}", status.version());

    // One who shows a certificate that nobody asks for is let in as well.
    let fleet = Fleet::generate(["a"]).unwrap();
    let shown = fleet.client();
    let tls = Tls::unverified_mutual(shown.chain_pem(), shown.key_pem()).unwrap();
    assert!(etcd.client(&tls).await.get("hello").await.unwrap().is_some());

    // The control: who verifies is not let down, whatever it trusts, even that very certificate.
    let mut authorities = vec![fleet.authority().certificate_pem().to_owned()];
    let fixtures = directory.path().join("data/fixtures/client/cert.pem");
    authorities.push(std::fs::read_to_string(fixtures).unwrap());
    for authority in authorities {
        let client = etcd.client(&Tls::from_pem(authority).unwrap()).await;
        let error = client.get("hello").await.unwrap_err();
        println!("{error}");
        assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    }
}

#[tokio::test]
async fn files_that_are_replaced_take_effect_with_the_next_connection() {
    let directory = tempfile::tempdir().unwrap();
    let [ours, theirs] = [(); 2].map(|()| Fleet::generate(["default"]).unwrap());
    let files = ours.write(directory.path().join("pki")).unwrap();
    let server = &files.members[0].server;
    let flags = [
        format!("--cert-file={}", server.certificate.display()),
        format!("--key-file={}", server.key.display()),
        format!("--trusted-ca-file={}", files.ca.display()),
        "--client-cert-auth".to_owned(),
    ];
    let etcd = Alone::start(&etcd(), directory.path(), &flags);

    let mine = directory.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    let ca = mine.join("ca.pem");
    std::fs::write(&ca, ours.authority().certificate_pem()).unwrap();
    let own = ours.client().write(&mine, "client").unwrap();
    let tls = Tls::mutual_files(&ca, &own.certificate, &own.key).unwrap();
    // Each client makes a connection of its own.
    let ask = async || etcd.client(&tls).await.get("hello").await;
    ask().await.unwrap();

    // Another authority's client is refused: so the new files are what is shown.
    theirs.client().replace(&mine, "client").unwrap();
    let error = ask().await.unwrap_err();
    assert!(error.to_string().contains("client certificate"), "{error}");

    // Half a change is none: what fitted last is shown. It is refused, and the error has the reason.
    std::fs::write(&own.key, ours.client().key_pem()).unwrap();
    let error = ask().await.unwrap_err().to_string();
    assert!(error.contains("with what was last read, since now the client's key file"), "{error}");
    assert!(error.contains("is not the key of the first certificate"), "{error}");

    // Whole again, and another certificate than at first.
    let renewed = ours.issue(&Leaf::client("client")).unwrap();
    renewed.replace(&mine, "client").unwrap();
    ask().await.unwrap();

    // Half a change again: now what fitted last is let in.
    std::fs::write(&own.key, "-----BEGIN").unwrap();
    ask().await.unwrap();
    renewed.replace(&mine, "client").unwrap();

    // Whom we trust is read again too.
    std::fs::write(&ca, theirs.authority().certificate_pem()).unwrap();
    let error = ask().await.unwrap_err();
    assert!(error.to_string().contains("not trusted here"), "{error}");
    std::fs::write(&ca, ours.authority().certificate_pem()).unwrap();
    ask().await.unwrap();
}
