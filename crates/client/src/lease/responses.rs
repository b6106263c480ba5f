//! What the server says of leases.

use std::time::Duration;

use crate::error::ErrorKind;
use crate::error::{Failure, Fate, Result};
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::kv::Namespace;
use crate::lease::id::LeaseId;
use crate::transport::call::Operation;

/// The longest time to live that etcd grants, some 285 years (`server/lease/lessor.go`,
/// `MaxLeaseTTL`).
pub const MAX_LEASE_TTL: Duration = Duration::from_secs(9_000_000_000);

/// A lease that was granted.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseGrantResponse {
    pub(super) id: LeaseId,
    pub(super) ttl: Duration,
    pub(super) revision: i64,
}

impl LeaseGrantResponse {
    /// Its number, which the client has chosen.
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// For how long it lives after each keepalive: what was asked for, or the least that the server
    /// grants, which is one and a half of its election timeout, rounded up to whole seconds
    /// (`server/etcdserver/server.go`, `minTTL`).
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The store's revision, which a lease does not change.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

/// A lease that was revoked.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseRevokeResponse {
    pub(super) revision: i64,
}

impl LeaseRevokeResponse {
    /// The store's revision afterwards; with keys to delete, a new one.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

/// How much longer a lease lives.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseTimeToLiveResponse {
    id: LeaseId,
    remaining: Duration,
    granted: Duration,
    keys: Vec<bytes::Bytes>,
    revision: i64,
}

impl LeaseTimeToLiveResponse {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// For how long it lives if nothing more is done, in whole seconds rounded down.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.remaining
    }

    /// For how long it lives after each keepalive.
    #[must_use]
    pub fn granted(&self) -> Duration {
        self.granted
    }

    /// The keys that go away with it, if they were asked for; of a client with a namespace, those
    /// within it.
    #[must_use]
    pub fn keys(&self) -> &[bytes::Bytes] {
        &self.keys
    }

    /// The store's revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// `None` of a lease that the server does not know: it then says a time of -1
    /// (`server/etcdserver/api/v3rpc/lease.go`).
    pub(super) fn from_wire(
        wire: pb::LeaseTimeToLiveResponse,
        namespace: &Namespace,
    ) -> Option<Self> {
        let remaining = u64::try_from(wire.ttl).ok()?;
        let mut keys = wire.keys;
        keys.retain(|key| key.starts_with(namespace.prefix()));
        for key in &mut keys {
            namespace.strip(key);
        }
        Some(Self {
            id: wire.id.into(),
            remaining: Duration::from_secs(remaining),
            granted: seconds(wire.granted_ttl),
            keys,
            revision: wire.header.unwrap_or_default().revision,
        })
    }
}

json_object!(LeaseGrantResponse, it => { id: it.id, ttl_seconds: it.ttl, revision: it.revision });
json_object!(LeaseRevokeResponse, it => { revision: it.revision });
json_object!(LeaseTimeToLiveResponse, it => {
    id: it.id,
    remaining_seconds: it.remaining,
    granted_seconds: it.granted,
    keys: it.keys,
    revision: it.revision,
});

/// A time to live as the server says it.
pub(super) fn seconds(wire: i64) -> Duration {
    Duration::from_secs(u64::try_from(wire).unwrap_or_default())
}

/// A time to live as the server wants it: whole seconds, one at least.
pub(super) fn whole_seconds(operation: Operation, ttl: Duration) -> Result<i64> {
    let what = if ttl.is_zero() {
        "a lease that lives for no time at all would be none".to_owned()
    } else if ttl.subsec_nanos() != 0 {
        format!("a lease lives for whole seconds, and {ttl:?} are none")
    } else if ttl > MAX_LEASE_TTL {
        format!("a lease lives for at most {MAX_LEASE_TTL:?}, and {ttl:?} are more")
    } else {
        return Ok(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
    };
    let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
    Err(operation.failed_anywhere(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_would_grant_is_refused() {
        const GRANT: Operation = Operation::repeatable("lease grant");
        let refusal = |ttl| whole_seconds(GRANT, ttl).unwrap_err().to_string();
        insta::assert_snapshot!(refusal(Duration::ZERO), @"lease grant: a lease that lives for no time at all would be none");
        insta::assert_snapshot!(refusal(Duration::from_millis(1500)), @"lease grant: a lease lives for whole seconds, and 1.5s are none");
        insta::assert_snapshot!(refusal(MAX_LEASE_TTL + Duration::from_secs(1)), @"lease grant: a lease lives for at most 9000000000s, and 9000000001s are more");
        assert_eq!(whole_seconds(GRANT, MAX_LEASE_TTL).unwrap(), 9_000_000_000);
        assert_eq!(whole_seconds(GRANT, Duration::from_secs(1)).unwrap(), 1);
    }

    #[test]
    fn a_lease_that_is_gone_has_no_time() {
        let wire = |ttl| pb::LeaseTimeToLiveResponse {
            id: 7,
            ttl,
            granted_ttl: 5,
            keys: vec!["app/a".into(), "other".into()],
            ..Default::default()
        };
        let namespace = Namespace::default().within(&"app/".into());
        assert_eq!(LeaseTimeToLiveResponse::from_wire(wire(-1), &namespace), None);
        let response = LeaseTimeToLiveResponse::from_wire(wire(0), &namespace).unwrap();
        assert_eq!((response.remaining(), response.granted()), (Duration::ZERO, seconds(5)));
        assert_eq!(response.keys(), ["a"]);
    }
}
