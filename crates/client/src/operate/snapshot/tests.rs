//! What no real etcd does: snapshots that end too early, are damaged, or stand still.

use std::path::PathBuf;
use std::sync::Arc;

use h2::server::SendResponse;
use http::HeaderMap;
use prost::Message;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::config::Config;
use crate::error::Outcome;
use crate::fake::{accept, drain, headers, listen, request};

const STORE: [u8; 1024] = [7; 1024];

/// How a server's stream ends.
#[derive(Clone)]
enum End {
    Whole,
    /// Reset, once told: what was sent before may be thrown away with it.
    Reset(Arc<Notify>),
    Never,
    /// It goes on sending messages that have no bytes.
    Empty,
}

fn message(remaining_bytes: usize, blob: &[u8]) -> Bytes {
    let message = pb::SnapshotResponse {
        remaining_bytes: remaining_bytes as u64,
        blob: Bytes::copy_from_slice(blob),
        ..Default::default()
    }
    .encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &message].concat().into()
}

/// What etcd sends of [`STORE`], in two chunks and the digest.
fn whole() -> Vec<Bytes> {
    let mut check = Check::new(STORE.len() as u64);
    check.add(&STORE).unwrap();
    let (first, second) = STORE.split_at(600);
    vec![message(second.len(), first), message(0, second), message(0, &check.digest_of_seen())]
}

async fn serve(mut respond: SendResponse<Bytes>, messages: Vec<Bytes>, end: End) {
    let mut stream = respond.send_response(headers(), false).unwrap();
    for message in messages {
        stream.send_data(message, false).unwrap();
    }
    match end {
        End::Whole => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            stream.send_trailers(trailers).unwrap();
        }
        End::Reset(told) => {
            told.notified().await;
            stream.send_reset(h2::Reason::INTERNAL_ERROR);
        }
        End::Never => std::future::pending().await,
        End::Empty => loop {
            stream.send_data(message(424, &[]), false).unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        },
    }
}

/// A snapshot from a server that sends these messages and then ends the stream like this.
async fn snapshot(messages: Vec<Bytes>, end: End) -> Snapshot {
    let (listener, url) = listen("http").await;
    tokio::spawn(async move {
        let mut connection = accept(&listener).await;
        let (_, respond) = request(&mut connection).await;
        tokio::spawn(serve(respond, messages, end));
        drain(connection).await;
    });
    let client = Client::connect(Config::new([url.clone()])).await.unwrap();
    client.snapshot(&url).await.unwrap().stall_timeout(Duration::from_millis(300))
}

/// What comes of it in a file, which was there before.
async fn saved(messages: Vec<Bytes>, end: End) -> (Result<SavedSnapshot>, TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("backup.db");
    std::fs::write(&path, "the last one").unwrap();
    let saved = snapshot(messages, end).await.save(&path).await;
    let names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    (saved, directory, path)
}

fn text(error: &Error) -> String {
    assert_eq!(error.outcome(), Outcome::NotApplied);
    error.to_string().replace(error.endpoint().unwrap(), "URL")
}

#[tokio::test]
async fn a_whole_one_is_saved_and_replaces_the_last() {
    let (result, _directory, path) = saved(whole(), End::Whole).await;
    let result = result.unwrap();
    assert_eq!(result.bytes(), 1024 + 32);
    let file = std::fs::read(&path).unwrap();
    assert_eq!(file[..1024], STORE);
    assert_eq!(file[1024..], result.sha256());
    assert_eq!(SavedSnapshot::read(&path).unwrap(), result);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_whole_one_is_read_chunk_by_chunk() {
    let mut snapshot = snapshot(whole(), End::Whole).await;
    let (mut remaining, mut bytes) = (Vec::new(), Vec::new());
    while let Some(chunk) = snapshot.next().await {
        let chunk = chunk.unwrap();
        assert_eq!(chunk.total_bytes(), 1024 + 32);
        remaining.push(chunk.remaining_bytes());
        bytes.extend_from_slice(chunk.bytes());
    }
    assert_eq!(remaining, [456, 32, 0]);
    assert_eq!(bytes.len(), 1024 + 32);
    assert!(snapshot.next().await.is_none());
}

#[tokio::test]
async fn a_whole_one_is_written_anywhere() {
    let mut bytes = Vec::new();
    let saved = snapshot(whole(), End::Whole).await.write_to(&mut bytes).await.unwrap();
    assert_eq!(bytes.len() as u64, saved.bytes());
}

#[tokio::test]
async fn one_that_ends_too_early_leaves_the_last_one() {
    for (kept, bytes) in [(1, 600), (2, 1024)] {
        let (result, _directory, path) = saved(whole()[..kept].to_vec(), End::Whole).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedSnapshot);
        let early = format!("the snapshot ended too early, after {bytes} of 1056 bytes");
        assert_eq!(text(&error), format!("snapshot at URL: {early}; ask for another"));
        assert_eq!(std::fs::read(&path).unwrap(), b"the last one");
    }
}

#[tokio::test]
async fn one_whose_member_goes_away_says_how_far_it_came() {
    let told = Arc::new(Notify::new());
    let mut snapshot = snapshot(whole()[..1].to_vec(), End::Reset(told.clone())).await;
    assert_eq!(snapshot.next().await.unwrap().unwrap().bytes().len(), 600);
    told.notify_one();
    let error = snapshot.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    insta::assert_snapshot!(text(&error), @"snapshot at URL: the connection ended before the answer came, after 600 of 1056 bytes");
    assert!(snapshot.next().await.is_none());
}

#[tokio::test]
async fn one_that_is_damaged_leaves_the_last_one() {
    let mut messages = whole();
    messages[1] = message(0, &[8; 424]);
    let (result, _directory, path) = saved(messages, End::Whole).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DamagedSnapshot);
    insta::assert_snapshot!(text(&error), @"snapshot at URL: the snapshot is not what its SHA-256 says: it is damaged; ask for another");
    assert_eq!(std::fs::read(&path).unwrap(), b"the last one");
}

#[tokio::test]
async fn one_that_stands_still_is_given_up() {
    for end in [End::Never, End::Empty] {
        let (result, _directory, _) = saved(whole()[..1].to_vec(), end).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let still = "nothing came for 300.0ms, after 600 of 1056 bytes";
        assert_eq!(text(&error), format!("snapshot at URL: {still}"));
    }
}

#[tokio::test]
async fn one_that_has_nothing_is_no_snapshot() {
    let (listener, url) = listen("http").await;
    tokio::spawn(async move {
        let mut connection = accept(&listener).await;
        let (_, respond) = request(&mut connection).await;
        tokio::spawn(serve(respond, Vec::new(), End::Whole));
        drain(connection).await;
    });
    let client = Client::connect(&*url).await.unwrap();
    let error = client.snapshot(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DamagedSnapshot);
    insta::assert_snapshot!(text(&error), @"snapshot at URL: the server ended the stream before it sent anything");
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("missing/backup.db");
    let error = snapshot(whole(), End::Whole).await.save(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let text = text(&error).replace(&path.display().to_string(), "PATH");
    insta::assert_snapshot!(text, @"snapshot at URL: there can be no new file beside PATH");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("No such file"));
}

#[tokio::test]
async fn given_up_by_its_owner_it_leaves_nothing() {
    let directory = TempDir::new().unwrap();
    let names = || std::fs::read_dir(&directory).unwrap().count();
    let path = directory.path().join("backup.db");
    let saving = tokio::spawn(
        snapshot(whole()[..1].to_vec(), End::Never).await.stall_timeout(Duration::MAX).save(path),
    );
    while names() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    saving.abort();
    while names() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_file_that_is_no_snapshot_is_told() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("backup.db");
    let error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = SavedSnapshot::read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedSnapshot);
        error.to_string().replace(&path.display().to_string(), "PATH")
    };
    // As copied from a member's directory.
    insta::assert_snapshot!(error(&STORE), @"snapshot: PATH: there is no SHA-256 at its end: it is cut off, or no snapshot");
    insta::assert_snapshot!(error(&[0; 1024 + 32]), @"snapshot: PATH: the snapshot is not what its SHA-256 says: it is damaged; ask for another");
    let error = SavedSnapshot::read(directory.path().join("missing")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
