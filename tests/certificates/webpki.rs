//! Judges that are rustls and its verifier, webpki.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tercet_pki::Identity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::verdict::Verdict;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

fn roots(trusted: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    Arc::new(roots)
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    let chain = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes());
    chain.map(|certificate| certificate.unwrap()).collect()
}

/// Whether a rustls client that presents `identity` gets an answer from 127.0.0.1 at `port`, when it
/// looks for `host` in the server's certificate. `None` when rustls cannot present that.
pub(crate) async fn ask(
    host: &str,
    port: u16,
    path: &str,
    trusted: &str,
    identity: &Identity,
) -> Option<Verdict> {
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(trusted))
        .with_client_auth_cert(chain(identity), key)
        .ok()?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let answer = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        // In TLS 1.3 a server refuses a client after the client's handshake: only a read tells.
        let mut first = [0; 16];
        let length = stream.read(&mut first).await?;
        if first[..length].starts_with(b"HTTP/1.1 ") {
            return Ok(());
        }
        Err(std::io::Error::other(format!("{:?}", &first[..length])))
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
    Some(answer.expect("an answer or a refusal").into())
}

/// What a rustls server would say to a client's certificate.
pub(crate) fn client(trusted: &str, identity: &Identity) -> Verdict {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(trusted), provider());
    let verifier = verifier.build().unwrap();
    let chain = chain(identity);
    verifier.verify_client_cert(&chain[0], &chain[1..], UnixTime::now()).into()
}
