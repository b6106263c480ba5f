//! Where a configuration file (`--config-file`) says what a flag says.
//!
//! Read from `embed/config.go` of every release from 3.4.0 to 3.7.1 (`configYAML`, `configJSON`,
//! `securityConfig`, `copySecurityDetails`), and what it embeds: `transport.TLSInfo`,
//! `transport.SocketOpts`, `v3discovery.DiscoveryConfig`. Go's JSON takes the name of a field that
//! has no name for files, in any case of letters: that is how some things are said that etcd has no
//! documentation for.

use super::{Flag, FlagKind, Version};

/// A place in a configuration file, and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileKey {
    /// The key, and before it those of the maps that it is in: `["peer-transport-security",
    /// "cert-file"]`.
    pub path: Vec<&'static str>,
    /// What is written there.
    pub kind: FileKind,
}

/// What a configuration file has as the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// `true` or `false`.
    Boolean,
    /// A text.
    Text,
    /// A list of texts, where a flag has commas.
    List,
    /// A number; and what Go calls it. A time is one in nanoseconds.
    Number(&'static str),
}

impl Flag {
    /// Where the configuration file of an etcd of `version` says this; nowhere for a flag that the
    /// version has not got, that means nothing, or that files have no word for.
    #[must_use]
    pub fn file_key(&self, version: Version) -> Option<FileKey> {
        if !self.is_in(version) || self.kind() == FlagKind::Ignored {
            return None;
        }
        let at = |path: &[&'static str], kind| Some(FileKey { path: path.to_vec(), kind });
        for section in [Section::Client, Section::Peer] {
            let has_flag = |key: &&SectionKey| key.flag(section) == self.name();
            if let Some(key) = SECTION_KEYS.iter().find(has_flag) {
                if key.is_in(version) {
                    return at(&[section.key(), key.key], key.kind(version));
                }
                // What the section has no key for, it does not overwrite.
                return at(&[section.go_key(), key.go_field?], key.kind_alone());
            }
            if section.revocation_flag() == self.name() {
                return at(&[section.go_key(), CRL_FILE], FileKind::Text);
            }
        }
        let kind = self.file_kind();
        match self.name() {
            "config-file" | "raft-read-timeout" | "raft-write-timeout" | "version" => None,
            "socket-reuse-port" => socket(version, "reuse-port", "ReusePort"),
            "socket-reuse-address" => socket(version, "reuse-address", "ReuseAddress"),
            "self-signed-cert-validity" if version == Version::new(3, 5, 0) => {
                at(&["SelfSignedCertValidity"], kind)
            }
            // From 3.6 on the proxy that it speaks of is gone.
            "discovery-fallback" if version.minor() > 5 => None,
            // 3.6 looks for the flag's name among those that were said, and the key has another.
            "experimental-snapshot-catchup-entries" => (version.minor() == 5)
                .then(|| at(&["experimental-snapshot-catch-up-entries"], kind))
                .flatten(),
            // Before, only the flag of peers was there, and not its key.
            "experimental-peer-skip-client-san-verification" if version.minor() < 6 => {
                at(&[Section::Peer.go_key(), SKIP_CLIENT_SAN_VERIFY], kind)
            }
            "discovery" | "discovery-proxy" | "discovery-srv" | "discovery-srv-name"
            | "discovery-fallback" => at(&[self.name()], kind),
            "discovery-token" => at(&[DISCOVERY, "token"], kind),
            "discovery-endpoints" => at(&[DISCOVERY, "client", "endpoints"], FileKind::List),
            "discovery-user" => at(&[DISCOVERY, "client", "auth", "username"], kind),
            "discovery-password" => at(&[DISCOVERY, "client", "auth", "password"], kind),
            name => match name.strip_prefix("discovery-") {
                None => at(&[name], kind),
                Some(
                    secure @ ("cacert"
                    | "cert"
                    | "key"
                    | "insecure-transport"
                    | "insecure-skip-tls-verify"),
                ) => at(&[DISCOVERY, "client", "secure", secure], kind),
                Some(client) => at(&[DISCOVERY, "client", client], kind),
            },
        }
    }

    /// What JSON has to have under a key of this flag's name.
    pub(crate) fn file_kind(&self) -> FileKind {
        match (self.name(), self.kind()) {
            ("cipher-suites" | "log-outputs" | "log-output", _) => FileKind::List,
            ("max-concurrent-streams", _) => FileKind::Number("uint32"),
            (
                "snapshot-count"
                | "snapshot-catchup-entries"
                | "experimental-snapshot-catchup-entries",
                _,
            ) => FileKind::Number("uint64"),
            ("quota-backend-bytes", _) => FileKind::Number("int64"),
            (_, FlagKind::Boolean) => FileKind::Boolean,
            (_, FlagKind::Unsigned) => FileKind::Number("uint"),
            (_, FlagKind::Signed) => FileKind::Number("int"),
            (_, FlagKind::Duration) => FileKind::Number("time.Duration"),
            _ => FileKind::Text,
        }
    }
}

/// What a configuration file has to say for its etcd to be what the same flags make of it: defaults
/// of flags that are none of files in some versions (`embed.NewConfig`), and do no harm in the
/// others. With files, 3.4 has no gateway, and 3.4 and 3.5 no mode of compaction: measured on 3.4.23,
/// 3.5.1 and 3.5.30.
pub const DEFAULTS_NOT_OF_FILES: [(&str, &str); 3] = [
    ("enable-grpc-gateway", "true"),
    ("auto-compaction-mode", "periodic"),
    ("auto-compaction-retention", "0"),
];

const DISCOVERY: &str = "discovery-config";

/// Of Go's name in both sections.
pub(crate) const CRL_FILE: &str = "CRLFile";

/// Of Go's name for the section of peers.
pub(crate) const SKIP_CLIENT_SAN_VERIFY: &str = "SkipClientSANVerify";

/// The options had no names for files before 3.5.10.
fn socket(version: Version, key: &'static str, field: &'static str) -> Option<FileKey> {
    let path = if version < Version::new(3, 5, 10) {
        vec!["SocketOpts", field]
    } else {
        vec!["socket-options", key]
    };
    Some(FileKey { path, kind: FileKind::Boolean })
}

/// The two maps in the file that hold TLS settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Client,
    Peer,
}

impl Section {
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Client => "client-transport-security",
            Self::Peer => "peer-transport-security",
        }
    }

    /// The map of the same that Go's names make. It has no documentation, and is the only way to
    /// a revocation list from a file. Measured on 3.4.23, 3.5.1, 3.6.14 and 3.7.1.
    pub(crate) const fn go_key(self) -> &'static str {
        match self {
            Self::Client => "ClientTLSInfo",
            Self::Peer => "PeerTLSInfo",
        }
    }

    pub(crate) const fn revocation_flag(self) -> &'static str {
        match self {
            Self::Client => "client-crl-file",
            Self::Peer => "peer-crl-file",
        }
    }
}

/// A key in one of the sections: its name, the names by which its value is kept (the flag's, where
/// there is a flag), the kind of value, and the first releases that have it.
pub(crate) struct SectionKey {
    pub(crate) key: &'static str,
    client: &'static str,
    peer: &'static str,
    kind: FileKind,
    since: Since,
    /// What Go calls it, where that is a way before there was the key.
    pub(crate) go_field: Option<&'static str>,
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
    pub(crate) fn flag(&self, section: Section) -> &'static str {
        match section {
            Section::Client => self.client,
            Section::Peer => self.peer,
        }
    }

    pub(crate) fn is_in(&self, version: Version) -> bool {
        let first = match self.since {
            Always => return true,
            V3_5 => Version::new(3, 5, 0),
            Lists => Version::new(3, 5, 14),
            V3_6 => Version::new(3, 6, 0),
        };
        version >= first
    }

    /// What JSON has to have there.
    pub(crate) fn kind(&self, version: Version) -> FileKind {
        match self.kind {
            // The names were one text in the release that had them first.
            FileKind::List if version == Version::new(3, 5, 14) => FileKind::Text,
            kind => kind,
        }
    }

    /// The same under Go's name, before there was the key: a list was one text.
    pub(crate) fn kind_alone(&self) -> FileKind {
        match self.kind {
            FileKind::List => FileKind::Text,
            kind => kind,
        }
    }

    #[cfg(feature = "read")]
    pub(crate) const fn versions(&self) -> &'static str {
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
    kind: FileKind,
    since: Since,
) -> SectionKey {
    SectionKey { key, client, peer, kind, since, go_field: None }
}

impl SectionKey {
    const fn called(mut self, go_field: &'static str) -> Self {
        self.go_field = Some(go_field);
        self
    }
}

/// `securityConfig` of `embed/config.go`, in every release from 3.4.0 to 3.7.1.
#[rustfmt::skip]
pub(crate) const SECTION_KEYS: &[SectionKey] = &[
    key("allowed-cn", "cert-allowed-cn", "peer-cert-allowed-cn", FileKind::List, Lists).called("AllowedCN"),
    key("allowed-hostname", "client-cert-allowed-hostname", "peer-cert-allowed-hostname", FileKind::List, Lists).called("AllowedHostname"),
    key("auto-tls", "auto-tls", "peer-auto-tls", FileKind::Boolean, Always),
    key("cert-file", "cert-file", "peer-cert-file", FileKind::Text, Always),
    key("client-cert-auth", "client-cert-auth", "peer-client-cert-auth", FileKind::Boolean, Always),
    key("client-cert-file", "client-cert-file", "peer-client-cert-file", FileKind::Text, V3_5),
    key("client-key-file", "client-key-file", "peer-client-key-file", FileKind::Text, V3_5),
    key("key-file", "key-file", "peer-key-file", FileKind::Text, Always),
    // Only peers are ever asked for it.
    key("skip-client-san-verification", "skip-client-san-verification", "peer-skip-client-san-verification", FileKind::Boolean, V3_6),
    key("trusted-ca-file", "trusted-ca-file", "peer-trusted-ca-file", FileKind::Text, Always),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn place(flag: &str, version: &str) -> String {
        let key = Flag::named(flag).unwrap().file_key(version.parse().unwrap());
        key.map_or_else(
            || "nowhere".to_owned(),
            |key| format!("{}: {:?}", key.path.join("."), key.kind),
        )
    }

    #[test]
    fn a_flag_has_its_place_in_the_file_of_each_version() {
        let places = |flag: &str, versions: &[&str]| {
            let all = versions.iter().map(|version| format!("{version} {}", place(flag, version)));
            all.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(places("name", &["3.4.0", "3.7.1"]), @r"
        3.4.0 name: Text
        3.7.1 name: Text
        ");
        insta::assert_snapshot!(places("socket-reuse-port", &["3.4.45", "3.5.9", "3.5.10"]), @r"
        3.4.45 nowhere
        3.5.9 SocketOpts.ReusePort: Boolean
        3.5.10 socket-options.reuse-port: Boolean
        ");
        insta::assert_snapshot!(
            places("peer-cert-allowed-cn", &["3.4.0", "3.5.13", "3.5.14", "3.5.15", "3.6.0"]), @r"
        3.4.0 PeerTLSInfo.AllowedCN: Text
        3.5.13 PeerTLSInfo.AllowedCN: Text
        3.5.14 peer-transport-security.allowed-cn: Text
        3.5.15 peer-transport-security.allowed-cn: List
        3.6.0 peer-transport-security.allowed-cn: List
        ");
        let skip = "experimental-peer-skip-client-san-verification";
        insta::assert_snapshot!(places(skip, &["3.4.0", "3.5.33", "3.6.0", "3.7.0"]), @r"
        3.4.0 PeerTLSInfo.SkipClientSANVerify: Boolean
        3.5.33 PeerTLSInfo.SkipClientSANVerify: Boolean
        3.6.0 experimental-peer-skip-client-san-verification: Boolean
        3.7.0 nowhere
        ");
        insta::assert_snapshot!(places("client-crl-file", &["3.4.0", "3.7.1"]), @r"
        3.4.0 ClientTLSInfo.CRLFile: Text
        3.7.1 ClientTLSInfo.CRLFile: Text
        ");
        let catchup = "experimental-snapshot-catchup-entries";
        insta::assert_snapshot!(places(catchup, &["3.5.13", "3.5.14", "3.6.0"]), @r#"
        3.5.13 nowhere
        3.5.14 experimental-snapshot-catch-up-entries: Number("uint64")
        3.6.0 nowhere
        "#);
        insta::assert_snapshot!(places("discovery-insecure-transport", &["3.5.33", "3.6.0"]), @r"
        3.5.33 nowhere
        3.6.0 discovery-config.client.secure.insecure-transport: Boolean
        ");
        insta::assert_snapshot!(place("discovery-keepalive-time", "3.6.0"), @r#"discovery-config.client.keepalive-time: Number("time.Duration")"#);
        insta::assert_snapshot!(place("raft-read-timeout", "3.7.1"), @"nowhere");
        insta::assert_snapshot!(place("self-signed-cert-validity", "3.5.0"), @r#"SelfSignedCertValidity: Number("uint")"#);
    }
}
