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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

    /// Says that it goes away when a request is there, whose stream has the number 1, and that this
    /// was the last stream that it took. The wire of RFC 9113, 4.1, 6.5 and 6.8.
    async fn goes_away(listener: &TcpListener, last_stream: u8) -> TcpStream {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        tcp.read_exact(&mut [0; "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()]).await.unwrap();
        loop {
            let mut head = [0; 9];
            tcp.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            tcp.read_exact(&mut vec![0; length as usize]).await.unwrap();
            if head[3] == 1 {
                break;
            }
        }
        let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, 0];
        tcp.write_all(&go_away).await.unwrap();
        tcp
    }

    /// Streams above the last that a server took were not processed: a write is sent again.
    #[tokio::test]
    async fn what_a_server_that_goes_away_has_not_taken_is_sent_again() {
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            let _open = goes_away(&listener, 0).await;
            let mut connection = accept(&listener).await;
            let (_, respond) = request(&mut connection).await;
            answer(respond);
            drain(connection).await;
        });
        let client = Client::connect(&*url).await.unwrap();
        client.put("a", "b").await.unwrap();

        // The control: it took it, and nobody knows what became of it.
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            drop(goes_away(&listener, 1).await);
            drain(accept(&listener).await).await;
        });
        let client = Client::connect(&*url).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    }

    /// A request too large for the client's limit is not sent, and its connection stays.
    #[tokio::test]
    async fn too_large_a_request_is_refused_before_it_is_sent() {
        let (listener, url) = listen("http").await;
        let server = tokio::spawn(async move {
            let mut connection = accept(&listener).await;
            let (request, respond) = request(&mut connection).await;
            answer(respond);
            tokio::spawn(drain(connection));
            request.uri().path().to_owned()
        });
        let client =
            Client::connect(Config::new([url.clone()]).max_request_bytes(100)).await.unwrap();
        // One that is measured no earlier.
        let error = client.role_add("a".repeat(101)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestTooLarge);
        assert_eq!(error.outcome(), Outcome::NotApplied);
        insta::assert_snapshot!(error.to_string().replace(&url, "URL"), @"role_add at URL: the request has 103 bytes, and Config::max_request_bytes allows 100; split it; etcd itself takes 1.5 MiB unless --max-request-bytes says more");
        client.get("a").await.unwrap();
        assert_eq!(server.await.unwrap(), "/etcdserverpb.KV/Range");
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

    /// Nothing was heard on it since: who knows what became of it.
    #[tokio::test]
    async fn a_connection_that_falls_silent_with_its_first_request_is_left() {
        let (listener, url) = listen("http").await;
        let server = tokio::spawn(async move {
            let (mut silent, _) = listener.accept().await.unwrap();
            silent.read_exact(&mut [0; 24]).await.unwrap();
            // Its settings, and that it has seen the client's; after that, not a word.
            let words = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];
            silent.write_all(&words).await.unwrap();
            let _another = listener.accept().await.unwrap();
            drop(silent);
        });
        let config = Config::new([url]).request_timeout(Duration::from_millis(300));
        let client = Client::connect(config).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
        server.await.unwrap();
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
        drop(client.watch("a").await.unwrap());
        assert_eq!(server.await.unwrap().unwrap(), "true");
    }
}
