//! The release archives of the etcd project, from its own mirrors or the user's.

use std::time::{Duration, Instant};

use super::super::error::Attempt;
use super::super::pins::{ArchivePin, platform};
use super::super::store::failed;
use super::super::{DEFAULT_VERSION, Source};
use super::delivery::{Delivery, Failure, Job};
use super::transfer::{TransferError, transfer};
use super::unpack::tar_gz;

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
                Ok(delivery) => return Ok(delivery),
                Err(Miss { attempt, not_there }) => {
                    attempts.push(attempt);
                    if !not_there {
                        break;
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
            Ok(delivery) => return Ok(delivery),
            Err(miss) => attempts.push(miss.attempt),
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
    not_there: bool,
}

fn try_one(
    job: &Job<'_>,
    pin: &ArchivePin,
    url: &str,
    patience: Duration,
) -> Result<Result<Delivery, Miss>, Failure> {
    let miss = |why: String, not_there| {
        Ok(Err(Miss { attempt: Attempt::new(url, why).expecting(&pin.sha256), not_there }))
    };
    let archive = job.workspace.join("archive.partial");
    let sha256 = match transfer(url, &archive, patience, job.locator.progress()) {
        Ok(sha256) => sha256,
        Err(TransferError::NotThere(why)) => return miss(why, true),
        Err(TransferError::Remote(why)) => return miss(why, false),
        Err(TransferError::Write(error)) => return Err(failed("write to", &archive, error).into()),
    };
    if sha256 != pin.sha256 {
        return miss(format!("what came has the sha256 {sha256}: thrown away"), false);
    }
    tar_gz(&archive, &job.unpacked).map_err(|error| job.not_unpacked(url, error))?;
    Ok(Ok(Delivery::Unpacked { file: pin.file.clone(), sha256 }))
}
