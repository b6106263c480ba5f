//! Why a server ended a watch.

use crate::error::{Error, ErrorKind, Failure, Fate};
use crate::generated::etcdserverpb as pb;
use crate::transport::rejection;
use crate::watch::WATCH;

/// Why a watch is over.
pub(super) struct Refusal {
    failure: Failure,
    compacted_at: Option<i64>,
}

impl Refusal {
    /// etcd refuses within the stream and not by a status (`server/etcdserver/api/v3rpc/watch.go`).
    pub(super) fn of(response: &pb::WatchResponse) -> Self {
        if response.compact_revision != 0 {
            let what = format!(
                "the start is compacted away: the store knows revision {} and later",
                response.compact_revision
            );
            let failure = Failure::new(ErrorKind::Compacted, Fate::Refused, what)
                .fix("read the keys, then watch from the revision of that answer and one more");
            return Self { failure, compacted_at: Some(response.compact_revision) };
        }
        let reason = response.cancel_reason.as_str();
        let text = plain_reason(reason);
        let (kind, fate) = rejection::meaning(text).unwrap_or((ErrorKind::Other, Fate::Refused));
        let what = match text {
            "" => "the server ended the watch and gave no reason".to_owned(),
            text => format!("the server ended the watch: {text}"),
        };
        let failure = Failure::new(kind, fate, what);
        let failure = if reason.is_empty() { failure } else { failure.said(reason) };
        Self { failure, compacted_at: None }
    }

    /// Of a member that answers a request for progress out of turn.
    pub(super) fn no_progress() -> Self {
        let what = "this etcd says how far a watch is before it has told what happened until then";
        let failure = Failure::new(ErrorKind::Unsupported, Fate::Refused, what)
            .fix("it came with etcd 3.4.25, 3.5.8 and 3.6");
        Self { failure, compacted_at: None }
    }

    pub(super) fn is_about_the_user(&self) -> bool {
        matches!(self.failure.kind, ErrorKind::InvalidAuthToken | ErrorKind::PermissionDenied)
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.failure.kind
    }

    pub(super) fn into_error(self, endpoint: &str) -> Error {
        let error = WATCH.failed(self.failure, endpoint);
        match self.compacted_at {
            Some(revision) => error.compacted_at(revision),
            None => error,
        }
    }
}

/// Of a permission denied, and the like, gRPC's own wording is told.
pub(super) fn plain_reason(reason: &str) -> &str {
    reason.rsplit_once("desc = ").map_or(reason, |(_, text)| text)
}

/// Whether another token may help.
pub(super) fn is_about_the_user(reason: &str) -> bool {
    let kind = rejection::meaning(plain_reason(reason)).map(|(kind, _)| kind);
    matches!(kind, Some(ErrorKind::InvalidAuthToken | ErrorKind::PermissionDenied))
}

/// Whether a watch with this error would get it again, wherever it is put.
pub(super) fn is_final(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Compacted
            | ErrorKind::FutureRevision
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidAuthToken
            | ErrorKind::AuthFailed
            | ErrorKind::UserNotFound
            | ErrorKind::InvalidRequest
            | ErrorKind::InvalidConfig
            | ErrorKind::Unsupported
    )
}

/// Whether an error of a whole stream is about who we are, and so about all watches on it.
pub(super) fn is_for_all(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AuthFailed | ErrorKind::UserNotFound | ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(compact_revision: i64, reason: &str) -> Error {
        let response = pb::WatchResponse {
            canceled: true,
            compact_revision,
            cancel_reason: reason.to_owned(),
            ..Default::default()
        };
        Refusal::of(&response).into_error("https://a:1")
    }

    #[test]
    fn refusals_come_within_the_stream() {
        let error = refusal(17, "etcdserver: mvcc: required revision has been compacted");
        assert_eq!((error.kind(), error.compact_revision()), (ErrorKind::Compacted, Some(17)));
        insta::assert_snapshot!(error, @"watch at https://a:1: the start is compacted away: the store knows revision 17 and later; read the keys, then watch from the revision of that answer and one more");

        let denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
        assert_eq!(refusal(0, denied).kind(), ErrorKind::PermissionDenied);
        assert!(is_about_the_user(denied) && !is_about_the_user("etcdserver: no leader"));
        insta::assert_snapshot!(refusal(0, ""), @"watch at https://a:1: the server ended the watch and gave no reason");
    }
}
