//! The keys of etcd's configuration file, and the flags that they stand for.

use crate::etcd::{CRL_FILE, Flag, SECTION_KEYS, Section, Version};

/// Where a file says what `flag` says, if it can.
pub(super) fn path_of(flag: &str) -> Option<String> {
    for section in [Section::Client, Section::Peer] {
        if let Some(key) = SECTION_KEYS.iter().find(|key| key.flag(section) == flag) {
            return Some(format!("{}.{}", section.key(), key.key));
        }
        if flag == section.revocation_flag() {
            return Some(format!("{}.{CRL_FILE}", section.go_key()));
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
    flag.file_key(version).is_some_and(|key| key.path == [flag.name()])
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
