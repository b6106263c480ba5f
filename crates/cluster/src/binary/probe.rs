//! Asks a file whether it is an etcd, and which.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::tool::{Tool, ToolError};
use super::{Release, UnsupportedVersion, Version};

/// etcd answers in 15 ms, and on a machine with far more work than processors in a second. macOS
/// looks at a binary for seconds before it runs it the first time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why a file is not an etcd that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// A directory, but not one that holds an etcd.
    #[error("it is a directory without a file 'etcd' in it")]
    NoEtcdInside,
    /// A socket, a device, or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// Its permissions do not let anybody execute it.
    #[error("it is not executable: chmod +x it")]
    NotExecutable,
    /// It could not be looked at.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// A binary of another platform, or one whose libraries are not here.
    #[error("this machine cannot run it: it is for another, or its loader is not here")]
    NotRunnable(#[source] io::Error),
    /// The system could start nothing, whatever it was.
    #[error("it could not be started")]
    NotStarted(#[source] io::Error),
    /// It ran on.
    #[error("'etcd --version' did not end within {} s", .0.as_secs())]
    Hangs(Duration),
    /// It answered something else.
    #[error("it is not etcd: asked for --version it said '{0}'")]
    NotEtcd(String),
    /// An etcd that Tercet cannot drive.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedVersion),
    /// It ran, but its answer could not be read.
    #[error("its answer could not be kept in a temporary file")]
    Answer(#[source] io::Error),
}

/// The executable that `path` means: itself, or the `etcd` in it.
pub(super) fn executable(path: &Path) -> Result<PathBuf, ProbeError> {
    let path = std::path::absolute(path).map_err(ProbeError::Unreadable)?;
    if metadata(&path)?.is_dir() {
        let inside = path.join("etcd");
        return match metadata(&inside) {
            Err(ProbeError::Missing) => Err(ProbeError::NoEtcdInside),
            Err(error) => Err(error),
            Ok(_) => Ok(inside),
        };
    }
    Ok(path)
}

/// The release of the etcd at `path`; its program is run once per process and file.
pub(super) fn release(path: &Path) -> Result<Release, ProbeError> {
    let metadata = metadata(path)?;
    if !metadata.is_file() {
        return Err(ProbeError::NotAFile);
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProbeError::NotExecutable);
    }
    let key = Identity::new(path, &metadata);
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
    if let Some(release) = known {
        return Ok(release);
    }
    let release = Release::of(ask(path)?)?;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, release);
    Ok(release)
}

static KNOWN: LazyLock<Mutex<HashMap<Identity, Release>>> = LazyLock::new(Mutex::default);

/// A file as it was when it was asked: replaced in place, it is asked anew.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    path: PathBuf,
    modified: Option<SystemTime>,
    length_bytes: u64,
}

impl Identity {
    fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            modified: metadata.modified().ok(),
            length_bytes: metadata.len(),
        }
    }
}

fn metadata(path: &Path) -> Result<Metadata, ProbeError> {
    path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ProbeError::Missing,
        _ => ProbeError::Unreadable(error),
    })
}

fn ask(path: &Path) -> Result<Version, ProbeError> {
    let mut tool = Tool::new(path, ANSWER_WITHIN)
        .args(["--version"])
        .in_own_group()
        // An ETCD_* of the caller's may keep etcd from getting as far as its version.
        .env_where(|name| !name.as_encoded_bytes().starts_with(b"ETCD_"));
    if cfg!(target_arch = "aarch64") {
        // Without it etcd 3.4 refuses this architecture even before it says its version.
        tool = tool.env("ETCD_UNSUPPORTED_ARCH", "arm64");
    }
    let outcome = tool.run().map_err(|error| match error {
        // What the system says of the file (ENOEXEC, and ENOENT of its loader), or of itself.
        ToolError::Start(error) => match error.kind() {
            io::ErrorKind::NotFound => ProbeError::NotRunnable(error),
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                ProbeError::NotRunnable(error)
            }
            _ => ProbeError::NotStarted(error),
        },
        ToolError::Output(error) => ProbeError::Answer(error),
        ToolError::Flood => ProbeError::NotEtcd("more than a megabyte".to_owned()),
        ToolError::Late(limit) | ToolError::Unanswered(limit) | ToolError::Idle(limit) => {
            ProbeError::Hangs(limit)
        }
    })?;
    let version = outcome.text.lines().find_map(|line| line.strip_prefix("etcd Version: "));
    let version = version.and_then(|text| text.trim().parse().ok());
    version.ok_or_else(|| {
        let said = outcome.text.lines().map(str::trim).find(|line| !line.is_empty());
        let said: String = said.unwrap_or_default().chars().take(100).collect();
        ProbeError::NotEtcd(said)
    })
}
