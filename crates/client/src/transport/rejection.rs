//! What etcd says when it refuses, by its text.

use crate::error::{ErrorKind, Fate};

/// What a text means, and whether the request may have been applied.
///
/// As in etcd's own client the text decides and not the gRPC code, of which several mean many
/// things (`api/v3rpc/rpctypes/error.go`, `Error`). The fate is from where the server says it:
/// what it checks before a proposal, or before it applies one, has changed nothing; what is said
/// while waiting for a proposal leaves it open (`server/etcdserver/v3_server.go`,
/// `processInternalRaftRequestOnce`), and so does what is said after applying it.
pub(crate) fn meaning(text: &str) -> Option<(ErrorKind, Fate)> {
    use ErrorKind::*;
    use Fate::{Refused, Unknown};
    Some(match plain(text) {
        "mvcc: required revision has been compacted" => (Compacted, Refused),
        "mvcc: required revision is a future revision" => (FutureRevision, Refused),
        // Said before a proposal, and of the write that crosses the quota after it was applied
        // (`server/etcdserver/apply/quota.go`, `quotaApplierV3`): nobody can tell which.
        "mvcc: database space exceeded" => (NoSpace, Unknown),

        "key not found" => (KeyNotFound, Refused),
        "requested lease not found" => (LeaseNotFound, Refused),
        "lease already exists" => (LeaseExists, Refused),
        // Of the servers that lock and stand for election for their client
        // (`client/v3/concurrency`), each from a comparison that did not hold.
        "election: not leader" | "mutex: session is expired" => (NotHeld, Refused),
        // All of these are checked before the proposal or when it is applied, and then it does
        // nothing (`server/etcdserver/api/membership/cluster.go`, `ValidateConfigurationChange`).
        "member not found" => (MemberNotFound, Refused),
        "member ID already exist" | "Peer URLs already exists" => (MemberExists, Refused),
        "can only promote a learner member" => (NotLearner, Refused),
        "can only promote a learner member which is in sync with leader" => {
            (LearnerNotReady, Refused)
        }
        "too many learner members in cluster" => (TooManyLearners, Refused),
        // Said only of changes of the members, before they are proposed
        // (`server/etcdserver/server.go`, `mayAddMember`, `mayRemoveMember`).
        "re-configuration failed due to not enough started members" | "unhealthy cluster" => {
            (UnhealthyCluster, Refused)
        }
        "cluster has a downgrade job in progress" => (DowngradeInProgress, Refused),
        "no inflight downgrade job" => (NoDowngrade, Refused),
        // There is no version agreed upon yet.
        "cluster version not found during downgrade" | "not capable" => (Unavailable, Refused),
        "given member URLs are invalid"
        | "bad leader transferee"
        | "wrong downgrade target version format"
        | "invalid downgrade target version" => (InvalidRequest, Refused),
        "key is not provided"
        | "value is provided"
        | "lease is provided"
        | "too many operations in txn request"
        | "duplicate key given in txn request"
        | "invalid sort option"
        | "invalid client api version"
        | "too large lease TTL"
        | "mvcc: watcher range is empty" => (InvalidRequest, Refused),
        "request is too large" => (RequestTooLarge, Refused),
        // grpc-go's own, before etcd sees the request.
        text if text.starts_with("grpc: received message larger than max") => {
            (RequestTooLarge, Refused)
        }
        "too many requests" => (TooManyRequests, Refused),

        // All of these are checked before the proposal, or when it is applied and before it does
        // anything (`server/auth/store.go`, `server/etcdserver/apply/auth.go`).
        "authentication failed, invalid user ID or password"
        | "authentication failed, password was given for no password user" => {
            (AuthFailed, Refused)
        }
        "authentication is not enabled" => (AuthNotEnabled, Refused),
        "root user does not exist" | "root user does not have root role" => (NoRoot, Refused),
        "user name already exists" | "user already exists" => (UserExists, Refused),
        "user name not found" | "user not found" => (UserNotFound, Refused),
        "role name already exists" | "role already exists" => (RoleExists, Refused),
        "role name not found" | "role not found" => (RoleNotFound, Refused),
        "role is not granted to the user" | "permission is not granted to the role" => {
            (NotGranted, Refused)
        }
        "role name is empty" | "permission not given" | "invalid auth management" => {
            (InvalidRequest, Refused)
        }
        "invalid auth token"
        | OVERTAKEN
        | OVERTAKEN_TOO
        // A server that wants a user was sent none.
        | "user name is empty" => (InvalidAuthToken, Refused),
        "permission denied" => (PermissionDenied, Refused),

        // "no leader" is said before the request is looked at, or of a read.
        "no leader" => (NoLeader, Refused),
        // raft's own text: a member that knows no leader drops a proposal before it is logged.
        "raft proposal dropped" => (NoLeader, Refused),
        "not leader" => (NotLeader, Refused),
        "leader changed" => (LeaderChanged, Unknown),
        // Go's own text comes under the code Unknown from 3.5.1, DeadlineExceeded from 3.7.1.
        "context deadline exceeded"
        | "request timed out"
        | "request timed out, leader transfer took too long"
        | "request timed out, possibly due to previous leader failure"
        | "request timed out, possibly due to connection lost"
        | "request timed out, waiting for the applied index took too long" => (Timeout, Unknown),
        "server stopped" => (Unavailable, Unknown),
        "rpc not supported for learner" => (NotSupportedForLearner, Refused),
        "corrupt cluster" => (Corrupt, Unknown),
        _ => return None,
    })
}

/// What is said of a request when users or roles have changed since the member looked who sent it:
/// when it is to be applied, and then it is not (`server/etcdserver/apply/auth.go`, `Apply`), and of a
/// read (`server/etcdserver/v3_server.go`, `doSerialize`).
const OVERTAKEN: &str = "revision of auth store is old";
/// The same in the words of the part that knows users, from where they are not translated.
const OVERTAKEN_TOO: &str = "revision in header is old";

/// Whether this is said of a request because users or roles have changed under way.
pub(crate) fn is_overtaken(text: &str) -> bool {
    [OVERTAKEN, OVERTAKEN_TOO].contains(&plain(text))
}

/// A text without the name of etcd's part that said it. Where 3.4 and 3.5 check who may do what
/// before a snapshot, a hash or a defragmentation, it is the part that knows users
/// (`server/etcdserver/api/v3rpc/maintenance.go`, `authMaintenanceServer`).
pub(crate) fn plain(text: &str) -> &str {
    text.strip_prefix("etcdserver: ").or_else(|| text.strip_prefix("auth: ")).unwrap_or(text)
}

/// What to do about it, where that is always the same.
pub(crate) fn fix(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NoSpace => {
            Some("compact, defragment and disarm the alarm, or raise --quota-backend-bytes")
        }
        ErrorKind::UnhealthyCluster => {
            Some("ask again when every member has been up for five seconds")
        }
        ErrorKind::NoRoot => Some("add a user `root` and grant it the role `root`"),
        ErrorKind::RequestTooLarge => Some("split it, or raise --max-request-bytes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decide() {
        assert_eq!(
            meaning("etcdserver: mvcc: required revision has been compacted"),
            Some((ErrorKind::Compacted, Fate::Refused))
        );
        // The write that crosses the quota is applied.
        assert_eq!(
            meaning("etcdserver: mvcc: database space exceeded"),
            Some((ErrorKind::NoSpace, Fate::Unknown))
        );
        // Several texts under one code, Unavailable, which mean different things.
        assert_eq!(meaning("etcdserver: no leader"), Some((ErrorKind::NoLeader, Fate::Refused)));
        assert_eq!(
            meaning("etcdserver: request timed out, possibly due to connection lost"),
            Some((ErrorKind::Timeout, Fate::Unknown))
        );
        assert_eq!(
            meaning("etcdserver: leader changed"),
            Some((ErrorKind::LeaderChanged, Fate::Unknown))
        );
        assert_eq!(meaning("etcdserver: something new"), None);
    }
}
