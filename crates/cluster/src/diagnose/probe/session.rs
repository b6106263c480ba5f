//! One TLS conversation, led so that a refusal is heard however it comes.
//!
//! A server of TLS 1.3 judges the client's certificate when the client believes that all is done
//! (RFC 8446, 2): the refusal is the first thing that can be read. It may also hang up on what was
//! still being written to it, so that a write fails before the alert was read. So what is written
//! may fail, and everything that still comes is read.

use std::io::{self, Read, Write};
use std::sync::Arc;

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
pub(super) use rustls::crypto::aws_lc_rs as backend;
#[cfg(feature = "ring")]
pub(super) use rustls::crypto::ring as backend;
use rustls::pki_types::ServerName;
use rustls::{ALL_VERSIONS, ClientConfig, ClientConnection, InvalidMessage, ProtocolVersion};
use tercet_pki::doctor::Port;
use tercet_pki::doctor::live::{Alert, Ending, Handshake};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::capture::Capture;
use super::{Probe, plain, reply};

/// What came of it.
pub(super) struct Talk {
    /// `None` where nothing of TLS came back.
    pub(super) handshake: Option<Handshake>,
    pub(super) ending: Ending,
    /// What was answered to the question.
    pub(super) reply: Option<String>,
}

pub(super) async fn talk(probe: &Probe, tcp: &TcpStream, deadline: Instant) -> Talk {
    let capture = Capture::new(probe.identity.clone());
    let connection = match connection(probe, &capture) {
        Ok(connection) => connection,
        Err(why) => {
            let ending = Ending::NotDialled(why);
            return Talk { handshake: None, ending, reply: None };
        }
    };
    let mut session =
        Session { tcp, connection, heard: Vec::new(), spoke_tls: false, written: Ok(()) };
    let conversation = async {
        match session.handshake().await {
            Err(ending) => ending,
            Ok(()) if probe.handshake_only => Ending::Silent,
            Ok(()) => session.first_word(probe).await,
        }
    };
    let ending = match timeout_at(deadline, conversation).await {
        Ok(ending) => ending,
        Err(_) if session.connection.is_handshaking() => Ending::TimedOut,
        Err(_) => Ending::Silent,
    };
    session.farewell();
    let Session { connection, heard, spoke_tls, .. } = session;
    let handshake = spoke_tls.then(|| {
        let kept = capture.kept();
        let mut handshake = Handshake::default();
        handshake.version = connection.protocol_version().and_then(version);
        let suite = connection.negotiated_cipher_suite();
        handshake.cipher_suite = suite.and_then(|suite| suite.suite().as_str()).map(iana);
        let protocol = connection.alpn_protocol();
        handshake.protocol = protocol.map(|name| String::from_utf8_lossy(name).into_owned());
        handshake.chain = kept.chain;
        handshake.asks_for = kept.asks_for;
        handshake.has_presented = kept.has_presented;
        handshake
    });
    Talk { handshake, ending, reply: reply::body(&heard) }
}

/// As others write them: rustls marks those of TLS 1.3.
fn iana(name: &str) -> String {
    name.replacen("TLS13_", "TLS_", 1)
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
        _ => None,
    }
}

fn connection(probe: &Probe, capture: &Arc<Capture>) -> Result<ClientConnection, String> {
    let provider = Arc::new(backend::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(ALL_VERSIONS)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(capture.clone())
        .with_client_cert_resolver(capture.clone());
    // Each probe is to see a whole handshake.
    config.resumption = rustls::client::Resumption::disabled();
    // As those do for whom the port is: gRPC is HTTP/2, and members say nothing of it.
    if probe.port == Port::Client {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    let host = probe.url.host.trim_end_matches('.').to_owned();
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())
}

struct Session<'t> {
    tcp: &'t TcpStream,
    connection: ClientConnection,
    /// What was said within TLS.
    heard: Vec<u8>,
    /// Whether anything that came back was TLS.
    spoke_tls: bool,
    /// Whether what was written went out; what comes in is read in any case.
    written: io::Result<()>,
}

impl Session<'_> {
    async fn handshake(&mut self) -> Result<(), Ending> {
        while self.connection.is_handshaking() {
            self.step().await?;
        }
        self.write();
        Ok(())
    }

    /// Waits for whatever comes first: a word, or the end.
    async fn first_word(&mut self, probe: &Probe) -> Ending {
        // A server of HTTP/2 speaks first, and a server of HTTP/1 is asked.
        let speaks_first = self.connection.alpn_protocol() == Some(b"h2");
        if !speaks_first {
            let question = plain::question(probe);
            // Into a buffer: what can be written of it is written as one goes on.
            let _ = self.connection.writer().write_all(question.as_bytes());
        }
        loop {
            let over = match self.step().await {
                Ok(over) => over,
                // It answered, and then ended the connection in its own way.
                Err(_) if !self.heard.is_empty() => return Ending::Accepted,
                Err(ending) => return ending,
            };
            if !self.heard.is_empty() && (speaks_first || reply::is_whole(&self.heard) || over) {
                return Ending::Accepted;
            }
            if over {
                return Ending::Closed;
            }
        }
    }

    /// Writes what there is to write, and reads once. Says whether the other side is done.
    async fn step(&mut self) -> Result<bool, Ending> {
        self.write();
        if self.tcp.readable().await.is_err() {
            return Err(Ending::Reset);
        }
        let read = match self.connection.read_tls(&mut NonBlocking(self.tcp)) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if is_reset(&error) => return Err(Ending::Reset),
            Err(error) => return Err(Ending::Broken(error.to_string())),
        };
        if read == 0 {
            let reset = self.written.as_ref().is_err_and(is_reset);
            return if self.connection.is_handshaking() || self.heard.is_empty() {
                Err(if reset { Ending::Reset } else { Ending::Closed })
            } else {
                Ok(true)
            };
        }
        let state = match self.connection.process_new_packets() {
            Ok(state) => state,
            Err(error) => return Err(self.failed(error)),
        };
        self.spoke_tls = true;
        let waiting = state.plaintext_bytes_to_read();
        let room = reply::MAX_BYTES.saturating_sub(self.heard.len());
        let mut buffer = vec![0; waiting.min(room)];
        if self.connection.reader().read_exact(&mut buffer).is_ok() {
            self.heard.extend(buffer);
        }
        Ok(state.peer_has_closed() || room <= waiting)
    }

    fn failed(&mut self, error: rustls::Error) -> Ending {
        match error {
            rustls::Error::AlertReceived(alert) => {
                self.spoke_tls = true;
                Ending::Refused(Alert::new(alert.into()))
            }
            // Whatever it is, it is no record of TLS.
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::InvalidEmptyPayload
                | InvalidMessage::MessageTooLarge,
            ) if !self.spoke_tls => {
                Ending::Foreign("it answers TLS with something else".to_owned())
            }
            other => {
                self.spoke_tls = true;
                Ending::Broken(other.to_string())
            }
        }
    }

    /// As much as can be written without waiting.
    fn write(&mut self) {
        while self.written.is_ok() && self.connection.wants_write() {
            match self.connection.write_tls(&mut NonBlocking(self.tcp)) {
                Ok(_) => {}
                // Some hundred bytes fit into any buffer of a new connection.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.written = Err(error),
            }
        }
    }

    /// So that the other side need not log that we are gone.
    fn farewell(&mut self) {
        if self.written.is_ok() && !self.connection.is_handshaking() {
            self.connection.send_close_notify();
            self.write();
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

/// Tokio's socket as rustls wants one.
struct NonBlocking<'t>(&'t TcpStream);

impl Read for NonBlocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for NonBlocking<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
