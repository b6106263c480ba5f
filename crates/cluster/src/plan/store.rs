//! What of the members' stores is to be otherwise than etcd has it by itself.

use std::time::Duration;

use tercet_pki::etcd::Flag;

use super::error::PlanError;
use crate::binary::Release;

/// What of the members' stores is to be otherwise than etcd has it by itself: how large they may
/// become, and whether they are compared. As it is made, nothing is.
///
/// What the etcd that is to run has not got is refused before anything is started.
///
/// ```
/// use std::time::Duration;
/// use tercet_cluster::{Spec, StoreOptions};
///
/// let options = StoreOptions::default().quota_bytes(64 << 20).check_every(Duration::from_secs(60));
/// let spec = Spec::default().store(options);
/// assert!(spec.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until a spec has them"]
pub struct StoreOptions {
    quota_bytes: Option<u64>,
    check_at_start: bool,
    check_every: Option<Duration>,
    check_compactions_every: Option<Duration>,
}

impl StoreOptions {
    /// How large a member's store may become (`--quota-backend-bytes`); etcd's own is 2 GB. One that
    /// is larger raises an alarm, and then no member takes a put.
    pub const fn quota_bytes(mut self, bytes: u64) -> Self {
        self.quota_bytes = Some(bytes);
        self
    }

    /// Each member compares what it has with the others before it serves, and does not start if it
    /// is corrupt (`--experimental-initial-corrupt-check` until 3.5, from 3.6 on the feature gate
    /// `InitialCorruptCheck`).
    ///
    /// It asks each of the others that runs for the hash of the revision that it is at itself
    /// (`server/etcdserver/corrupt.go`, `InitialCheck`). In 3.4 a member knows of no other before its
    /// first snapshot of the log (`--snapshot-count`), and so finds nothing (measured, 3.4.23).
    pub const fn check_at_start(mut self) -> Self {
        self.check_at_start = true;
        self
    }

    /// The leader compares all members this often, and raises an alarm over one that is corrupt
    /// (`--experimental-corrupt-check-time` until 3.5, then `--corrupt-check-time`).
    pub const fn check_every(mut self, period: Duration) -> Self {
        self.check_every = Some(period);
        self
    }

    /// The leader compares this often what the members hashed when they compacted, which costs
    /// nothing in between, and raises an alarm over one that is corrupt
    /// (`--experimental-compact-hash-check-time` from 3.5.5 on; from 3.6 on
    /// `--compact-hash-check-time` with the feature gate `CompactHashCheck`).
    pub const fn check_compactions_every(mut self, period: Duration) -> Self {
        self.check_compactions_every = Some(period);
        self
    }

    /// Refuses what no etcd would take, or would take for something else.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        if let Some(bytes) = self.quota_bytes {
            // 0 is etcd's own, and less than 0 none at all (`server/storage/quota.go`).
            let because = match i64::try_from(bytes) {
                Ok(0) => "etcd would take its own, of 2 GB",
                Ok(_) => "",
                Err(_) => "it is more than etcd can count",
            };
            if !because.is_empty() {
                return Err(PlanError::Value {
                    what: "the quota of a store".to_owned(),
                    value: bytes.to_string(),
                    because: because.to_owned(),
                });
            }
        }
        for period in [self.check_every, self.check_compactions_every].into_iter().flatten() {
            if period < SHORTEST {
                return Err(PlanError::Value {
                    what: "how often stores are compared".to_owned(),
                    value: format!("{period:?}"),
                    because: "a comparison takes longer, so take a tenth of a second or more"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Names of flags, as `release` has them, and their values.
    pub(super) fn flags(&self, release: Release) -> Vec<(&'static str, String)> {
        let has = |name| Flag::named(name).is_some_and(|flag| flag.is_in(release.version()));
        let by_gates = has("feature-gates");
        let mut gates = Vec::new();
        let mut flags = Vec::new();
        let milliseconds = |period: Duration| format!("{}ms", period.as_millis());
        let either = |newer, older| if has(newer) { newer } else { older };
        if let Some(bytes) = self.quota_bytes {
            flags.push(("quota-backend-bytes", bytes.to_string()));
        }
        if self.check_at_start {
            match by_gates {
                true => gates.push("InitialCorruptCheck=true"),
                false => flags.push(("experimental-initial-corrupt-check", "true".to_owned())),
            }
        }
        if let Some(period) = self.check_every {
            let name = either("corrupt-check-time", "experimental-corrupt-check-time");
            flags.push((name, milliseconds(period)));
        }
        if let Some(period) = self.check_compactions_every {
            match by_gates {
                true => gates.push("CompactHashCheck=true"),
                false => flags.push(("experimental-compact-hash-check-enabled", "true".to_owned())),
            }
            let name = either("compact-hash-check-time", "experimental-compact-hash-check-time");
            flags.push((name, milliseconds(period)));
        }
        if !gates.is_empty() {
            flags.push(("feature-gates", gates.join(",")));
        }
        flags
    }
}

/// Flags have milliseconds, and hashing takes some.
const SHORTEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn words(version: &str) -> String {
        let options = StoreOptions::default()
            .quota_bytes(1 << 20)
            .check_at_start()
            .check_every(Duration::from_secs(1))
            .check_compactions_every(Duration::from_millis(1500));
        let flags = options.flags(Release::of(version.parse().unwrap()).unwrap());
        flags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_version_has_its_own_words() {
        let older = words("3.5.30");
        insta::assert_snapshot!(older, @r"
        quota-backend-bytes=1048576
        experimental-initial-corrupt-check=true
        experimental-corrupt-check-time=1000ms
        experimental-compact-hash-check-enabled=true
        experimental-compact-hash-check-time=1500ms
        ");
        // What 3.4 and 3.5.1 have not got is refused, as any flag.
        assert_eq!(older, words("3.4.23"));
        let newer = words("3.7.1");
        insta::assert_snapshot!(newer, @r"
        quota-backend-bytes=1048576
        corrupt-check-time=1000ms
        compact-hash-check-time=1500ms
        feature-gates=InitialCorruptCheck=true,CompactHashCheck=true
        ");
        assert_eq!(newer, words("3.6.14"));
        assert_eq!(newer, words("3.9.0"));
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        let refusal = |options: StoreOptions| options.check().unwrap_err().to_string();
        insta::assert_snapshot!(
            refusal(StoreOptions::default().quota_bytes(0)),
            @r#""0" cannot be the quota of a store: etcd would take its own, of 2 GB"#
        );
        insta::assert_snapshot!(
            refusal(StoreOptions::default().quota_bytes(u64::MAX)),
            @r#""18446744073709551615" cannot be the quota of a store: it is more than etcd can count"#
        );
        insta::assert_snapshot!(
            refusal(StoreOptions::default().check_every(Duration::ZERO)),
            @r#""0ns" cannot be how often stores are compared: a comparison takes longer, so take a tenth of a second or more"#
        );
        assert_eq!(StoreOptions::default().quota_bytes(1).check(), Ok(()));
    }
}
