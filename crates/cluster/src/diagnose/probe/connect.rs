//! TCP, with the two addresses.

use std::io;
use std::net::SocketAddr;

use tercet_pki::doctor::live::Ending;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

pub(super) struct Connected {
    pub(super) tcp: TcpStream,
    /// Ours, and theirs.
    pub(super) addresses: (SocketAddr, SocketAddr),
}

/// Connects to the first of the host's addresses that accepts.
pub(super) async fn connect(host: &str, port: u16, deadline: Instant) -> Result<Connected, Ending> {
    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(Ending::Unresolved(error.to_string())),
        Err(_) => return Err(Ending::Unresolved("no answer in time".to_owned())),
    };
    let mut ending = Ending::Unresolved("it has no address".to_owned());
    for (tried, address) in addresses.iter().enumerate() {
        // One that swallows packets takes only its share of the time from those after it.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        ending = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                let ours = tcp.local_addr();
                // Two small messages in a row must not wait for each other.
                let _ = tcp.set_nodelay(true);
                match ours {
                    Ok(ours) => return Ok(Connected { tcp, addresses: (ours, *address) }),
                    Err(error) => failed(&error),
                }
            }
            Ok(Err(error)) => failed(&error),
            Err(_) => Ending::TimedOut,
        };
    }
    Err(ending)
}

fn failed(error: &io::Error) -> Ending {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Ending::NotListening,
        io::ErrorKind::TimedOut => Ending::TimedOut,
        io::ErrorKind::ConnectionReset => Ending::Reset,
        _ => Ending::Unreachable(error.to_string()),
    }
}
