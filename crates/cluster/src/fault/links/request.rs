//! What a member asks of the proxy: `CONNECT`, and nothing else.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::{Connection, carry};
use super::network::Network;
use crate::plan::Token;

/// How long a header may take. A member sends its own with its first packet; who says nothing is not
/// one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a header may be. A member's has 200 bytes.
const LONGEST: usize = 8 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// What the dialler of an accepted request is told later.
#[derive(Debug)]
pub(super) struct Greeting {
    /// What it sent behind its header, before it could know.
    pub(super) early: Vec<u8>,
}

impl Greeting {
    pub(super) const MADE: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
    pub(super) const NOBODY: &str =
        "HTTP/1.1 502 Nobody listens there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

/// Why a request is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Malformed,
    UnknownDestination,
    NotConnect,
    UnknownDialler,
    TooLong,
}

impl Refusal {
    const fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::UnknownDestination => "403 Not a member of this fleet",
            Self::NotConnect => "405 Only CONNECT\r\nAllow: CONNECT",
            Self::UnknownDialler => {
                "407 Not a member of this fleet\r\nProxy-Authenticate: Basic realm=\"tercet\""
            }
            Self::TooLong => "431 Header too long",
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    destination: SocketAddr,
    /// The value of the header that says who asks.
    credential: &'a str,
}

/// The header by which `name` is known.
pub(super) fn credential(name: &str, token: Token) -> String {
    format!("Basic {}", base64(format!("{name}:{}", token.reveal()).as_bytes()))
}

/// Answers one dialler, and carries its connection if it may have one.
pub(super) async fn serve(network: Rc<Network>, mut dialler: TcpStream) {
    let mut head = Vec::with_capacity(512);
    let Ok(Some(length)) = timeout(PATIENCE, read(&mut dialler, &mut head)).await else {
        // It says nothing that could be answered.
        return;
    };
    let early = head.split_off(length);
    let known = parse(&head).and_then(|request| {
        let from = network.dialler(request.credential).ok_or(Refusal::UnknownDialler)?;
        let (to, real) =
            network.destination(request.destination).ok_or(Refusal::UnknownDestination)?;
        Ok((from, to, real))
    });
    match known {
        Ok((from, to, real)) => {
            let connection = Connection::new(&network, dialler, from, to);
            carry(network, connection, real, Some(Greeting { early })).await;
        }
        Err(refusal) => {
            let status = refusal.status();
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // If it does not listen, it does not get to know.
            let _ = timeout(PATIENCE, dialler.write_all(answer.as_bytes())).await;
        }
    }
}

/// Reads until the end of the header, or as much as one may have: its length. Nothing if the dialler
/// ends before.
async fn read(dialler: &mut TcpStream, head: &mut Vec<u8>) -> Option<usize> {
    loop {
        let looked_at = head.len();
        if dialler.read_buf(head).await.ok()? == 0 {
            return None;
        }
        let from = looked_at.saturating_sub(END.len() - 1);
        if let Some(end) = head[from..].windows(END.len()).position(|window| window == END) {
            return Some(from + end + END.len());
        }
        if head.len() > LONGEST {
            return Some(head.len());
        }
    }
}

/// What a header says (RFC 9112 §3, §5; RFC 9110 §9.3.6).
fn parse(head: &[u8]) -> Result<Request<'_>, Refusal> {
    if head.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    let head = std::str::from_utf8(head).map_err(|_| Refusal::Malformed)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Malformed);
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Refusal::Malformed);
    }
    if method != "CONNECT" {
        return Err(Refusal::NotConnect);
    }
    let credential = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authorization"))
        .map(|(_, value)| value.trim())
        .ok_or(Refusal::UnknownDialler)?;
    // By name, nobody is known.
    let destination = target.parse().map_err(|_| Refusal::UnknownDestination)?;
    Ok(Request { destination, credential })
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let all = group.iter().fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
        let all = all << (8 * (3 - group.len()));
        for digit in 0..4 {
            text.push(match digit <= group.len() {
                true => char::from(ALPHABET[all >> (18 - 6 * digit) & 63]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
#[path = "request/tests.rs"]
mod tests;
