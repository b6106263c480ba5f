//! The bytes under HTTP/2, with an eye on the first of them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::transport::connection::State;
use crate::transport::socket::Socket;

/// What a [`Wire`] says of a server that cannot be etcd.
pub(crate) const SPEAKS_TLS: &str = "the server speaks TLS and was spoken to in the clear";
/// As [`SPEAKS_TLS`].
pub(crate) const SPEAKS_HTTP1: &str = "the server speaks HTTP/1 and no gRPC";

/// A connection that notes when the server says something, and why it never did.
pub(crate) struct Wire {
    stream: Stream,
    state: Arc<State>,
}

/// What can be dialled.
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Wire {
    pub(crate) fn new(stream: Stream, state: Arc<State>) -> Self {
        Self { stream, state }
    }

    /// Notes a failure to write to a server that has not said a word.
    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(error)) if !self.state.has_spoken() => {
                Poll::Ready(Err(self.mute(error)))
            }
            written => written,
        }
    }

    fn mute(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.state.end_mute(error);
        io::Error::from(kind)
    }

    fn writer(self: Pin<&mut Self>) -> Pin<&mut dyn AsyncWrite> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::<&mut Socket>::new(stream),
            Stream::Tls(stream) => Pin::<&mut TlsStream<Socket>>::new(stream),
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
        if read.is_pending() {
            return read;
        }
        let new = &buf.filled()[before..];
        if !this.state.has_spoken() {
            let error = match read {
                Poll::Ready(Err(error)) => Some(error),
                _ if new.is_empty() => Some(io::Error::from(io::ErrorKind::UnexpectedEof)),
                _ if matches!(this.stream, Stream::Plain(_)) => {
                    no_http2(new).map(|what| io::Error::new(io::ErrorKind::InvalidData, what))
                }
                _ => None,
            };
            if let Some(error) = error {
                return Poll::Ready(Err(this.mute(error)));
            }
            this.state.hear();
            return Poll::Ready(Ok(()));
        }
        if !new.is_empty() {
            this.state.hear();
        }
        read
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
    use super::*;

    #[test]
    fn other_tongues_are_known_by_their_first_bytes() {
        assert_eq!(no_http2(&[0x15, 3, 1, 0, 2, 2, 70]), Some(SPEAKS_TLS));
        assert_eq!(no_http2(b"HTTP/1.1 400 Bad Request"), Some(SPEAKS_HTTP1));
        assert_eq!(no_http2(&[0, 0, 18, 4, 0]), None);
        assert_eq!(no_http2(&[]), None);
    }
}
