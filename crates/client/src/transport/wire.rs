//! The bytes under HTTP/2, with an eye on the first of them.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::client::TlsStream;

/// Said by [`Wire`] and looked for by `classify`: HTTP/2 keeps of an I/O error only its text.
pub(crate) const SILENT: &str = "it accepts connections but does not answer HTTP/2";
/// As [`SILENT`].
pub(crate) const SPEAKS_TLS: &str = "the server speaks TLS and was spoken to in the clear";
/// As [`SILENT`].
pub(crate) const SPEAKS_HTTP1: &str = "the server speaks HTTP/1 and no gRPC";

/// As [`SILENT`], of any other failure before the server has said a word.
pub(crate) const BEFORE_FIRST_WORD: &str = "before the server's first word";

/// Whether the last connection to an endpoint ended before the server had said a word.
///
/// HTTP/2 tells the requests on it only that it ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct HangUp(Arc<AtomicBool>);

impl HangUp {
    pub(crate) fn is_last(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, hung_up: bool) {
        self.0.store(hung_up, Ordering::Relaxed);
    }
}

/// A connection whose server must say its first word by the deadline of the dial.
///
/// Every HTTP/2 server begins with its settings (RFC 9113, 3.4). One that does not is no etcd, or
/// hangs, and would otherwise cost each request its whole time.
pub(crate) struct Wire {
    stream: Stream,
    /// Until the first byte.
    silence: Option<Pin<Box<Sleep>>>,
    hang_up: HangUp,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) fn plain(stream: TcpStream, deadline: Instant, hang_up: HangUp) -> Self {
        Self::new(Stream::Plain(stream), deadline, hang_up)
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>, deadline: Instant, hang_up: HangUp) -> Self {
        Self::new(Stream::Tls(Box::new(stream)), deadline, hang_up)
    }

    fn new(stream: Stream, deadline: Instant, hang_up: HangUp) -> Self {
        hang_up.set(false);
        Self { stream, silence: Some(Box::pin(sleep_until(deadline))), hang_up }
    }

    /// Notes a failure to write to a server that has not said a word.
    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(error)) if self.silence.is_some() => {
                self.hang_up.set(true);
                Poll::Ready(Err(before_first_word(&error)))
            }
            written => written,
        }
    }

    fn writer(self: Pin<&mut Self>) -> Pin<&mut dyn AsyncWrite> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::<&mut TcpStream>::new(stream),
            Stream::Tls(stream) => Pin::<&mut TlsStream<TcpStream>>::new(stream),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        };
        let Some(silence) = &mut this.silence else {
            return read;
        };
        if read.is_pending() {
            ready!(silence.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, SILENT)));
        }
        this.silence = None;
        let nothing = matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() == before;
        this.hang_up.set(nothing || matches!(read, Poll::Ready(Err(_))));
        match (&read, &this.stream) {
            (Poll::Ready(Ok(())), Stream::Plain(_)) => match no_http2(&buf.filled()[before..]) {
                Some(what) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what))),
                None => read,
            },
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(before_first_word(error))),
            _ => read,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().writer().poll_write(cx, buf);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.as_mut().writer().poll_write_vectored(cx, bufs);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.as_mut().writer().poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}

fn before_first_word(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{BEFORE_FIRST_WORD}: {error}"))
}

/// What a server that does not speak HTTP/2 speaks, from what it said first.
fn no_http2(first: &[u8]) -> Option<&'static str> {
    match first {
        // An alert, of any version (RFC 8446, 5.1).
        [0x15, 0x03, ..] => Some(SPEAKS_TLS),
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => Some(SPEAKS_HTTP1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let (client, _server) = pair().await;
        let mut wire =
            Wire::plain(client, Instant::now() + Duration::from_millis(20), HangUp::default());
        let error = wire.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), SILENT);
    }

    #[tokio::test]
    async fn after_the_first_byte_silence_is_allowed() {
        let (client, mut server) = pair().await;
        let mut wire =
            Wire::plain(client, Instant::now() + Duration::from_millis(20), HangUp::default());
        server.write_all(&[0, 0]).await.unwrap();
        assert_eq!(wire.read_u16().await.unwrap(), 0);
        let silent = tokio::time::timeout(Duration::from_millis(60), wire.read_u8()).await;
        assert!(silent.is_err());
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_at_once_is_noted_until_the_next_connection() {
        let hang_up = HangUp::default();
        let deadline = Instant::now() + Duration::from_secs(5);
        let (client, server) = pair().await;
        let mut wire = Wire::plain(client, deadline, hang_up.clone());
        drop(server);
        assert!(wire.read_u8().await.is_err());
        assert!(hang_up.is_last());

        let (client, mut server) = pair().await;
        let mut wire = Wire::plain(client, deadline, hang_up.clone());
        server.write_all(&[0]).await.unwrap();
        drop(server);
        assert_eq!(wire.read_u8().await.unwrap(), 0);
        assert!(wire.read_u8().await.is_err());
        assert!(!hang_up.is_last());
    }

    #[test]
    fn other_tongues_are_known_by_their_first_bytes() {
        assert_eq!(no_http2(&[0x15, 3, 1, 0, 2, 2, 70]), Some(SPEAKS_TLS));
        assert_eq!(no_http2(b"HTTP/1.1 400 Bad Request"), Some(SPEAKS_HTTP1));
        assert_eq!(no_http2(&[0, 0, 18, 4, 0]), None);
        assert_eq!(no_http2(&[]), None);
    }
}
