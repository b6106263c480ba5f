//! Who gets in and who does not, on client and on peer ports.
//!
//! Probed below the client library, so that what is seen is what the member does. In TLS 1.3 the
//! client's handshake succeeds before the server has looked at its certificate: only a read tells.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tercet_harness::{Client, Cluster, Result};
use tercet_pki::{Fleet, Identity, LOOPBACK_HOSTS, Leaf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Asks for `path` over TLS as `identity`, and returns the first line of the answer.
async fn ask(
    cluster: &Cluster,
    url: &str,
    identity: Option<&Identity>,
    path: &str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let authority = cluster.identities().authority().certificate_pem();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes());
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
            config.with_client_auth_cert(chain.map(|der| der.unwrap()).collect(), key).unwrap()
        }
    };
    let address = url.trim_start_matches("https://");
    let stream = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    first_line(connector.connect(name, stream).await?, path).await
}

/// The same without TLS.
async fn ask_plainly(url: &str, path: &str) -> std::io::Result<String> {
    first_line(TcpStream::connect(url.trim_start_matches("https://")).await?, path).await
}

async fn first_line(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    path: &str,
) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 1024];
    // A refusal is prompt, and no timeout. What comes first is enough: after an answer, etcd may
    // take five seconds to close a peer's connection.
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer));
    let length = read.await.expect("an answer or a refusal within five seconds")?;
    Ok(String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn only_the_right_certificate_gets_in() -> Result<()> {
    let cluster = Cluster::start().await?;
    let member = cluster.member(0);
    let issue = |leaf: Leaf| cluster.identities().issue(&leaf.hosts(LOOPBACK_HOSTS));
    let stranger = Fleet::generate(["stranger"]).unwrap();
    let expired_client = issue(Leaf::client("late").expired())?;
    let expired_peer = issue(Leaf::peer("late").expired())?;

    let client = cluster.identities().client();
    let peer = cluster.identities().member("m2").unwrap().peer();
    let ports = [
        (member.client_url(), "/version", client, stranger.client(), &expired_client),
        (
            member.peer_url(),
            "/members",
            peer,
            stranger.member("stranger").unwrap().peer(),
            &expired_peer,
        ),
    ];
    for (url, path, right, stranger, expired) in ports {
        // First and last, the control: the port answers the right certificate.
        assert_eq!(ask(&cluster, url, Some(right), path).await.unwrap(), "HTTP/1.1 200 OK");
        let refused = [
            ("no certificate", ask(&cluster, url, None, path).await),
            ("a stranger's", ask(&cluster, url, Some(stranger), path).await),
            ("an expired one", ask(&cluster, url, Some(expired), path).await),
        ];
        for (who, answer) in refused {
            // Nothing but an alert, a reset or an end: not one byte of an answer.
            assert!(answer.as_deref().unwrap_or_default().is_empty(), "{who} on {url}: {answer:?}");
        }
        let plain = ask_plainly(url, path).await.unwrap_or_default();
        assert!(!plain.contains("200 OK"), "plain HTTP on {url}: {plain}");
        assert_eq!(ask(&cluster, url, Some(right), path).await.unwrap(), "HTTP/1.1 200 OK");
    }
    Ok(())
}

#[tokio::test]
async fn our_client_says_why_it_was_refused() -> Result<()> {
    use tercet_client::{Config, Tls};
    let cluster = Cluster::start().await?;
    let url = cluster.endpoints()[0].clone();
    let authority = cluster.identities().authority().certificate_pem();
    let stranger = Fleet::generate(["stranger"]).unwrap();
    let expired = cluster.identities().issue(&Leaf::client("late").expired())?;
    let mutual =
        |identity: &Identity| Tls::mutual(authority, identity.chain_pem(), identity.key_pem());
    let secure = |tls: Tls| Config::new([url.clone()]).tls(tls);
    let plain = Config::new([url.replacen("https", "http", 1)]);
    let cases = [
        ("no certificate", secure(Tls::from_pem(authority)?), "requires a client certificate"),
        ("a stranger's", secure(mutual(stranger.client())?), "the client certificate"),
        ("an expired one", secure(mutual(&expired)?), "the client certificate"),
        (
            "a stranger's authority",
            secure(Tls::from_pem(stranger.authority().certificate_pem())?),
            "issued by an authority that is not trusted here",
        ),
        ("plain HTTP", plain, "does it speak TLS? then write https://"),
    ];
    let right = || secure(mutual(cluster.identities().client()).expect("good PEM"));
    // The control, on the same port, before and after.
    Client::connect(right()).await?.get("hello").await?;
    for (who, config, reason) in cases {
        let begin = std::time::Instant::now();
        let error = Client::connect(config).await?.get("hello").await.unwrap_err();
        // Prompt, and not a timeout in disguise.
        assert!(begin.elapsed() < Duration::from_secs(5), "{who}: {error:?}");
        assert!(!error.is_timeout(), "{who}: {error:?}");
        assert!(error.to_string().contains(reason), "{who}: {error}");
        assert_eq!(error.outcome(), tercet_client::Outcome::NotApplied, "{who}: {error:?}");
    }
    Client::connect(right()).await?.get("hello").await?;
    Ok(())
}
