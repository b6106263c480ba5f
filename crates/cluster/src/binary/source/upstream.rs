//! The release archives of the etcd project, from its own mirrors or the user's.

use std::time::{Duration, Instant};

use super::super::error::Attempt;
use super::super::pins::{ArchivePin, platform};
use super::super::store::failed;
use super::super::{DEFAULT_VERSION, Source};
use super::delivery::{Delivery, Failure, Job};
use super::transfer::{TransferError, transfer};
use super::unpack::{UnpackError, tar_gz};

/// How long etcd's own mirrors together may take to be found unreachable.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn get(job: &Job<'_>) -> Result<Delivery, Failure> {
    let locator = job.locator;
    let platform = platform();
    let version = job.version.unwrap_or(DEFAULT_VERSION);
    let Some(pin) = locator.pins().archive(version, &platform) else {
        let why = format!("no sha256 is known for etcd {version} on {platform}");
        return Err(Attempt::new("upstream release archives", why).into());
    };
    let description = Source::Upstream.description();
    locator.progress().say(&format!("getting etcd {version} from {description} ..."));
    let mut attempts = Vec::new();
    for mirror in locator.mirror_bases() {
        for url in mirror_layouts(mirror, pin) {
            match try_one(job, pin, &url, PATIENCE)? {
                Ok(sha256) => return Ok(delivery(pin, sha256, attempts)),
                Err(Miss { attempt, next }) => {
                    attempts.push(attempt);
                    match next {
                        Next::Layout => {}
                        Next::Mirror => break,
                        Next::Source => return Err(Failure::Source(attempts)),
                    }
                }
            }
        }
    }
    let begun = Instant::now();
    for base in locator.upstream() {
        let url = pin.url(base);
        let patience = PATIENCE.saturating_sub(begun.elapsed());
        if patience.is_zero() {
            let why = "not tried: the time for unreachable places is over";
            attempts.push(Attempt::new(url, why).expecting(&pin.sha256));
            continue;
        }
        match try_one(job, pin, &url, patience)? {
            Ok(sha256) => return Ok(delivery(pin, sha256, attempts)),
            Err(miss) => {
                attempts.push(miss.attempt);
                if matches!(miss.next, Next::Source) {
                    break;
                }
            }
        }
    }
    Err(Failure::Source(attempts))
}

/// A copy of the releases keeps their directories; one file that somebody put there has none.
fn mirror_layouts(base: &str, pin: &ArchivePin) -> [String; 2] {
    [pin.url(base), format!("{}/{}", base.trim_end_matches('/'), pin.file)]
}

struct Miss {
    attempt: Attempt,
    next: Next,
}

/// Where else it may be.
enum Next {
    /// In another place on the same mirror: it said that it has no such file.
    Layout,
    Mirror,
    /// Every mirror's file with this sum has the same in it.
    Source,
}

fn delivery(pin: &ArchivePin, sha256: String, missed: Vec<Attempt>) -> Delivery {
    Delivery::Unpacked { file: pin.file.clone(), sha256, missed }
}

/// Gets and unpacks `url`, and returns its sum.
fn try_one(
    job: &Job<'_>,
    pin: &ArchivePin,
    url: &str,
    patience: Duration,
) -> Result<Result<String, Miss>, Failure> {
    let miss = |why: String, next| {
        Ok(Err(Miss { attempt: Attempt::new(url, why).expecting(&pin.sha256), next }))
    };
    let archive = job.workspace.join("archive.partial");
    let sha256 = match transfer(url, &archive, patience, job.locator.progress()) {
        Ok(sha256) => sha256,
        Err(TransferError::NotThere(why)) => return miss(why, Next::Layout),
        Err(TransferError::Remote(why)) => return miss(why, Next::Mirror),
        Err(TransferError::Write(error)) => return Err(failed("write to", &archive, error).into()),
    };
    if sha256 != pin.sha256 {
        return miss(format!("what came has the sha256 {sha256}: thrown away"), Next::Mirror);
    }
    match tar_gz(&archive, &job.unpacked) {
        Ok(()) => Ok(Ok(sha256)),
        Err(UnpackError::Archive(why)) => miss(why, Next::Source),
        Err(UnpackError::Write(error)) => Err(failed("write to", job.workspace, error).into()),
    }
}
