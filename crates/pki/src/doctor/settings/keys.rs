//! The keys of etcd's configuration file, and the flags that they stand for.

use crate::etcd::{Flag, Version};

/// The two maps in the file that hold TLS settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Client,
    Peer,
}

impl Section {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Client => "client-transport-security",
            Self::Peer => "peer-transport-security",
        }
    }

    /// The map of the same that Go's names make. It has no documentation, and is the only way to
    /// a revocation list from a file. Measured on 3.4.23, 3.5.1, 3.6.14 and 3.7.1.
    pub(super) const fn go_key(self) -> &'static str {
        match self {
            Self::Client => "ClientTLSInfo",
            Self::Peer => "PeerTLSInfo",
        }
    }
}

/// A key in one of the sections: its name, the names by which its value is kept (the flag's, where
/// there is a flag), the kind of value, and the first releases that have it.
pub(super) struct SectionKey {
    pub(super) key: &'static str,
    client: &'static str,
    peer: &'static str,
    kind: Kind,
    since: Since,
}

/// What JSON has to have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Text,
    List,
    /// And what Go calls the number.
    Number(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Since {
    Always,
    V3_5,
    /// 3.5.14 and 3.6.
    Lists,
    V3_6,
}

use Since::{Always, Lists, V3_5, V3_6};

impl SectionKey {
    pub(super) fn flag(&self, section: Section) -> &'static str {
        match section {
            Section::Client => self.client,
            Section::Peer => self.peer,
        }
    }

    pub(super) fn is_in(&self, version: Version) -> bool {
        let first = match self.since {
            Always => return true,
            V3_5 => Version::new(3, 5, 0),
            Lists => Version::new(3, 5, 14),
            V3_6 => Version::new(3, 6, 0),
        };
        version >= first
    }

    /// What JSON has to have there.
    pub(super) fn kind(&self, version: Version) -> Kind {
        match self.kind {
            // The names were one text in the release that had them first.
            Kind::List if version == Version::new(3, 5, 14) => Kind::Text,
            kind => kind,
        }
    }

    pub(super) const fn versions(&self) -> &'static str {
        match self.since {
            Always => "all",
            V3_5 => "from 3.5.0 on",
            Lists => "from 3.5.14 on",
            V3_6 => "from 3.6.0 on",
        }
    }
}

const fn key(
    key: &'static str,
    client: &'static str,
    peer: &'static str,
    kind: Kind,
    since: Since,
) -> SectionKey {
    SectionKey { key, client, peer, kind, since }
}

/// `securityConfig` of `embed/config.go`, in every release from 3.4.0 to 3.7.1.
#[rustfmt::skip]
pub(super) const SECTION_KEYS: &[SectionKey] = &[
    key("allowed-cn", "cert-allowed-cn", "peer-cert-allowed-cn", Kind::List, Lists),
    key("allowed-hostname", "client-cert-allowed-hostname", "peer-cert-allowed-hostname", Kind::List, Lists),
    key("auto-tls", "auto-tls", "peer-auto-tls", Kind::Boolean, Always),
    key("cert-file", "cert-file", "peer-cert-file", Kind::Text, Always),
    key("client-cert-auth", "client-cert-auth", "peer-client-cert-auth", Kind::Boolean, Always),
    key("client-cert-file", "client-cert-file", "peer-client-cert-file", Kind::Text, V3_5),
    key("client-key-file", "client-key-file", "peer-client-key-file", Kind::Text, V3_5),
    key("key-file", "key-file", "peer-key-file", Kind::Text, Always),
    // Only peers are ever asked for it.
    key("skip-client-san-verification", "skip-client-san-verification", "peer-skip-client-san-verification", Kind::Boolean, V3_6),
    key("trusted-ca-file", "trusted-ca-file", "peer-trusted-ca-file", Kind::Text, Always),
];

/// Where a file says what `flag` says, if it can.
pub(super) fn path_of(flag: &str) -> Option<String> {
    for (section, revoked) in
        [(Section::Client, "client-crl-file"), (Section::Peer, "peer-crl-file")]
    {
        if let Some(key) = SECTION_KEYS.iter().find(|key| key.flag(section) == flag) {
            return Some(format!("{}.{}", section.key(), key.key));
        }
        if flag == revoked {
            return Some(format!("{}.CRLFile", section.go_key()));
        }
    }
    match flag {
        "socket-reuse-port" | "socket-reuse-address" => {
            Some(format!("socket-options.{}", &flag["socket-".len()..]))
        }
        "experimental-snapshot-catchup-entries" => {
            Some("experimental-snapshot-catch-up-entries".to_owned())
        }
        _ if NO_KEY.contains(&flag) => None,
        _ => match flag.strip_prefix("discovery-") {
            Some(rest) if !matches!(rest, "srv" | "srv-name" | "proxy" | "fallback") => {
                Some("discovery-config".to_owned())
            }
            _ => Some(flag.to_owned()),
        },
    }
}

/// Flags that no key stands for.
const NO_KEY: &[&str] = &["config-file", "raft-read-timeout", "raft-write-timeout", "version"];

/// Whether the file of `version` has a key of this flag's name at its top.
pub(super) fn is_top_key(flag: &Flag, version: Version) -> bool {
    let name = flag.name();
    let is_minor = |minor| version.minor() == minor;
    flag.is_in(version)
        && path_of(name).is_some_and(|path| path == name)
        && flag.kind() != crate::etcd::FlagKind::Ignored
        && match name {
            "discovery-fallback" => version.minor() <= 5,
            "experimental-peer-skip-client-san-verification" => is_minor(6),
            "self-signed-cert-validity" => version > Version::new(3, 5, 0),
            _ => true,
        }
}

/// Keys that are no flag's and that are read, but not here: nothing of TLS is in them; and those
/// that etcd's own sample file still sets though etcd has dropped them. The last ones are names of
/// Go's, which its JSON takes in any case of letters.
pub(super) fn is_other_key(key: &str) -> bool {
    const OTHERS: &[&str] = &[
        "discovery-config",
        "discovery-fallback",
        "proxy-dial-timeout",
        "proxy-failure-wait",
        "proxy-read-timeout",
        "proxy-refresh-interval",
        "proxy-write-timeout",
        "experimental-snapshot-catch-up-entries",
        "grpc-additional-server-options",
        "socket-options",
        "socketopts",
        "cors",
        "hostwhitelist",
        "fallback",
        "proxy",
        "snapshotcatchupentries",
        "selfsignedcertvalidity",
    ];
    OTHERS.contains(&key.to_ascii_lowercase().as_str())
}

/// What JSON has to have under a key of this flag's name.
pub(super) fn kind(flag: &Flag) -> Kind {
    use crate::etcd::FlagKind;
    match (flag.name(), flag.kind()) {
        ("cipher-suites" | "log-outputs" | "log-output", _) => Kind::List,
        ("max-concurrent-streams", _) => Kind::Number("uint32"),
        ("snapshot-count" | "snapshot-catchup-entries", _) => Kind::Number("uint64"),
        ("quota-backend-bytes", _) => Kind::Number("int64"),
        (_, FlagKind::Boolean) => Kind::Boolean,
        (_, FlagKind::Unsigned) => Kind::Number("uint"),
        (_, FlagKind::Signed) => Kind::Number("int"),
        (_, FlagKind::Duration) => Kind::Number("time.Duration"),
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_a_place_in_the_file() {
        for (flag, path) in [
            ("name", Some("name")),
            ("cert-file", Some("client-transport-security.cert-file")),
            ("peer-client-cert-auth", Some("peer-transport-security.client-cert-auth")),
            ("peer-cert-allowed-cn", Some("peer-transport-security.allowed-cn")),
            ("client-crl-file", Some("ClientTLSInfo.CRLFile")),
            ("socket-reuse-port", Some("socket-options.reuse-port")),
            ("discovery-token", Some("discovery-config")),
            ("config-file", None),
        ] {
            assert_eq!(path_of(flag).as_deref(), path, "{flag}");
        }
    }
}
