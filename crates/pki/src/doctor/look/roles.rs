//! What a file is for, by its name.

use std::path::{Path, PathBuf};

/// A kind of file, by the end of its name, and the name without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate(String),
    Key(String),
    RevocationList,
}

/// What `path` is; nothing if it is none of ours.
///
/// openssl's habit, kubeadm's and our own: `x.crt` and `x.key`; cfssl's: `x.pem` and `x-key.pem`.
pub(super) fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let stem = |end: &str| Some(name[..name.len() - end.len()].to_owned());
    for end in ["-key.pem", "_key.pem", ".key.pem", ".key"] {
        if lower.ends_with(end) {
            return stem(end).map(Kind::Key);
        }
    }
    if lower.ends_with(".crl") || lower.ends_with("crl.pem") || lower.ends_with("crl.der") {
        return Some(Kind::RevocationList);
    }
    for end in [".crt", ".cert", ".cer", ".pem"] {
        if lower.ends_with(end) {
            return match lower.as_str() {
                "key.pem" => Some(Kind::Key(String::new())),
                _ => stem(end).map(Kind::Certificate),
            };
        }
    }
    None
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An authority for all that has none of its own.
    Authority,
    /// An authority of peers only.
    PeerAuthority,
    /// What clients meet, and peers where there is nothing for them.
    Server,
    /// What peers meet.
    Peer,
    /// A client's.
    Client,
    /// A member's, for peers, and for clients where there is nothing for them: cfssl's guides name
    /// such a file after the member.
    Member,
}

/// The role of a certificate named so (without its ending).
pub(super) fn role(stem: &str) -> Option<Role> {
    let stem = stem.to_ascii_lowercase().replace('_', "-");
    let plain = stem.strip_prefix("etcd-").unwrap_or(&stem);
    match plain {
        "ca" | "root" | "root-ca" | "rootca" | "cacert" | "ca-cert" | "ca-bundle" | "server-ca"
        | "client-ca" => Some(Role::Authority),
        "peer-ca" | "peerca" => Some(Role::PeerAuthority),
        "server" | "etcd" => Some(Role::Server),
        "peer" => Some(Role::Peer),
        "client" | "healthcheck-client" | "etcdctl" => Some(Role::Client),
        // kubeadm's, beside its directory for etcd.
        _ if stem == "apiserver-etcd-client" => Some(Role::Client),
        _ if plain.ends_with("-client") || plain.starts_with("client-") => Some(Role::Client),
        _ if is_numbered(plain) || (is_numbered(&stem)) => Some(Role::Member),
        _ => None,
    }
}

/// `member1`, `infra-2`, `etcd3`, `m1`, `node0`.
fn is_numbered(stem: &str) -> bool {
    let word = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() < stem.len()
        && matches!(
            word.trim_end_matches('-'),
            "member" | "infra" | "etcd" | "m" | "node" | "master" | "machine" | "host"
        )
}

/// A certificate, and its key where there is one.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) stem: String,
    pub(super) certificate: PathBuf,
    pub(super) key: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_ends() {
        let kind = |name: &str| kind(Path::new(name));
        assert_eq!(kind("a/server.crt"), Some(Kind::Certificate("server".to_owned())));
        assert_eq!(kind("server.key"), Some(Kind::Key("server".to_owned())));
        assert_eq!(kind("member1-key.pem"), Some(Kind::Key("member1".to_owned())));
        assert_eq!(kind("member1.pem"), Some(Kind::Certificate("member1".to_owned())));
        assert_eq!(kind("crl.pem"), Some(Kind::RevocationList));
        for name in ["server.csr", "ca.srl", "README.md", "..", ""] {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn roles_are_known_by_names() {
        for (stem, wanted) in [
            ("ca", Some(Role::Authority)),
            ("etcd-ca", Some(Role::Authority)),
            ("server", Some(Role::Server)),
            ("etcd", Some(Role::Server)),
            ("peer", Some(Role::Peer)),
            ("client", Some(Role::Client)),
            ("apiserver-etcd-client", Some(Role::Client)),
            ("member1", Some(Role::Member)),
            ("etcd-2", Some(Role::Member)),
            ("infra0", Some(Role::Member)),
            ("something", None),
        ] {
            assert_eq!(role(stem), wanted, "{stem}");
        }
    }
}
