//! Asking one port what it is: what it shows, whom it trusts, and whether it lets one in.
//!
//! A probe judges nothing. It takes whatever certificate it is shown, of whatever kind, and brings
//! it home as an [`Answer`]; the doctor of `tercet-pki` says what it is worth. Nothing is sent but
//! a handshake and, to those who let one in, a question that changes nothing.
//!
//! ```no_run
//! use tercet_cluster::diagnose::probe::Probe;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let answer = Probe::client_port("https://127.0.0.1:2379".parse()?).ask().await;
//! for authority in answer.asks_for().unwrap_or_default() {
//!     println!("it lets in whom {} certifies", authority.text);
//! }
//! # Ok(())
//! # }
//! ```

mod capture;
mod connect;
mod identity;
mod plain;
mod reply;
mod session;

use std::time::Duration;

use tercet_pki::doctor::live::{Answer, Ending};
use tercet_pki::doctor::{Port, Url};
use tokio::time::Instant;

pub use identity::{IdentityError, ProbeIdentity};
pub use reply::PeerMember;

/// For how long a port may take over all its answers, unless said otherwise. A member answers in
/// milliseconds; one on a machine with far more work than processors in a second.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A port to be asked, and in whose name.
#[derive(Clone, Debug)]
#[must_use]
pub struct Probe {
    url: Url,
    port: Port,
    identity: Option<ProbeIdentity>,
    within: Duration,
    handshake_only: bool,
}

impl Probe {
    /// Asks the port for clients at `url`, as someone without a certificate.
    pub const fn client_port(url: Url) -> Self {
        Self::new(url, Port::Client)
    }

    /// Asks the port for peers at `url`, as someone without a certificate.
    pub const fn peer_port(url: Url) -> Self {
        Self::new(url, Port::Peer)
    }

    /// Asks the port of this kind at `url`, as someone without a certificate.
    pub const fn new(url: Url, port: Port) -> Self {
        Self { url, port, identity: None, within: ANSWERS_WITHIN, handshake_only: false }
    }

    /// Shows this certificate where one is asked for.
    pub fn identity(self, identity: ProbeIdentity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Waits no longer than this for the whole answer.
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Takes leave when the handshake is done, without waiting to be let in: the answer then ends as
    /// [`Ending::Silent`]. For who only wants to know what the port shows and asks for; and for
    /// proxies, which say nothing until they are spoken to.
    pub const fn handshake_only(mut self) -> Self {
        self.handshake_only = true;
        self
    }

    /// Dials the port, and once more where it answers in another protocol than its URL says.
    ///
    /// What fails is part of the answer: see [`Ending`]. Only the URL's own host and port are
    /// dialled; of a name with several addresses, the first that accepts.
    ///
    /// Cancel-safe: dropping the future closes the connection.
    pub async fn ask(&self) -> Answer {
        self.ask_members().await.0
    }

    /// As [`ask`](Self::ask), with what a port for peers says of the members that it knows, if it
    /// lets one in; `None` from a port for clients.
    pub async fn ask_members(&self) -> (Answer, Option<Vec<PeerMember>>) {
        let mut answer =
            Answer::new(self.url.clone(), self.port, Ending::NotDialled(String::new()));
        if let Some(identity) = &self.identity {
            answer.presented = identity.chain();
        }
        let deadline = Instant::now() + self.within;
        let Some(port) = self.url.port.filter(|_| !self.url.is_socket()) else {
            answer.ending = Ending::NotDialled("a socket of the file system".to_owned());
            return (answer, None);
        };
        let reply = if self.url.is_tls() {
            self.with_tls(port, deadline, &mut answer).await
        } else {
            self.without_tls(port, deadline, &mut answer).await
        };
        let members = reply.as_deref().filter(|_| self.port == Port::Peer).and_then(reply::members);
        (answer, members)
    }

    async fn with_tls(&self, port: u16, deadline: Instant, answer: &mut Answer) -> Option<String> {
        let reply = match connect::connect(&self.url.host, port, deadline).await {
            Ok(connected) => {
                answer.addresses = Some(connected.addresses);
                let talk = session::talk(self, &connected.tcp, deadline).await;
                answer.handshake = talk.handshake;
                answer.ending = talk.ending;
                talk.reply
            }
            Err(ending) => {
                answer.ending = ending;
                return None;
            }
        };
        // Nothing of TLS came back: does it speak without?
        if answer.handshake.is_none()
            && let Some(plain) = self.confirm_plain(port, deadline, &answer.ending).await
        {
            answer.ending = plain;
        }
        reply
    }

    async fn confirm_plain(&self, port: u16, deadline: Instant, first: &Ending) -> Option<Ending> {
        let connected = connect::connect(&self.url.host, port, deadline).await.ok()?;
        match plain::talk(self, &connected.tcp, deadline).await.0 {
            Ending::Accepted => Some(Ending::Plaintext),
            Ending::Foreign(what) => Some(Ending::Foreign(what)),
            // It waits for whatever it is to hear.
            Ending::TimedOut if *first == Ending::TimedOut => Some(Ending::TimedOut),
            _ => None,
        }
    }

    async fn without_tls(
        &self,
        port: u16,
        deadline: Instant,
        answer: &mut Answer,
    ) -> Option<String> {
        let connected = match connect::connect(&self.url.host, port, deadline).await {
            Ok(connected) => connected,
            Err(ending) => {
                answer.ending = ending;
                return None;
            }
        };
        answer.addresses = Some(connected.addresses);
        let (ending, reply) = plain::talk(self, &connected.tcp, deadline).await;
        answer.ending = ending;
        if answer.ending == Ending::Accepted {
            return reply;
        }
        // etcd's port for peers closes the connection of whoever speaks no TLS, without a word.
        if let Ok(connected) = connect::connect(&self.url.host, port, deadline).await {
            let talk = session::talk(self, &connected.tcp, deadline).await;
            if talk.handshake.is_some() {
                answer.handshake = talk.handshake;
                answer.ending = Ending::Encrypted;
            }
        }
        None
    }
}
