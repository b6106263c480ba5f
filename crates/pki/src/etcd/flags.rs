//! Every flag of every supported etcd: the one table of names, kinds and versions.

use super::Version;

/// A flag of etcd, which is also a variable of its environment and mostly a key of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    name: &'static str,
    kind: FlagKind,
    since: Since,
}

/// What etcd reads as the value of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlagKind {
    /// True or false. The value is written after an `=` or not at all.
    Boolean,
    /// Accepted, with or without a value, and without any effect.
    Ignored,
    /// Any text; some are checked later.
    Text,
    /// URLs with commas between them.
    Urls,
    /// A whole number from 0 on.
    Unsigned,
    /// A whole number.
    Signed,
    /// A time with its unit, such as `500ms`.
    Duration,
}

use FlagKind::{Boolean, Duration, Ignored, Signed, Text, Unsigned, Urls};

impl Flag {
    /// All flags of the versions that are supported, and those that the version before them had
    /// and that tutorials still name, in the order of their names.
    pub const ALL: &'static [Self] = TABLE;

    /// The flag of this name, which is written without dashes; whatever version has it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let index = TABLE.binary_search_by(|flag| flag.name.cmp(name)).ok()?;
        TABLE.get(index)
    }

    /// Its name, without dashes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its value is.
    #[must_use]
    pub const fn kind(&self) -> FlagKind {
        self.kind
    }

    /// Whether it is written without a value: `--client-cert-auth`, not `--client-cert-auth true`.
    #[must_use]
    pub const fn stands_alone(&self) -> bool {
        matches!(self.kind, Boolean | Ignored)
    }

    /// Its name as a variable of the environment: `ETCD_CERT_FILE`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ETCD_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Whether `version` has it. A version newer than the table is taken to be the newest.
    #[must_use]
    pub fn is_in(&self, version: Version) -> bool {
        let newest = self.since.len() - 1;
        let minor = usize::from(version.minor().saturating_sub(FIRST_MINOR)).min(newest);
        let is_newer = usize::from(version.minor().saturating_sub(FIRST_MINOR)) > newest;
        self.since[minor].is_some_and(|patch| is_newer || version.patch() >= patch)
    }

    /// Which versions have it, in words: `from 3.4.25 and 3.5.8 on`, `until 3.5`.
    #[must_use]
    pub fn versions(&self) -> String {
        let has: Vec<_> =
            (FIRST_MINOR..).zip(self.since).filter_map(|(m, patch)| Some((m, patch?))).collect();
        let (Some(first), Some(last)) = (has.first(), has.last()) else {
            return format!("until 3.{}", FIRST_MINOR - 1);
        };
        // Up to the first minor that has it whole: what was backported begins several times.
        let whole = has.iter().position(|(_, patch)| *patch == 0).unwrap_or(has.len());
        let beginnings: Vec<_> =
            has[..whole.max(1)].iter().map(|(minor, patch)| format!("3.{minor}.{patch}")).collect();
        let begins = *first != (FIRST_MINOR, 0);
        let ends = usize::from(last.0 - FIRST_MINOR) + 1 < self.since.len();
        match (begins, ends) {
            (false, false) => "all".to_owned(),
            (false, true) => format!("until 3.{}", last.0),
            (true, false) => format!("from {} on", beginnings.join(" and ")),
            (true, true) => format!("from {} until 3.{}", beginnings.join(" and "), last.0),
        }
    }

    /// What `version` has in its stead, as it is written after the dashes: a name, or a name with
    /// its value (`feature-gates=MemoryLock=true`).
    #[must_use]
    pub fn instead(&self, version: Version) -> Option<&'static str> {
        let has = |name: &str| {
            let name = name.split('=').next().unwrap_or(name);
            Self::named(name).is_some_and(|flag| flag.is_in(version))
        };
        let later = REPLACED.iter().filter(|(old, _)| *old == self.name).map(|(_, new)| *new);
        let earlier = REPLACED.iter().filter(|(_, new)| *new == self.name).map(|(old, _)| *old);
        later.chain(earlier).find(|name| has(name))
    }
}

/// The first patch release that has a flag in each minor from [`FIRST_MINOR`] on. None lost one
/// within a minor.
type Since = [Option<u16>; 4];

const FIRST_MINOR: u16 = 4;

pub(super) const ALL: [i8; 4] = [0; 4];

pub(super) const fn flag(name: &'static str, kind: FlagKind, since: [i8; 4]) -> Flag {
    let mut patches = [None; 4];
    let mut index = 0;
    while index < since.len() {
        if since[index] >= 0 {
            patches[index] = Some(since[index].unsigned_abs() as u16);
        }
        index += 1;
    }
    Flag { name, kind, since: patches }
}

/// Not in this minor.
pub(super) const __: i8 = -1;

/// Old names and new. Sources: the deprecations in etcd's `etcdmain/config.go` and
/// `embed/config.go`, and its `features/etcd_features.go`.
const REPLACED: &[(&str, &str)] = &[
    ("ca-file", "trusted-ca-file"),
    ("peer-ca-file", "peer-trusted-ca-file"),
    ("debug", "log-level=debug"),
    ("discovery", "discovery-endpoints"),
    ("log-output", "log-outputs"),
    ("experimental-backend-bbolt-freelist-type", "backend-bbolt-freelist-type"),
    ("experimental-bootstrap-defrag-threshold-megabytes", "bootstrap-defrag-threshold-megabytes"),
    ("experimental-compact-hash-check-enabled", "feature-gates=CompactHashCheck=true"),
    ("experimental-compact-hash-check-time", "compact-hash-check-time"),
    ("experimental-compaction-batch-limit", "compaction-batch-limit"),
    ("experimental-compaction-sleep-interval", "compaction-sleep-interval"),
    ("experimental-corrupt-check-time", "corrupt-check-time"),
    ("experimental-distributed-tracing-address", "distributed-tracing-address"),
    ("experimental-distributed-tracing-instance-id", "distributed-tracing-instance-id"),
    ("experimental-distributed-tracing-sampling-rate", "distributed-tracing-sampling-rate"),
    ("experimental-distributed-tracing-service-name", "distributed-tracing-service-name"),
    ("experimental-downgrade-check-time", "downgrade-check-time"),
    ("experimental-enable-distributed-tracing", "enable-distributed-tracing"),
    ("experimental-enable-lease-checkpoint", "feature-gates=LeaseCheckpoint=true"),
    ("experimental-enable-lease-checkpoint-persist", "feature-gates=LeaseCheckpointPersist=true"),
    ("experimental-initial-corrupt-check", "feature-gates=InitialCorruptCheck=true"),
    ("experimental-memory-mlock", "memory-mlock"),
    ("experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification"),
    ("experimental-snapshot-catchup-entries", "snapshot-catchup-entries"),
    ("experimental-stop-grpc-service-on-defrag", "feature-gates=StopGRPCServiceOnDefrag=true"),
    (
        "experimental-txn-mode-write-with-shared-buffer",
        "feature-gates=TxnModeWriteWithSharedBuffer=true",
    ),
    ("experimental-warning-apply-duration", "warning-apply-duration"),
    ("experimental-warning-unary-request-duration", "warning-unary-request-duration"),
    ("experimental-watch-progress-notify-interval", "watch-progress-notify-interval"),
];

/// Read from the flag sets of every release from 3.4.0 to 3.7.1 (3.4: `etcdmain/config.go`, 3.5:
/// `server/etcdmain/config.go`, later: `server/embed/config.go`). An [`Ignored`] flag is one of the
/// list of that name in `etcdmain/config.go`.
#[rustfmt::skip]
const TABLE: &[Flag] = &[
    flag("advertise-client-urls", Urls, ALL),
    flag("auth-token", Text, ALL),
    flag("auth-token-ttl", Unsigned, [10, 0, 0, 0]),
    flag("auto-compaction-mode", Text, ALL),
    flag("auto-compaction-retention", Text, ALL),
    flag("auto-tls", Boolean, ALL),
    flag("backend-batch-interval", Duration, ALL),
    flag("backend-batch-limit", Signed, ALL),
    flag("backend-bbolt-freelist-type", Text, [__, 0, 0, 0]),
    flag("bcrypt-cost", Unsigned, ALL),
    flag("bootstrap-defrag-threshold-megabytes", Unsigned, [__, __, 0, 0]),
    flag("ca-file", Text, [__, __, __, __]),
    flag("cert-file", Text, ALL),
    flag("cipher-suites", Text, ALL),
    flag("client-cert-allowed-hostname", Text, ALL),
    flag("client-cert-auth", Boolean, ALL),
    flag("client-cert-file", Text, [__, 0, 0, 0]),
    flag("client-crl-file", Text, ALL),
    flag("client-key-file", Text, [__, 0, 0, 0]),
    flag("cluster-active-size", Ignored, ALL),
    flag("cluster-remove-delay", Ignored, ALL),
    flag("cluster-sync-interval", Ignored, ALL),
    flag("compact-hash-check-time", Duration, [__, __, 0, 0]),
    flag("compaction-batch-limit", Signed, [__, __, 0, 0]),
    flag("compaction-sleep-interval", Duration, [__, __, 0, 0]),
    flag("config", Ignored, ALL),
    flag("config-file", Text, ALL),
    flag("corrupt-check-time", Duration, [__, __, 0, 0]),
    flag("cors", Urls, ALL),
    flag("data-dir", Text, ALL),
    flag("debug", Boolean, [0, __, __, __]),
    flag("discovery", Text, [0, 0, 0, __]),
    flag("discovery-cacert", Text, [__, __, 0, 0]),
    flag("discovery-cert", Text, [__, __, 0, 0]),
    flag("discovery-dial-timeout", Duration, [__, __, 0, 0]),
    flag("discovery-endpoints", Text, [__, __, 0, 0]),
    flag("discovery-fallback", Text, ALL),
    flag("discovery-insecure-skip-tls-verify", Boolean, [__, __, 0, 0]),
    flag("discovery-insecure-transport", Boolean, [__, __, 0, 0]),
    flag("discovery-keepalive-time", Duration, [__, __, 0, 0]),
    flag("discovery-keepalive-timeout", Duration, [__, __, 0, 0]),
    flag("discovery-key", Text, [__, __, 0, 0]),
    flag("discovery-password", Text, [__, __, 0, 0]),
    flag("discovery-proxy", Text, [0, 0, 0, __]),
    flag("discovery-request-timeout", Duration, [__, __, 0, 0]),
    flag("discovery-srv", Text, ALL),
    flag("discovery-srv-name", Text, ALL),
    flag("discovery-token", Text, [__, __, 0, 0]),
    flag("discovery-user", Text, [__, __, 0, 0]),
    flag("distributed-tracing-address", Text, [__, __, 0, 0]),
    flag("distributed-tracing-instance-id", Text, [__, __, 0, 0]),
    flag("distributed-tracing-sampling-rate", Signed, [__, __, 0, 0]),
    flag("distributed-tracing-service-name", Text, [__, __, 0, 0]),
    flag("downgrade-check-time", Duration, [__, __, 0, 0]),
    flag("election-timeout", Unsigned, ALL),
    flag("enable-distributed-tracing", Boolean, [__, __, 0, 0]),
    flag("enable-grpc-gateway", Boolean, ALL),
    flag("enable-log-rotation", Boolean, [__, 0, 0, 0]),
    flag("enable-pprof", Boolean, ALL),
    flag("enable-v2", Boolean, [0, 0, __, __]),
    flag("experimental-backend-bbolt-freelist-type", Text, [0, __, __, __]),
    flag("experimental-bootstrap-defrag-threshold-megabytes", Unsigned, [__, 0, 0, __]),
    flag("experimental-compact-hash-check-enabled", Boolean, [__, 5, 0, __]),
    flag("experimental-compact-hash-check-time", Duration, [__, 5, 0, __]),
    flag("experimental-compaction-batch-limit", Signed, [0, 0, 0, __]),
    flag("experimental-compaction-sleep-interval", Duration, [__, 16, 0, __]),
    flag("experimental-corrupt-check-time", Duration, [0, 0, 0, __]),
    flag("experimental-distributed-tracing-address", Text, [__, 0, 0, __]),
    flag("experimental-distributed-tracing-instance-id", Text, [__, 0, 0, __]),
    flag("experimental-distributed-tracing-sampling-rate", Signed, [__, 11, 0, __]),
    flag("experimental-distributed-tracing-service-name", Text, [__, 0, 0, __]),
    flag("experimental-downgrade-check-time", Duration, [__, 0, 0, __]),
    flag("experimental-enable-distributed-tracing", Boolean, [__, 0, 0, __]),
    flag("experimental-enable-lease-checkpoint", Boolean, [0, 0, 0, __]),
    flag("experimental-enable-lease-checkpoint-persist", Boolean, [20, 2, 0, __]),
    flag("experimental-enable-v2v3", Text, [0, 0, __, __]),
    flag("experimental-initial-corrupt-check", Boolean, [0, 0, 0, __]),
    flag("experimental-memory-mlock", Boolean, [__, 0, 0, __]),
    flag("experimental-peer-skip-client-san-verification", Boolean, [0, 0, 0, __]),
    flag("experimental-snapshot-catchup-entries", Unsigned, [__, 14, 0, __]),
    flag("experimental-stop-grpc-service-on-defrag", Boolean, [__, 14, 0, __]),
    flag("experimental-txn-mode-write-with-shared-buffer", Boolean, [__, 0, 0, __]),
    flag("experimental-warning-apply-duration", Duration, [16, 0, 0, __]),
    flag("experimental-warning-unary-request-duration", Duration, [__, __, 0, __]),
    flag("experimental-watch-progress-notify-interval", Duration, [11, 0, 0, __]),
    flag("feature-gates", Text, [__, __, 0, 0]),
    flag("force", Ignored, ALL),
    flag("force-new-cluster", Boolean, ALL),
    flag("grpc-keepalive-interval", Duration, ALL),
    flag("grpc-keepalive-min-time", Duration, ALL),
    flag("grpc-keepalive-timeout", Duration, ALL),
    flag("heartbeat-interval", Unsigned, ALL),
    flag("host-whitelist", Text, ALL),
    flag("initial-advertise-peer-urls", Urls, ALL),
    flag("initial-cluster", Text, ALL),
    flag("initial-cluster-state", Text, ALL),
    flag("initial-cluster-token", Text, ALL),
    flag("initial-election-tick-advance", Boolean, ALL),
    flag("key-file", Text, ALL),
    flag("listen-client-http-urls", Urls, [25, 8, 0, 0]),
    flag("listen-client-urls", Urls, ALL),
    flag("listen-metrics-urls", Urls, ALL),
    flag("listen-peer-urls", Urls, ALL),
    flag("log-format", Text, [__, __, 0, 0]),
    flag("log-level", Text, ALL),
    flag("log-output", Text, [0, __, __, __]),
    flag("log-outputs", Text, ALL),
    flag("log-package-levels", Text, [0, __, __, __]),
    flag("log-rotation-config-json", Text, [__, 0, 0, 0]),
    flag("logger", Text, ALL),
    flag("max-concurrent-streams", Unsigned, [20, 5, 0, 0]),
    flag("max-learners", Signed, [__, __, 0, 0]),
    flag("max-request-bytes", Unsigned, ALL),
    flag("max-result-buffer", Ignored, ALL),
    flag("max-retry-attempts", Ignored, ALL),
    flag("max-snapshots", Unsigned, ALL),
    flag("max-txn-ops", Unsigned, ALL),
    flag("max-wals", Unsigned, ALL),
    flag("memory-mlock", Boolean, [__, __, 0, 0]),
    flag("metrics", Text, ALL),
    flag("name", Text, ALL),
    flag("next-cluster-version-compatible", Boolean, [31, __, __, __]),
    flag("peer-auto-tls", Boolean, ALL),
    flag("peer-ca-file", Text, [__, __, __, __]),
    flag("peer-cert-allowed-cn", Text, ALL),
    flag("peer-cert-allowed-hostname", Text, ALL),
    flag("peer-cert-file", Text, ALL),
    flag("peer-client-cert-auth", Boolean, ALL),
    flag("peer-client-cert-file", Text, [__, 0, 0, 0]),
    flag("peer-client-key-file", Text, [__, 0, 0, 0]),
    flag("peer-crl-file", Text, ALL),
    flag("peer-election-timeout", Ignored, ALL),
    flag("peer-heartbeat-interval", Ignored, ALL),
    flag("peer-key-file", Text, ALL),
    flag("peer-skip-client-san-verification", Boolean, [__, __, 0, 0]),
    flag("peer-trusted-ca-file", Text, ALL),
    flag("pre-vote", Boolean, ALL),
    flag("proxy", Text, [0, 0, __, __]),
    flag("proxy-dial-timeout", Unsigned, [0, 0, __, __]),
    flag("proxy-failure-wait", Unsigned, [0, 0, __, __]),
    flag("proxy-read-timeout", Unsigned, [0, 0, __, __]),
    flag("proxy-refresh-interval", Unsigned, [0, 0, __, __]),
    flag("proxy-write-timeout", Unsigned, [0, 0, __, __]),
    flag("quota-backend-bytes", Signed, ALL),
    flag("raft-read-timeout", Duration, [__, 0, 0, 0]),
    flag("raft-write-timeout", Duration, [__, 0, 0, 0]),
    flag("retry-interval", Ignored, ALL),
    flag("self-signed-cert-validity", Unsigned, [__, 0, 0, 0]),
    flag("snapshot", Ignored, ALL),
    flag("snapshot-catchup-entries", Unsigned, [__, __, 0, 0]),
    flag("snapshot-count", Unsigned, ALL),
    flag("socket-reuse-address", Boolean, [__, 0, 0, 0]),
    flag("socket-reuse-port", Boolean, [__, 0, 0, 0]),
    flag("strict-reconfig-check", Boolean, ALL),
    flag("tls-max-version", Text, [25, 8, 0, 0]),
    flag("tls-min-version", Text, [25, 8, 0, 0]),
    flag("trusted-ca-file", Text, ALL),
    flag("unsafe-no-fsync", Boolean, [10, 0, 0, 0]),
    flag("v", Ignored, ALL),
    flag("v2-deprecation", Text, [__, 0, 0, 0]),
    flag("version", Boolean, ALL),
    flag("vv", Ignored, ALL),
    flag("wal-dir", Text, ALL),
    flag("warning-apply-duration", Duration, [__, __, 0, 0]),
    flag("warning-unary-request-duration", Duration, [__, __, 0, 0]),
    flag("watch-progress-notify-interval", Duration, [__, __, 0, 0]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
        for (old, new) in REPLACED {
            assert!(Flag::named(old).is_some(), "{old}");
            assert!(Flag::named(new.split('=').next().unwrap()).is_some(), "{new}");
        }
    }

    #[test]
    fn versions_have_what_they_have() {
        let has = |name: &str, text: &str| Flag::named(name).unwrap().is_in(version(text));
        assert!(!has("tls-min-version", "3.4.24") && has("tls-min-version", "3.4.25"));
        assert!(!has("tls-min-version", "3.5.7") && has("tls-min-version", "3.5.8"));
        assert!(has("tls-min-version", "3.6.0") && has("tls-min-version", "3.9.0"));
        assert!(has("enable-v2", "3.5.33") && !has("enable-v2", "3.6.0"));
        assert!(!has("ca-file", "3.4.0") && !has("ca-file", "3.8.0"));
        assert!(has("memory-mlock", "3.6.0") && !has("memory-mlock", "3.5.33"));
    }

    #[test]
    fn versions_in_words() {
        let words = |name: &str| Flag::named(name).unwrap().versions();
        insta::assert_snapshot!(words("cert-file"), @"all");
        insta::assert_snapshot!(words("ca-file"), @"until 3.3");
        insta::assert_snapshot!(words("enable-v2"), @"until 3.5");
        insta::assert_snapshot!(words("client-cert-file"), @"from 3.5.0 on");
        insta::assert_snapshot!(words("tls-min-version"), @"from 3.4.25 and 3.5.8 on");
        insta::assert_snapshot!(words("unsafe-no-fsync"), @"from 3.4.10 on");
        insta::assert_snapshot!(
            words("experimental-compact-hash-check-time"), @"from 3.5.5 until 3.6");
        insta::assert_snapshot!(words("next-cluster-version-compatible"), @"from 3.4.31 until 3.4");
    }

    #[test]
    fn what_is_gone_has_a_successor_and_what_is_not_there_yet_an_ancestor() {
        let instead = |name: &str, text: &str| Flag::named(name).unwrap().instead(version(text));
        assert_eq!(instead("ca-file", "3.5.1"), Some("trusted-ca-file"));
        let (old, new) =
            ("experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification");
        assert_eq!(instead(old, "3.7.1"), Some(new));
        assert_eq!(instead(new, "3.5.1"), Some(old));
        assert_eq!(
            instead("experimental-initial-corrupt-check", "3.7.0"),
            Some("feature-gates=InitialCorruptCheck=true")
        );
        assert_eq!(instead("proxy", "3.6.0"), None);
        assert_eq!(instead("debug", "3.5.0"), Some("log-level=debug"));
    }
}
