//! Whoever knocks at a port, below every client library: what is seen is what the member does.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tercet_harness::Cluster;
use tercet_pki::Identity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{
    ALL_VERSIONS, CipherSuite, ClientConfig, RootCertStore, SupportedProtocolVersion,
};

/// Somebody with these means, who trusts the fleet's authority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) identity: Option<&'a Identity>,
    /// The one version of TLS that is spoken; all where there is none.
    pub(crate) version: Option<&'static SupportedProtocolVersion>,
    /// The one cipher suite that is offered; all where there is none.
    pub(crate) suite: Option<CipherSuite>,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(cluster: &'a Cluster, identity: Option<&'a Identity>) -> Self {
        Self { cluster, identity, version: None, suite: None }
    }

    /// One of the fleet's own clients.
    pub(crate) fn client(cluster: &'a Cluster) -> Self {
        Self::new(cluster, Some(cluster.identities().client()))
    }

    /// The status of the answer to a `GET` of this URL; nothing for who is refused, before or after
    /// the handshake: in TLS 1.3 a client's handshake succeeds before the server has looked at its
    /// certificate.
    pub(crate) async fn get(&self, url: &str) -> Option<u16> {
        self.request(url, "GET", "").await
    }

    /// The same for a `POST` of JSON.
    pub(crate) async fn post(&self, url: &str, body: &str) -> Option<u16> {
        self.request(url, "POST", body).await
    }

    async fn request(&self, url: &str, method: &str, body: &str) -> Option<u16> {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let request = format!(
            "{method} /{path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = async {
            let mut stream = TcpStream::connect(address).await.expect("somebody listens");
            let mut answer = [0; 512];
            let length = if scheme == "https" {
                let name = ServerName::try_from("127.0.0.1").unwrap();
                let connector = TlsConnector::from(Arc::new(self.config()));
                let mut stream = connector.connect(name, stream).await.ok()?;
                stream.write_all(request.as_bytes()).await.ok()?;
                stream.read(&mut answer).await.ok()?
            } else {
                stream.write_all(request.as_bytes()).await.ok()?;
                stream.read(&mut answer).await.ok()?
            };
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
        };
        // Of a refusal in good time there is no telling from none, but by waiting.
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, answer).await.expect("an answer or a refusal")
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let authority = self.cluster.identities().authority().certificate_pem();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let mut provider = ring::default_provider();
        if let Some(wanted) = self.suite {
            provider.cipher_suites.retain(|suite| suite.suite() == wanted);
        }
        let versions = self.version.map_or_else(|| ALL_VERSIONS.to_vec(), |only| vec![only]);
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .unwrap()
            .with_root_certificates(roots);
        match self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes());
                let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
                config.with_client_auth_cert(chain.map(|der| der.unwrap()).collect(), key).unwrap()
            }
        }
    }
}
