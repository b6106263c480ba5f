//! What etcd says of links and clients that it refuses, or that refuse it: `embed/config_logging.go`
//! (3.4: `embed/config.go`), `etcdserver/cluster_util.go`, `rafthttp`, `transport/listener_tls.go`,
//! and Go's `crypto/tls` and `crypto/x509` up to 1.26.

use std::fmt;

use super::cause::RefusalCause as Cause;
use super::entry::{Entry, Level};
use super::files::{FILES, unread_list};
use super::pairs::Pairs;
use super::phrase::{Phrase, Said, between, find, quoted};

/// Which link was refused, seen from the member whose log says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedLink {
    /// Somebody connected to it.
    Incoming {
        /// To which of its ports; 3.4, and 3.5 before 3.5.15, do not say it.
        port: Option<PortKind>,
        /// From where; the port is another each time.
        from: String,
    },
    /// It connected to a peer.
    Outgoing {
        /// The peer's id, or a URL of it.
        to: String,
    },
}

/// A kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortKind {
    /// For clients.
    Client,
    /// For members.
    Peer,
}

impl RefusedLink {
    /// The same link, whatever port it came from.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Incoming { port: one, from: a }, Self::Incoming { port: two, from: b }) => {
                one == two && host(a) == host(b)
            }
            (one, two) => one == two,
        }
    }
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

impl fmt::Display for RefusedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incoming { port, from } => {
                let port = match port {
                    Some(PortKind::Client) => " to its client port",
                    Some(PortKind::Peer) => " to its peer port",
                    None => "",
                };
                write!(f, "a connection{port} from {from}")
            }
            Self::Outgoing { to } => write!(f, "its link to {to}"),
        }
    }
}

/// What a line says of a link, if it does.
pub(super) fn read(entry: &Entry<'_>, pairs: &Pairs) -> Option<(RefusedLink, Cause)> {
    if entry.level == Level::Text && !entry.message.contains("cluster ID mismatch") {
        return None;
    }
    if let Some(rest) = entry.message.strip_prefix("rejected connection") {
        return rejected(entry, rest, pairs);
    }
    if entry.message.contains("cluster ID mismatch") {
        return other_cluster(entry);
    }
    let to = || {
        let id = entry.text("remote-member-id").or_else(|| entry.text("remote-peer-id"));
        let to = id.or_else(|| entry.text("peer-id")).or_else(|| entry.text("address"));
        RefusedLink::Outgoing { to: to.unwrap_or_default().to_owned() }
    };
    match entry.message.as_str() {
        // That a peer does not answer this yet is nothing: the first member to start hears it of
        // all others.
        "failed to get cluster response" => Some((to(), find(HANDSHAKE, entry, pairs)?)),
        "failed to reach the peer URL"
        | "prober detected unhealthy status"
        | "peer became inactive (message send to peer failed)" => {
            let cause = find(HANDSHAKE, entry, pairs).or_else(|| unreached(&entry.error))?;
            Some((to(), cause))
        }
        "rejected stream from remote peer because it was removed" => {
            let from = entry.text("remote-peer-id-from").unwrap_or_default().to_owned();
            Some((RefusedLink::Incoming { port: Some(PortKind::Peer), from }, Cause::Removed))
        }
        "failed to find remote peer in cluster" => {
            let from = entry.text("remote-peer-id-from").unwrap_or_default().to_owned();
            let link = RefusedLink::Incoming { port: Some(PortKind::Peer), from: from.clone() };
            Some((link, Cause::MemberUnknown { member: from }))
        }
        _ => None,
    }
}

/// `rejected connection on peer endpoint`, before 3.5.15 without the end.
fn rejected(entry: &Entry<'_>, rest: &str, pairs: &Pairs) -> Option<(RefusedLink, Cause)> {
    let port = match rest {
        " on client endpoint" => Some(PortKind::Client),
        " on peer endpoint" => Some(PortKind::Peer),
        _ => None,
    };
    let list = |(path, reason)| Cause::RevocationList { path: Some(path), reason };
    let cause = find(HANDSHAKE, entry, pairs)
        // Of the member's own files, certificates and keys are read at each handshake too, but
        // nothing here tells them from the list. The list alone is named in no line at the start.
        .or_else(|| unread_list(&entry.error).map(list))
        .or_else(|| find(FILES, entry, pairs));
    let from = entry.text("remote-addr").unwrap_or_default().to_owned();
    // An end or a reset says nothing: a probe, or a client that has gone.
    Some((RefusedLink::Incoming { port, from }, cause?))
}

/// Both sides say it, each for its own direction; 3.4 the second time as text.
fn other_cluster(entry: &Entry<'_>) -> Option<(RefusedLink, Cause)> {
    let text = |name: &str| entry.text(name).map(str::to_owned);
    let link = match entry.message.as_str() {
        "request cluster ID mismatch" => RefusedLink::Incoming {
            port: Some(PortKind::Peer),
            from: text("remote-peer-server-name").unwrap_or_default(),
        },
        // 3.4: "(cluster ID mismatch: remote[52b9…]=eda5…, local=c8a6…)"
        message if message.contains("remote[") => {
            let to = between(message, "remote[", "]").unwrap_or_default().to_owned();
            let theirs = between(message, "]=", ",").unwrap_or_default().to_owned();
            let ours = between(message, "local=", ")").unwrap_or_default().to_owned();
            return Some((RefusedLink::Outgoing { to }, Cause::ClusterMismatch { ours, theirs }));
        }
        _ => RefusedLink::Outgoing { to: text("remote-peer-id").unwrap_or_default() },
    };
    let cause = Cause::ClusterMismatch {
        ours: text("local-member-cluster-id").unwrap_or_default(),
        theirs: text("remote-peer-cluster-id").unwrap_or_default(),
    };
    Some((link, cause))
}

/// Why a dial failed below or without words of TLS; `None` for what is no refusal, such as a stream
/// that ended.
fn unreached(error: &str) -> Option<Cause> {
    const REASONS: [&str; 7] = [
        "connection refused",
        "no such host",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "server misbehaving",
        "connection timed out",
    ];
    if let Some(reason) = REASONS.into_iter().find(|reason| error.contains(reason)) {
        return Some(Cause::PeerUnreachable { reason: reason.to_owned() });
    }
    // `Get "https://…": EOF`, `failed to dial 52b9… on stream Message (EOF)`: closed once the
    // handshake was over, as by a revocation list.
    let closed = error.ends_with("\": EOF")
        || error.starts_with("failed to dial") && error.ends_with("(EOF)");
    closed.then(|| Cause::RefusedThere { alert: "EOF".to_owned() })
}

/// What Go and etcd say of a handshake, from either side.
const HANDSHAKE: &[Phrase] = &[
    Phrase {
        words: "tls: client didn't provide a certificate",
        cause: |_| Cause::CertificateDemanded,
    },
    Phrase { words: "certificate required", cause: |_| Cause::CertificateDemanded },
    // Before the words of what was found here: the other side's are all alike.
    // OpenSSL 3.0 sends its alert of TLS 1.3 so that Go cannot read it (measured with curl, which
    // does not trust the member).
    Phrase {
        words: "local error: tls: bad record MAC",
        cause: |_| Cause::RefusedThere { alert: "bad record MAC".to_owned() },
    },
    Phrase {
        words: "remote error: tls: ",
        cause: |said| {
            let alert = said.after.trim_end_matches([')', '"']).to_owned();
            match alert.as_str() {
                "protocol version not supported" => Cause::TlsVersionMismatch,
                "handshake failure" => Cause::CipherSuiteMismatch,
                _ => Cause::RefusedThere { alert },
            }
        },
    },
    Phrase { words: "certificate signed by unknown authority", cause: |_| Cause::UnknownAuthority },
    Phrase {
        words: "certificate specifies an incompatible key usage",
        cause: |_| Cause::WrongUsage,
    },
    Phrase { words: "has expired or is not yet valid", cause: dates },
    Phrase {
        words: "transport: certificate serial ",
        cause: |said| Cause::Revoked { serial: said.word() },
    },
    Phrase { words: "client certificate authentication failed", cause: |_| Cause::NameNotAllowed },
    Phrase {
        words: " does not match any of DNSNames ",
        cause: |said| Cause::PeerAddressNotNamed {
            address: quoted(said.before).unwrap_or_default(),
            names: each_quoted(said.after),
        },
    },
    Phrase { words: "x509: certificate is valid for ", cause: other_names },
    Phrase {
        words: "x509: cannot validate certificate for ",
        cause: |said| host_not_named(said, said.word(), Vec::new()),
    },
    Phrase { words: "relies on legacy Common Name field", cause: |_| Cause::NoNames },
    Phrase { words: "x509: certificate is not valid for any names", cause: |_| Cause::NoNames },
    Phrase { words: "first record does not look like a TLS handshake", cause: not_tls },
    Phrase { words: "server gave HTTP response to HTTPS client", cause: |_| Cause::TlsToPlain },
    Phrase { words: "malformed HTTP response", cause: |_| Cause::PlainToTls },
    Phrase {
        words: "tls: client offered only unsupported versions",
        cause: |_| Cause::TlsVersionMismatch,
    },
    Phrase {
        words: "tls: server selected unsupported protocol version",
        cause: |_| Cause::TlsVersionMismatch,
    },
    Phrase { words: "no cipher suite supported by both", cause: |_| Cause::CipherSuiteMismatch },
];

/// `…: current time 2026-11-22T10:21:04Z is after 2026-11-21T10:05:08Z`, or `is before`.
fn dates(said: &Said<'_>) -> Cause {
    let time = |words: &str| -> Option<(String, String)> {
        let (now, limit) = said.after.split_once(words)?;
        let now = now.rsplit(' ').next()?.to_owned();
        let limit = limit.split([' ', ')', '"']).next()?.to_owned();
        Some((now, limit))
    };
    match (time(" is before "), time(" is after ")) {
        (Some((now, from)), _) => Cause::NotYetValid { now, from },
        (None, Some((now, since))) => Cause::Expired { now, since },
        (None, None) => Cause::Expired { now: String::new(), since: String::new() },
    }
}

/// `x509: certificate is valid for a.example, 10.9.9.9, not 127.0.0.1`.
fn other_names(said: &Said<'_>) -> Cause {
    let (names, host) = said.after.rsplit_once(", not ").unwrap_or((said.after, ""));
    let host = host.split([' ', ')', '"']).next().unwrap_or_default().to_owned();
    host_not_named(said, host, names.split(", ").map(str::to_owned).collect())
}

/// A member looks in the certificate of who dials it for the address that it dials from; who dials
/// looks for the host of the URL.
fn host_not_named(said: &Said<'_>, host: String, names: Vec<String>) -> Cause {
    if said.entry.message.starts_with("rejected connection") {
        Cause::PeerAddressNotNamed { address: host, names }
    } else {
        Cause::HostNotNamed { host, names }
    }
}

/// A member says it of who connects, and a dialler of who answers.
fn not_tls(said: &Said<'_>) -> Cause {
    if said.entry.message.starts_with("rejected connection") {
        Cause::PlainToTls
    } else {
        Cause::TlsToPlain
    }
}

fn each_quoted(text: &str) -> Vec<String> {
    let list = text.split(']').next().unwrap_or_default();
    list.split_whitespace().filter_map(quoted).collect()
}
