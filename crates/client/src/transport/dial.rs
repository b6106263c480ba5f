//! One connection: name, TCP and TLS within one deadline, and then the server's first word.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncBufRead;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use crate::config::Dialing;
use crate::error::ErrorKind;
use crate::transport::connections::Connections;
use crate::transport::endpoint::Endpoint;
use crate::transport::tls::Tls;
use crate::transport::tls_words;
use crate::transport::wire::{HangUp, Wire};

/// For how long a dial that failed answers for the next one.
///
/// tonic keeps the requests to one endpoint in a queue, and dials once for each of them: without
/// this, the tenth request to a host that drops packets would wait for ten deadlines. A request
/// that comes later than this dials anew, and so does one after a failure that took less: it costs
/// little, and a server that has just begun to listen is reached.
const FAILURE_ANSWERS_FOR: Duration = Duration::from_millis(50);

/// How long to wait, after a handshake of TLS 1.3, for what the server says first; and how long
/// any server has for it, however much of the deadline connecting has used up.
///
/// In TLS 1.3 the client is done before the server has judged its certificate (RFC 8446, 2): a
/// refusal is the first thing that can be read. Waiting for it makes a refusal a failure to dial,
/// with its reason and with nothing sent. An accepting etcd says its HTTP/2 settings at once, so
/// this costs one round trip; behind a proxy that waits for us to speak first it costs this much.
const FIRST_WORD: Duration = Duration::from_millis(250);

/// Dials one endpoint, again whenever the connection was lost.
#[derive(Clone)]
pub(crate) struct Connector {
    endpoint: Arc<Endpoint>,
    dialing: Dialing,
    hang_up: HangUp,
    connections: Connections,
    failed: Arc<Mutex<Option<(Instant, DialError)>>>,
}

impl Connector {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        dialing: Dialing,
        hang_up: HangUp,
        connections: Connections,
    ) -> Self {
        Self { endpoint, dialing, hang_up, connections, failed: Arc::default() }
    }

    async fn connect(self) -> Result<TokioIo<Wire>, DialError> {
        self.connections.dialling();
        if let Some((when, error)) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner)
            && when.elapsed() < FAILURE_ANSWERS_FOR
        {
            return Err(error.clone());
        }
        let begin = Instant::now();
        let result = dial(&self.endpoint, &self.dialing, self.hang_up).await;
        let slow = begin.elapsed() > FAILURE_ANSWERS_FOR;
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) =
            result.as_ref().err().filter(|_| slow).map(|error| (Instant::now(), error.clone()));
        if result.is_ok() {
            self.connections.connected();
            // tonic's queue looks whether anybody still waits for a request before it polls us, and
            // sends it when we are done. So it must look again after the connection is counted: who
            // gave up before that was not connected, and nothing of his is sent.
            tokio::task::yield_now().await;
        }
        result.map(TokioIo::new)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        // The URI is the endpoint's own, which is already taken apart.
        Box::pin(self.clone().connect())
    }
}

/// Why there is no connection. Nothing has been sent that a server could have acted on.
///
/// It can be cloned, since one failure may answer for several requests.
#[derive(Debug, Clone)]
pub(crate) struct DialError {
    pub(crate) kind: ErrorKind,
    pub(crate) what: String,
    pub(crate) fix: Option<&'static str>,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl DialError {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), fix: None, source: None }
    }

    pub(crate) fn fix(mut self, fix: &'static str) -> Self {
        self.fix = Some(fix);
        self
    }

    pub(crate) fn caused_by(
        mut self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

async fn dial(endpoint: &Endpoint, dialing: &Dialing, hang_up: HangUp) -> Result<Wire, DialError> {
    let deadline = Instant::now() + dialing.timeout;
    let tcp = reach(endpoint.address(), deadline, dialing.timeout).await?;
    // A request is one small write: waiting to fill a packet only adds latency. Where this is not
    // possible the connection still works.
    let _ = tcp.set_nodelay(true);

    match (endpoint.server_name(), &dialing.tls) {
        (Some(name), Some(tls)) => {
            let stream = secure(tcp, name, tls, deadline, dialing.timeout).await?;
            Ok(Wire::tls(stream, first_word_by(deadline), hang_up))
        }
        (None, _) => Ok(Wire::plain(tcp, first_word_by(deadline), hang_up)),
        (Some(_), None) => {
            // `Config` refuses it.
            Err(DialError::new(ErrorKind::InvalidConfig, "https needs an authority to trust"))
        }
    }
}

fn first_word_by(deadline: Instant) -> Instant {
    deadline.max(Instant::now() + FIRST_WORD)
}

/// Connects to the first of the host's addresses that can be connected to.
async fn reach(
    address: (&str, u16),
    deadline: Instant,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup_host(address)).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            let what = "the host's name cannot be resolved";
            return Err(DialError::new(ErrorKind::Connect, what).caused_by(error));
        }
        Err(_) => {
            let what = format!("the host's name is not resolved within {patience:?}");
            return Err(DialError::new(ErrorKind::Connect, what));
        }
    };
    connect_to_any(&addresses, deadline, patience).await
}

/// One that swallows packets takes only its share of the time from those after it.
async fn connect_to_any(
    addresses: &[SocketAddr],
    deadline: Instant,
    patience: Duration,
) -> Result<TcpStream, DialError> {
    let mut failure = DialError::new(ErrorKind::Connect, "the host's name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => tcp_failed(error),
            Err(_) => {
                let what = format!("nothing answers the connection within {patience:?}");
                DialError::new(ErrorKind::Connect, what)
            }
        };
    }
    Err(failure)
}

async fn secure(
    tcp: TcpStream,
    name: &ServerName<'static>,
    tls: &Tls,
    deadline: Instant,
    patience: Duration,
) -> Result<TlsStream<TcpStream>, DialError> {
    let Ok(current) = timeout_at(deadline, tls.current()).await else {
        let what = format!("the files of certificates and keys are not read within {patience:?}");
        return Err(DialError::new(ErrorKind::Connect, what));
    };
    let failed =
        |error| tls_words::handshake_failed(error, tls.is_mutual(), current.refused.as_deref());
    let handshake = TlsConnector::from(current.config).connect(name.clone(), tcp);
    let mut stream = match timeout_at(deadline, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(error)),
        Err(_) => {
            let what =
                format!("it accepts connections but does not answer TLS within {patience:?}");
            return Err(DialError::new(ErrorKind::Connect, what));
        }
    };

    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(b"h2") {
        let what = "the server speaks TLS but offers no HTTP/2, which gRPC needs";
        return Err(DialError::new(ErrorKind::Connect, what).fix("is it the client port?"));
    }
    if session.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        first_word(&mut stream).await.map_err(failed)?;
    }
    Ok(stream)
}

/// Waits until something can be read, and leaves it there.
async fn first_word(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let peek = std::future::poll_fn(|context| {
        Pin::new(&mut *stream).poll_fill_buf(context).map_ok(<[u8]>::is_empty)
    });
    match timeout(FIRST_WORD, peek).await {
        Ok(Ok(false)) | Err(_) => Ok(()),
        Ok(Ok(true)) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        Ok(Err(error)) => Err(error),
    }
}

fn tcp_failed(error: io::Error) -> DialError {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to that host"
        }
        io::ErrorKind::TimedOut => "nothing answers the connection",
        _ => "cannot connect",
    };
    DialError::new(ErrorKind::Connect, what).caused_by(error)
}

/// The rustls error within an I/O error: `source()` of one skips what it wraps.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn connector(url: &str, patience: Duration) -> Connector {
        let endpoint = Arc::new(Endpoint::parse(url).unwrap());
        connector_to(endpoint, Dialing { tls: None, session: None, timeout: patience })
    }

    fn connector_to(endpoint: Arc<Endpoint>, dialing: Dialing) -> Connector {
        Connector::new(endpoint, dialing, HangUp::default(), Connections::default())
    }

    #[tokio::test]
    async fn nothing_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = connector(&url, Duration::from_secs(5)).connect().await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Connect);
        insta::assert_snapshot!(error, @"nothing listens there");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[tokio::test]
    async fn a_slow_failure_answers_for_the_next_dial_only_for_a_moment() {
        // It accepts and says nothing, so TLS has to wait.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let dialing = Dialing {
            tls: Some(crate::fake::Authority::new().tls()),
            session: None,
            timeout: FAILURE_ANSWERS_FOR * 2,
        };
        let connector = connector_to(Arc::new(Endpoint::parse(&url).unwrap()), dialing);
        assert!(connector.clone().connect().await.is_err());
        let (_first, _) = listener.accept().await.unwrap();

        assert!(connector.clone().connect().await.is_err(), "remembered");
        tokio::time::sleep(FAILURE_ANSWERS_FOR).await;
        assert!(connector.connect().await.is_err(), "dialled");
        let (_second, _) = listener.accept().await.unwrap();
        let third = timeout(Duration::from_millis(20), listener.accept()).await;
        assert!(third.is_err(), "what was remembered was not dialled");
    }

    #[tokio::test]
    async fn a_port_that_begins_to_listen_is_reached_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let connector = connector(&format!("http://{address}"), Duration::from_secs(5));
        assert!(connector.clone().connect().await.is_err());
        let _listener = TcpListener::bind(address).await.unwrap();
        assert!(connector.connect().await.is_ok());
    }

    #[tokio::test]
    async fn of_several_addresses_the_first_that_answers_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nowhere = free.local_addr().unwrap();
        drop(free);
        let patience = Duration::from_secs(5);
        let deadline = Instant::now() + patience;
        let connect = |addresses: Vec<SocketAddr>| async move {
            connect_to_any(&addresses, deadline, patience).await
        };
        let tcp = connect(vec![nowhere, there]).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), there);
        assert!(connect(vec![nowhere, nowhere]).await.is_err());
        insta::assert_snapshot!(connect(vec![]).await.unwrap_err(), @"the host's name has no address");
    }
}
