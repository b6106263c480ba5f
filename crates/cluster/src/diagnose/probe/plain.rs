//! One conversation without TLS.

use std::io;

use tercet_pki::doctor::Port;
use tercet_pki::doctor::live::Ending;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::{Probe, reply};

/// The question of a probe: to members, whom they know; to others, which version they are. HTTP/1.0,
/// so that the answer comes in one piece and ends with the connection.
pub(super) fn question(probe: &Probe) -> String {
    let path = match probe.port {
        Port::Client => "/version",
        Port::Peer => "/members",
    };
    let host = if probe.url.host.contains(':') {
        format!("[{}]", probe.url.host)
    } else {
        probe.url.host.clone()
    };
    let port = probe.url.port.unwrap_or_default();
    format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: tercet\r\n\r\n")
}

pub(super) async fn talk(
    probe: &Probe,
    tcp: &TcpStream,
    deadline: Instant,
) -> (Ending, Option<String>) {
    let mut heard = Vec::new();
    let ending = match timeout_at(deadline, converse(probe, tcp, &mut heard)).await {
        Ok(ending) => ending,
        Err(_) if heard.is_empty() => Ending::TimedOut,
        Err(_) => judge(&heard),
    };
    (ending, reply::body(&heard))
}

async fn converse(probe: &Probe, tcp: &TcpStream, heard: &mut Vec<u8>) -> Ending {
    // It fits into any buffer of a new connection.
    if let Err(error) = tcp.try_write(question(probe).as_bytes())
        && error.kind() != io::ErrorKind::WouldBlock
    {
        return Ending::Reset;
    }
    let mut buffer = [0; 4096];
    while heard.len() < reply::MAX_BYTES && !reply::is_whole(heard) && !is_foreign(heard) {
        if tcp.readable().await.is_err() {
            break;
        }
        match tcp.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) if heard.is_empty() => return Ending::Reset,
            Err(_) => break,
        }
    }
    if heard.is_empty() { Ending::Closed } else { judge(heard) }
}

/// Whether it can neither become HTTP nor is an alert: such a one may never end what it says.
fn is_foreign(heard: &[u8]) -> bool {
    let begin = &heard[..heard.len().min(HTTP.len())];
    // With enough of it to be shown.
    heard.len() >= SHOWN_BYTES && begin != HTTP && !reply::is_for_tls(heard)
        || heard.contains(&b'\n') && !HTTP.starts_with(begin)
}

/// How every answer of HTTP begins.
const HTTP: &[u8] = b"HTTP/";

/// As much of a foreign answer is shown.
const SHOWN_BYTES: usize = 24;

fn judge(heard: &[u8]) -> Ending {
    if reply::is_for_tls(heard) {
        Ending::Encrypted
    } else if heard.starts_with(HTTP) {
        Ending::Accepted
    } else {
        let begin: String = String::from_utf8_lossy(&heard[..heard.len().min(SHOWN_BYTES)])
            .escape_debug()
            .collect();
        Ending::Foreign(format!("it says \"{begin}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_another_language_is_not_waited_for() {
        assert!(is_foreign(b"SSH-2.0-OpenSSH_9.2\r\n"));
        assert!(is_foreign(&[0; SHOWN_BYTES]));
        // The controls: more may come, and is waited for.
        for begin in [&b""[..], b"H", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0", &[21, 3, 1, 0, 2, 2, 22]]
        {
            assert!(!is_foreign(begin), "{begin:?}");
        }
    }
}
