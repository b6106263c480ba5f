//! One connection: name, TCP and TLS within one deadline, and the server's first word.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncBufRead;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::Dialing;
use crate::error::ErrorKind;
use crate::transport::connection::{Connection, Windows};
use crate::transport::endpoint::{Address, Endpoint};
use crate::transport::socket::Socket;
use crate::transport::tls::{Current, Tls};
use crate::transport::tls_words;
use crate::transport::wire::{SPEAKS_HTTP1, SPEAKS_TLS, Stream};

/// How long any server has for its first word, however much of the deadline connecting has used up.
///
/// Waiting for it makes whatever refuses us then a failure to dial, with its reason and with nothing
/// sent: in TLS 1.3 the client is done before the server has judged its certificate (RFC 8446, 2).
const FIRST_WORD: Duration = Duration::from_millis(250);

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

    /// Nobody dials any more: the runtime stops.
    pub(crate) fn ended() -> Self {
        Self::new(ErrorKind::Connect, "the runtime ended while the connection was made")
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

/// Connects to a member, until it has said its first word.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    dialing: &Dialing,
    windows: Windows,
) -> Result<Connection, DialError> {
    let patience = dialing.timeout;
    let began = Instant::now();
    let deadline = began + patience;
    let socket = connect(endpoint.address(), deadline, patience).await?;

    let first_word_by = |deadline: Instant| deadline.max(Instant::now() + FIRST_WORD);
    let told = || dialing.hooks.connected(endpoint.url(), began.elapsed());
    let begin =
        |stream| Connection::begin(stream, windows, dialing.pings, first_word_by(deadline), told);
    match (endpoint.server_name(), &dialing.tls) {
        (Some(name), Some(tls)) => {
            let current = current(tls, deadline, patience).await?;
            let stream = secure(socket, name, tls, &current, deadline, patience).await?;
            begin(Stream::Tls(Box::new(stream))).await.map_err(|error| match error.kind() {
                io::ErrorKind::TimedOut => silent(),
                _ => tls_words::handshake_failed(error, tls.is_mutual(), current.refused()),
            })
        }
        (None, _) => begin(Stream::Plain(socket)).await.map_err(mute),
        (Some(_), None) => {
            // `Config` refuses it.
            Err(DialError::new(ErrorKind::InvalidConfig, "https needs an authority to trust"))
        }
    }
}

fn silent() -> DialError {
    DialError::new(ErrorKind::Connect, "it accepts connections but does not answer HTTP/2")
}

/// A server that was spoken to in the clear and has not said a word of HTTP/2.
fn mute(error: io::Error) -> DialError {
    let text = error.get_ref().map(ToString::to_string).unwrap_or_default();
    if error.kind() == io::ErrorKind::TimedOut {
        return silent();
    }
    if text == SPEAKS_TLS {
        return DialError::new(ErrorKind::Connect, SPEAKS_TLS)
            .fix("write https:// in the endpoint");
    }
    if text == SPEAKS_HTTP1 {
        return DialError::new(ErrorKind::Connect, SPEAKS_HTTP1).fix("is it the client port?");
    }
    DialError::new(ErrorKind::Connect, "the server hung up before it said a word")
        .fix("does it speak TLS? then write https:// in the endpoint")
        .caused_by(error)
}

async fn current(tls: &Tls, deadline: Instant, patience: Duration) -> Result<Current, DialError> {
    timeout_at(deadline, tls.current()).await.map_err(|_| {
        let what = format!("the files of certificates and keys are not read within {patience:?}");
        DialError::new(ErrorKind::Connect, what)
    })
}

async fn connect(
    address: Address<'_>,
    deadline: Instant,
    patience: Duration,
) -> Result<Socket, DialError> {
    match address {
        Address::Host(host, port) => {
            let tcp = reach((host, port), deadline, patience).await?;
            // A request is one small write: waiting to fill a packet only adds latency. Where this
            // is not possible the connection still works.
            let _ = tcp.set_nodelay(true);
            Ok(Socket::Tcp(tcp))
        }
        #[cfg(unix)]
        Address::Socket(path) => {
            match timeout_at(deadline, tokio::net::UnixStream::connect(path)).await {
                Ok(connected) => connected.map(Socket::Unix).map_err(connect_failed),
                Err(_) => Err(unanswered(patience)),
            }
        }
        #[cfg(not(unix))]
        Address::Socket(_) => {
            // An endpoint is none.
            let what = "only Unix has sockets of the file system";
            Err(DialError::new(ErrorKind::InvalidConfig, what))
        }
    }
}

fn unanswered(patience: Duration) -> DialError {
    let what = format!("nothing answers the connection within {patience:?}");
    DialError::new(ErrorKind::Connect, what)
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
            Ok(Err(error)) => connect_failed(error),
            Err(_) => unanswered(patience),
        };
    }
    Err(failure)
}

async fn secure(
    socket: Socket,
    name: &ServerName<'static>,
    tls: &Tls,
    current: &Current,
    deadline: Instant,
    patience: Duration,
) -> Result<TlsStream<Socket>, DialError> {
    let failed = |error| tls_words::handshake_failed(error, tls.is_mutual(), current.refused());
    let handshake = TlsConnector::from(current.config.clone()).connect(name.clone(), socket);
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
        judged(&mut stream).await.map_err(failed)?;
    }
    Ok(stream)
}

/// Waits, for a moment, until something can be read, and leaves it there.
///
/// In TLS 1.3 the client is done before the server has judged its certificate (RFC 8446, 2), and a
/// refusal is the first thing that can be read. A server that has refused and closed answers what is
/// sent then by a reset, and with that its reason is lost. An etcd that accepts says its HTTP/2
/// settings at once, so this costs what waiting for them does; behind a proxy that waits for us to
/// speak first it costs [`FIRST_WORD`].
async fn judged(stream: &mut TlsStream<Socket>) -> io::Result<()> {
    let readable = std::future::poll_fn(|context| {
        Pin::new(&mut *stream).poll_fill_buf(context).map_ok(<[u8]>::is_empty)
    });
    match timeout(FIRST_WORD, readable).await {
        Ok(Ok(false)) | Err(_) => Ok(()),
        Ok(Ok(true)) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        Ok(Err(error)) => Err(error),
    }
}

fn connect_failed(error: io::Error) -> DialError {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to that host"
        }
        io::ErrorKind::TimedOut => "nothing answers the connection",
        io::ErrorKind::NotFound => "there is no such socket",
        io::ErrorKind::PermissionDenied => "it may not be connected to as who runs this",
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
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::Poll;

    use bytes::Bytes;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Limits;
    use crate::observe::Hooks;
    use crate::transport::connection::Place;
    use crate::transport::keep_alive::Pings;

    const WINDOWS: Windows = Windows { stream_bytes: 1 << 16, connection_bytes: 1 << 16 };

    async fn dialled(url: &str, patience: Duration) -> Result<Connection, DialError> {
        let long = Duration::from_secs(60);
        let pings = Pings { every: long, patience: long };
        let limits = Limits { request_bytes: 1 << 10, response_bytes: 1 << 10 };
        let dialing = Dialing {
            tls: None,
            session: None,
            token: None,
            timeout: patience,
            pings,
            connections: 1,
            limits,
            hooks: Hooks::default(),
        };
        dial(&Endpoint::parse(url).unwrap(), &dialing, WINDOWS).await
    }

    #[tokio::test]
    async fn nothing_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = dialled(&url, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connect);
        insta::assert_snapshot!(error, @"nothing listens there");
        assert!(std::error::Error::source(&error).is_some());
    }

    /// As many as the server says, and each of them again when it is given back, also by one who was
    /// given it and did not come for it.
    #[tokio::test]
    async fn there_are_as_many_places_as_the_server_allows() {
        let (listener, url) = crate::fake::listen("http").await;
        let serve = async |allowed: u32| {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut builder = h2::server::Builder::new();
            let server = builder.max_concurrent_streams(allowed).handshake::<_, Bytes>(tcp).await;
            tokio::spawn(crate::fake::drain(server.unwrap()));
        };
        let long = Duration::from_secs(5);
        let ((), connection) = tokio::join!(serve(2), dialled(&url, long));
        let connection = Arc::new(connection.unwrap());
        let (one, two) = (connection.clone().place_now(), connection.clone().place_now());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(connection.clone().place_now().is_none());

        let is_pending = async |place: &mut Pin<Box<dyn Future<Output = Place>>>| {
            poll_fn(|context| Poll::Ready(place.as_mut().poll(context).is_pending())).await
        };
        let mut first: Pin<Box<dyn Future<Output = Place>>> = Box::pin(connection.clone().place());
        let mut second: Pin<Box<dyn Future<Output = Place>>> = Box::pin(connection.clone().place());
        assert!(is_pending(&mut first).await && is_pending(&mut second).await);
        drop(one);
        assert!(connection.clone().place_now().is_none(), "it is the first one's");
        drop(first);
        let three = second.await;
        assert!(connection.clone().place_now().is_none());
        drop((two, three));
        let again = [(); 3].map(|()| connection.clone().place_now());
        assert_eq!(again.iter().flatten().count(), 2);

        // The control: another server allows another number.
        let ((), connection) = tokio::join!(serve(3), dialled(&url, long));
        let connection = Arc::new(connection.unwrap());
        let more = [(); 9].map(|()| connection.clone().place_now());
        assert_eq!(more.iter().flatten().count(), 3);
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_or_hangs_up_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let error = dialled(&url, Duration::from_millis(20)).await.unwrap_err();
        insta::assert_snapshot!(error, @"it accepts connections but does not answer HTTP/2");

        let long = Duration::from_secs(5);
        let (_, hung_up) = tokio::join!(
            async {
                // That of the first dial, and this one.
                drop(listener.accept().await);
                drop(listener.accept().await);
            },
            dialled(&url, long)
        );
        insta::assert_snapshot!(hung_up.unwrap_err(), @"the server hung up before it said a word");

        // The control: a word is enough.
        let (_, spoken) = tokio::join!(crate::fake::accept(&listener), dialled(&url, long));
        assert!(spoken.is_ok_and(|connection| connection.is_open()));
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
