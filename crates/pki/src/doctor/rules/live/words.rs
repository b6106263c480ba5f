//! Words for what ports do.

use super::super::super::live::AnswerCase;
use super::super::words::command;
use crate::doctor::{Port, Rule, Url};

/// `127.0.0.1:2379`, `[::1]:2379`.
pub(super) fn host_and_port(url: &Url) -> String {
    let port = url.port.unwrap_or_default();
    if url.host.contains(':') {
        format!("[{}]:{port}", url.host)
    } else {
        format!("{}:{port}", url.host)
    }
}

/// The flag that says where such ports are.
pub(super) fn listen_setting(seen: &AnswerCase<'_>) -> &'static str {
    match seen.answer.port {
        Port::Client => "--listen-client-urls",
        Port::Peer => "--listen-peer-urls",
    }
}

pub(super) fn with_scheme(url: &Url, scheme: &str) -> String {
    Url { scheme: scheme.to_owned(), ..url.clone() }.to_string()
}

/// `text` with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `text` without its capital letter.
pub(super) fn clause(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// A command that shows whether anything comes back.
pub(super) fn connect(url: &Url) -> String {
    format!("openssl s_client -connect {} </dev/null", shell(&host_and_port(url)))
}

/// A command that names the process.
pub(super) fn who_listens(url: &Url) -> String {
    let port = url.port.unwrap_or_default();
    command(
        "look there who listens, and what it was started with",
        &format!("ss -ltnp 'sport = :{port}'"),
        "",
    )
}

fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{text}'") }
}

/// What to do about a certificate of which no file is known here.
pub(super) fn mend(rule: Rule) -> &'static str {
    match rule {
        Rule::Expired => "issue it again; etcd reads it for each connection, without a restart",
        Rule::NotYetValid => {
            "compare the clocks (date -u) of the machine that issued it, of the members and of \
             their clients; if they agree, issue it again, beginning five minutes ago"
        }
        Rule::AuthorityExpired => {
            "renew the authority with the key that it has, and restart the members, one at a time"
        }
        Rule::NoNames | Rule::HostNotNamed | Rule::AddressAsName => {
            "issue it again with that host among its names (subjectAltName), an address typed as \
             IP; or dial one of the names that it has"
        }
        Rule::WrongAuthority => {
            "issue it with an authority that the other side trusts; or let that side trust its \
             authority as well, and restart it if it is a member"
        }
        Rule::AuthorityRegenerated => {
            "let the other side trust both authorities of that name, and restart it if it is a \
             member; or issue the certificate again with the one that is trusted"
        }
        Rule::ClientNotClient => "issue it again with clientAuth among its extended key usages",
        Rule::PeerUsageMissing => {
            "issue it again with serverAuth and clientAuth among its extended key usages"
        }
        Rule::ServerNotServer => {
            "issue it again with serverAuth and clientAuth among its extended key usages"
        }
        Rule::PeerAddressNotNamed => {
            "issue it again with the address that its member dials from among its IP names"
        }
        Rule::PeerNotAllowed => {
            "issue it again with one of the names that are let in, or add its own to them \
             (--peer-cert-allowed-cn, --peer-cert-allowed-hostname, \
             --client-cert-allowed-hostname)"
        }
        Rule::Revoked => {
            "issue another; a certificate that is not meant to be revoked goes off the list with \
             the next one that the authority signs"
        }
        Rule::RevocationList => "write a list that etcd can read: DER, signed by the authority",
        Rule::ClientCertificateDemanded => {
            "give the client --cert and --key: a certificate that is for clients (clientAuth), \
             from an authority that the member trusts"
        }
        Rule::ProtocolMismatch => {
            "compare --cipher-suites, --tls-min-version and --tls-max-version with what those speak \
             who dial it"
        }
        Rule::KeyMismatch => {
            "give the member the key of that certificate, or the certificate of that key"
        }
        Rule::FileMissing | Rule::FileUnusable | Rule::KeyEncrypted => {
            "put a certificate and its key, as PEM and not encrypted, where its settings say"
        }
        _ => "look at the page of the rule",
    }
}
