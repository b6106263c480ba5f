//! The little HTTP that a fleet needs: one request, one answer, one connection.
//!
//! By HTTP/1.0, to which Go's server answers without chunks and then hangs up: so the answer is all
//! that comes. A library for it would be more than all else that is downloaded for a fleet.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tercet_client::Tls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// A request. Its body, if there is one, is a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) form: Option<&'a str>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Why nothing was answered that can be understood.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It is not an URL of http or https with an address and a port.
    #[error("{url} is not a URL that can be asked")]
    Url {
        /// What it is.
        url: String,
    },
    /// There was no connection, or it broke.
    #[error("{url} does not answer")]
    Io {
        /// Who was asked.
        url: String,
        /// What the system or TLS said.
        source: io::Error,
    },
    /// There was no answer in time.
    #[error("{url} has not answered in {limit:?}")]
    Late {
        /// Who was asked.
        url: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It did not speak HTTP.
    #[error("{url} answers, but not in HTTP: {text:?}")]
    Garbled {
        /// Who was asked.
        url: String,
        /// How its answer begins.
        text: String,
    },
    /// It refused.
    #[error("{url} answers with HTTP status {status}: {body}")]
    Refused {
        /// Who was asked.
        url: String,
        /// The status.
        status: u16,
        /// How it explains it.
        body: String,
    },
}

/// More than anything that is asked for here is long.
const MOST_BYTES: u64 = 1 << 20;

impl Request<'_> {
    /// Asks, and returns what was answered if that was a success.
    pub(crate) async fn send(
        self,
        tls: Option<&Tls>,
        limit: Duration,
    ) -> Result<Answer, HttpError> {
        let url = || self.url.to_owned();
        let answer = timeout(limit, self.exchange(tls));
        let answer = answer.await.map_err(|_| HttpError::Late { url: url(), limit })??;
        match answer.status {
            200..=299 => Ok(answer),
            status => Err(HttpError::Refused { url: url(), status, body: answer.body }),
        }
    }

    async fn exchange(self, tls: Option<&Tls>) -> Result<Answer, HttpError> {
        let not_url = || HttpError::Url { url: self.url.to_owned() };
        let broken = |source| HttpError::Io { url: self.url.to_owned(), source };
        let (scheme, rest) = self.url.split_once("://").ok_or_else(not_url)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let dial = || TcpStream::connect(authority);
        let text = match (scheme, tls) {
            ("http", _) => self.speak(dial().await.map_err(broken)?, authority, path).await,
            ("https", Some(tls)) => {
                let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
                let host = host.trim_matches(['[', ']']);
                let host = ServerName::try_from(host.to_owned()).map_err(|_| not_url())?;
                let connector = TlsConnector::from(Arc::new(tls.rustls_config().await));
                let tcp = dial().await.map_err(broken)?;
                let stream = connector.connect(host, tcp).await.map_err(broken)?;
                self.speak(stream, authority, path).await
            }
            _ => return Err(not_url()),
        };
        let text = text.map_err(broken)?;
        parse(&text).ok_or_else(|| HttpError::Garbled {
            url: self.url.to_owned(),
            text: text.chars().take(80).collect(),
        })
    }

    async fn speak(
        self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        host: &str,
        path: &str,
    ) -> io::Result<String> {
        let body = self.form.unwrap_or_default();
        let request = format!(
            "{} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            self.method,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut bytes = Vec::new();
        match (&mut stream).take(MOST_BYTES).read_to_end(&mut bytes).await {
            // It hung up without a word of TLS; the length tells whether all is there.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !bytes.is_empty() => {}
            result => drop(result?),
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Status and body; nothing where the body is shorter than it says.
fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    if length.is_some_and(|length| body.len() < length) {
        return None;
    }
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Answers one request with `answer`, and returns what was asked.
    async fn ask(answer: &'static str) -> (String, Result<Answer, HttpError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let url = format!("http://{address}/v2/keys/a");
        let request = Request { method: "PUT", url: &url, form: Some("value=3") };
        let answer = request.send(None, Duration::from_secs(10)).await;
        (server.await.unwrap().replace(&address.to_string(), "HOST"), answer)
    }

    #[tokio::test]
    async fn a_request_and_its_answer() {
        let (asked, answer) =
            ask("HTTP/1.0 201 Created\r\ncontent-length: 2\r\nX: y\r\n\r\n{}").await;
        assert_eq!(
            asked,
            "PUT /v2/keys/a HTTP/1.0\r\nHost: HOST\r\nContent-Length: 7\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\nvalue=3"
        );
        let answer = answer.unwrap();
        assert_eq!((answer.status, &*answer.body), (201, "{}"));
    }

    #[tokio::test]
    async fn what_is_no_success_is_an_error() {
        let (_, refused) = ask("HTTP/1.0 404 Not Found\r\n\r\nno such page").await;
        let text = refused.unwrap_err().to_string();
        assert!(text.ends_with("/v2/keys/a answers with HTTP status 404: no such page"), "{text}");
        // Cut short, and another protocol.
        for garbled in ["HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "\x15\x03\x01"] {
            let (_, garbled) = ask(garbled).await;
            assert!(matches!(garbled, Err(HttpError::Garbled { .. })), "{garbled:?}");
        }
        let request = Request { method: "GET", url: "ftp://127.0.0.1:1/", form: None };
        let error = request.send(None, Duration::from_secs(10)).await.unwrap_err();
        assert!(matches!(error, HttpError::Url { .. }), "{error:?}");
    }
}
