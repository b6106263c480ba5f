//! Which certificate and key a member's complaint is about: etcd does not say it, but it has told
//! before what it starts with.

use std::path::PathBuf;

use super::entry::Entry;
use super::phrase::between;

/// What a log has told of the files of TLS so far, and how far the start is.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    peer: Option<Files>,
    client: Option<Files>,
    past_peer_listeners: bool,
}

/// The files of one kind of link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) authorities: Option<PathBuf>,
}

impl Pairs {
    pub(super) fn take_in(&mut self, entry: &Entry<'_>) {
        match entry.message.as_str() {
            "starting with peer TLS" => self.peer = entry.text("tls-info").map(Files::read),
            "starting with client TLS" => self.client = entry.text("tls-info").map(Files::read),
            "configuring client listeners" => self.past_peer_listeners = true,
            _ => {}
        }
    }

    /// The files that a line complains of. Those for peers are read when the listeners for them are
    /// made, those for clients once the member serves (`embed/etcd.go`).
    pub(super) fn of(&self, entry: &Entry<'_>) -> Option<&Files> {
        match entry.message.as_str() {
            "creating peer listener failed" => self.peer.as_ref(),
            "listener failed" | "rejected connection on client endpoint" => self.client.as_ref(),
            "rejected connection on peer endpoint" => self.peer.as_ref(),
            "discovery failed" if !self.past_peer_listeners => self.peer.as_ref(),
            _ => None,
        }
    }
}

impl Files {
    /// Reads `cert = A, key = B, …, trusted-ca = C, client-cert-auth = …` (`TLSInfo.String` in
    /// `transport/listener.go`).
    fn read(text: &str) -> Self {
        let path = |before, after| {
            between(text, before, after).filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        // From 3.5 on, the files of the outgoing certificate stand between.
        let key_end =
            if text.contains(", client-cert=") { ", client-cert=" } else { ", trusted-ca = " };
        Self {
            certificate: path("cert = ", ", key = "),
            key: path(", key = ", key_end),
            authorities: path(", trusted-ca = ", ", client-cert-auth = "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_files() {
        let files = Files {
            certificate: Some("/pki/a, b/peer.crt".into()),
            key: Some("/pki/peer.key".into()),
            authorities: Some("/pki/ca.crt".into()),
        };
        for middle in ["", "client-cert=, client-key=, "] {
            let text = format!(
                "cert = /pki/a, b/peer.crt, key = /pki/peer.key, {middle}trusted-ca = /pki/ca.crt, \
                 client-cert-auth = true, crl-file = "
            );
            assert_eq!(Files::read(&text), files);
        }
        assert_eq!(Files::read("anything"), Files::default());
    }
}
