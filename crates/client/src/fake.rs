//! For tests: a server that does as it is told, and a certificate for it.

use std::sync::Arc;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use http::{HeaderMap, Request, Response};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::transport::tls::{Tls, provider};

/// A certificate for 127.0.0.1 that is its own authority.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// The trust in it.
    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem(self.certificate.pem()).unwrap()
    }

    async fn accept(&self, tcp: TcpStream) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
        let chain = vec![CertificateDer::from(self.certificate.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap()
    }
}

pub(crate) async fn listen(scheme: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// The next connection, as HTTP/2.
pub(crate) async fn accept(listener: &TcpListener) -> Connection<TcpStream, Bytes> {
    h2::server::handshake(listener.accept().await.unwrap().0).await.unwrap()
}

/// The next request of a connection.
pub(crate) async fn request<T: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<T, Bytes>,
) -> (Request<h2::RecvStream>, SendResponse<Bytes>) {
    connection.accept().await.unwrap().unwrap()
}

pub(crate) fn headers() -> Response<()> {
    Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

/// Answers with a message of which every field is the default.
fn answer(mut respond: SendResponse<Bytes>) {
    let mut stream = respond.send_response(headers(), false).unwrap();
    // Not compressed, and of no length.
    stream.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
}

/// Goes on until the client is gone.
pub(crate) async fn drain<T: AsyncRead + AsyncWrite + Unpin>(mut connection: Connection<T, Bytes>) {
    while connection.accept().await.is_some_and(|request| request.is_ok()) {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use h2::Reason;

    use super::*;
    use crate::{Client, Config, ErrorKind, Outcome};

    #[tokio::test]
    async fn over_tls_the_scheme_of_a_request_is_https() {
        let authority = Authority::new();
        let (listener, url) = listen("https").await;
        let client =
            Client::connect(Config::new([url.clone()]).tls(authority.tls())).await.unwrap();
        let server = tokio::spawn(async move {
            let stream = authority.accept(listener.accept().await.unwrap().0).await;
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (request, respond) = request(&mut connection).await;
            answer(respond);
            tokio::spawn(drain(connection));
            request.uri().to_string()
        });
        client.put("a", "b").await.unwrap();
        assert_eq!(server.await.unwrap(), format!("{url}/etcdserverpb.KV/Put"));
    }

    #[tokio::test]
    async fn a_tls_client_talks_to_nobody_in_the_clear() {
        let config = Config::new(["https://127.0.0.1:1"]).tls(Authority::new().tls());
        let client = Client::connect(config).await.unwrap();
        let error = client.status("http://127.0.0.1:1").await.unwrap_err();
        insta::assert_snapshot!(error, @"status: TLS is configured, and with endpoint `http://127.0.0.1:1` nothing would be encrypted");
    }

    /// A stream refused by the server was not processed: it is sent again once, to the only
    /// endpoint that there is, and then the error says that nothing happened.
    #[tokio::test]
    async fn a_refused_stream_is_sent_again_once() {
        for refusals in [1, 2] {
            let (listener, url) = listen("http").await;
            tokio::spawn(async move {
                let mut connection = accept(&listener).await;
                for _ in 0..refusals {
                    let (_, mut respond) = request(&mut connection).await;
                    respond.send_reset(Reason::REFUSED_STREAM);
                }
                let (_, respond) = request(&mut connection).await;
                answer(respond);
                drain(connection).await;
            });
            let client = Client::connect(&*url).await.unwrap();
            let result = client.put("a", "b").await;
            if refusals == 1 {
                assert!(result.is_ok(), "{result:?}");
            } else {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
            }
        }
    }

    /// The same reason for the whole connection says nothing of what was sent on it.
    #[tokio::test]
    async fn a_refused_connection_leaves_it_open() {
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            let mut connection = accept(&listener).await;
            let _request = request(&mut connection).await;
            connection.abrupt_shutdown(Reason::REFUSED_STREAM);
            drain(connection).await;
        });
        let client = Client::connect(&*url).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    }

    #[tokio::test]
    async fn a_write_that_never_got_a_connection_was_not_applied() {
        // They accept and say nothing, so TLS waits, and the second until time is up.
        let (_first, first_url) = listen("https").await;
        let (_second, second_url) = listen("https").await;
        let config = Config::new([first_url, second_url])
            .tls(Authority::new().tls())
            .request_timeout(Duration::from_millis(200));
        let client = Client::connect(config).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");

        // The control: connected, and no answer.
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            let mut connection = accept(&listener).await;
            let _request = request(&mut connection).await;
            drain(connection).await;
        });
        let config = Config::new([url]).request_timeout(Duration::from_millis(200));
        let client = Client::connect(config).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error:?}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    }

    #[tokio::test]
    async fn a_watch_asks_for_a_leader() {
        let (listener, url) = listen("http").await;
        let server = tokio::spawn(async move {
            let mut connection = accept(&listener).await;
            let (request, mut respond) = request(&mut connection).await;
            let mut stream = respond.send_response(headers(), false).unwrap();
            // Field 3, `created`.
            stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 2, 3 << 3, 1]), false).unwrap();
            tokio::spawn(async move {
                drain(connection).await;
                drop(stream);
            });
            request.headers().get("hasleader").cloned()
        });
        let client = Client::connect(&*url).await.unwrap();
        client.watch("a").await.unwrap();
        assert_eq!(server.await.unwrap().unwrap(), "true");
    }
}
