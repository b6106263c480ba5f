//! What etcd says of its data directory: `etcdserver/bootstrap.go` (3.4 and 3.5: `server.go`),
//! `backend/backend.go` and bbolt, `wal`, `etcdserver/version/downgrade.go`, `etcdmain/etcd.go`.

use super::cause::RefusalCause as Cause;
use super::phrase::{Phrase, Said};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase { words: "failed to list data directory", cause: directory },
    Phrase { words: "failed to create snapshot directory", cause: directory },
    Phrase { words: "cannot access data directory: ", cause: directory },
    Phrase { words: "cannot access member directory: ", cause: directory },
    Phrase { words: "cannot write to WAL directory: ", cause: directory },
    Phrase { words: "cannot write to member directory: ", cause: directory },
    Phrase { words: "failed to create WAL: ", cause: directory },
    Phrase {
        words: "v2 http proxy has already been deprecated",
        cause: |_| Cause::DataDirectoryOfProxy,
    },
    Phrase {
        words: "both member and proxy directories exist",
        cause: |_| Cause::DataDirectoryOfProxy,
    },
    Phrase { words: "invalid downgrade; ", cause: too_low },
    Phrase { words: "server version is lower than determined cluster version", cause: too_low },
    // 3.6 and 3.7 with the data of the next: version "3.7.0" is not supported.
    Phrase {
        words: "\" is not supported",
        cause: |said| Cause::VersionTooLow {
            server: String::new(),
            cluster: said.before.rsplit('"').next().unwrap_or_default().to_owned(),
        },
    },
    Phrase {
        words: "cannot downgrade storage",
        cause: |said| Cause::VersionTooLow {
            server: String::new(),
            cluster: super::phrase::between(said.after, "version (", ") detected")
                .unwrap_or_default()
                .to_owned(),
        },
    },
    Phrase {
        words: "detected disallowed custom content in v2store",
        cause: |said| Cause::V2Content { reason: said.reason() },
    },
    // 3.7, which has no code any more that could read them: the log is sound, and says what is none.
    Phrase {
        words: "unmarshal should never fail",
        cause: |said| Cause::V2Content { reason: said.reason() },
    },
    Phrase { words: " found data inconsistency with peers", cause: corrupt },
    Phrase { words: "failed to open database: ", cause: database },
    Phrase { words: "failed to recover v3 backend from snapshot", cause: snapshot },
    Phrase { words: "failed to find database snapshot file", cause: snapshot },
    Phrase { words: "of the backend is missing", cause: snapshot },
    Phrase { words: ") does not match with snapshot (index ", cause: database },
    // bbolt crashes where it finds what cannot be; a page cut off is a fault of the memory it is
    // mapped to.
    Phrase { words: "panic: freepages: ", cause: database },
    Phrase { words: "panic: assertion failed: Page expected", cause: database },
    Phrase { words: "panic: page ", cause: database },
    Phrase { words: "panic: invalid page type", cause: database },
    Phrase { words: "panic: freelist: ", cause: database },
    Phrase { words: "unexpected fault address", cause: database },
    Phrase { words: "walpb: crc mismatch", cause: log },
    Phrase { words: "failed to open WAL: ", cause: log },
    Phrase { words: "failed to read WAL, cannot be repaired", cause: log },
    Phrase { words: "failed to repair WAL", cause: log },
    Phrase { words: "wal: ", cause: log },
    // A record of the log that is none.
    Phrase { words: "discovery failed: proto: ", cause: log },
    // The log is empty: it has no member in it.
    Phrase { words: "panic: cannot use none as id", cause: log },
    Phrase { words: "tocommit(", cause: log },
];

/// With the path in a field, or in the error: `open /x: permission denied`,
/// `mkdir /dev/null: not a directory`.
fn directory(said: &Said<'_>) -> Cause {
    let error = if said.entry.error.is_empty() { said.after } else { &said.entry.error };
    let (subject, reason) = error.rsplit_once(": ").unwrap_or(("", error));
    let in_error = subject.rsplit(' ').next().unwrap_or_default();
    let path = said.entry.text("dir").or_else(|| said.entry.text("path")).unwrap_or(in_error);
    Cause::DataDirectory { path: path.into(), reason: reason.to_owned() }
}

fn too_low(said: &Said<'_>) -> Cause {
    let text = |name: &str| said.entry.text(name).unwrap_or_default().to_owned();
    Cause::VersionTooLow {
        server: text("current-server-version"),
        cluster: text("determined-cluster-version"),
    }
}

/// `faceb08523a9fbb found data inconsistency with peers`.
fn corrupt(said: &Said<'_>) -> Cause {
    Cause::Corrupt { member: said.before.rsplit(' ').next().unwrap_or_default().to_owned() }
}

fn database(said: &Said<'_>) -> Cause {
    let reason = said.reason();
    let reason = reason.strip_prefix("panic: ").unwrap_or(&reason).to_owned();
    Cause::DatabaseDamaged { path: said.entry.text("path").map(Into::into), reason }
}

fn snapshot(said: &Said<'_>) -> Cause {
    Cause::DatabaseMissing { reason: said.reason() }
}

fn log(said: &Said<'_>) -> Cause {
    let reason = said.reason();
    Cause::LogDamaged { reason: reason.strip_prefix("panic: ").unwrap_or(&reason).to_owned() }
}
