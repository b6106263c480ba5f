//! What the doctor may know.

use std::fmt;
use std::path::PathBuf;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::live::Answer;
use super::{Settings, Url};
use crate::etcd::{Go, Version};

/// Everything that is judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Description {
    /// The etcd that runs, or shall.
    pub etcd: Version,
    /// The Go that it was built with, where someone looked (`etcd --version`). Else all that a
    /// build of this version may come from are thought of: [`Release::go`].
    ///
    /// [`Release::go`]: crate::etcd::Release::go
    pub go: Option<Go>,
    /// The time by which certificates are judged.
    pub now: OffsetDateTime,
    /// The members that are known. What is between two of them is judged where both are.
    pub members: Vec<Member>,
    /// The clients that are known.
    pub clients: Vec<Client>,
    /// Certificates, keys and lists that belong to nobody in particular: each is judged by itself,
    /// and against the others.
    pub loose: Vec<File>,
    /// What ports answered to those who dialled them, where somebody did. Those of one port count
    /// in their order.
    pub answers: Vec<Answer>,
}

impl Description {
    /// Of nothing yet, to be added to.
    #[must_use]
    pub const fn new(etcd: Version, now: OffsetDateTime) -> Self {
        Self {
            etcd,
            go: None,
            now,
            members: Vec::new(),
            clients: Vec::new(),
            loose: Vec::new(),
            answers: Vec::new(),
        }
    }
}

/// A member: what it was told, and what it finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Member {
    /// What it was told.
    pub settings: Settings,
    /// The files that its settings name, each once.
    pub files: Vec<File>,
    /// When its process started, where one is running.
    pub started: Option<OffsetDateTime>,
}

impl Member {
    /// A member that is not known to run.
    #[must_use]
    pub const fn new(settings: Settings, files: Vec<File>) -> Self {
        Self { settings, files, started: None }
    }
}

/// A client: `etcdctl`, `curl`, a program.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Client {
    /// The URLs it dials; none: those that the members advertise.
    pub urls: Vec<Url>,
    /// `--cacert`; none: the authorities of the machine.
    pub trusted_ca_file: Option<File>,
    /// `--cert`.
    pub cert_file: Option<File>,
    /// `--key`.
    pub key_file: Option<File>,
}

/// A file and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// As the settings name it.
    pub path: PathBuf,
    /// What was found.
    pub state: FileState,
}

impl File {
    /// What was found at `path`.
    #[must_use]
    pub const fn new(path: PathBuf, state: FileState) -> Self {
        Self { path, state }
    }
}

/// Why a file of somebody else's cannot be read: what [`FileState::Unreadable`] then says.
pub(crate) const PERMISSION_DENIED: &str = "permission denied";

/// What was found where a file should be.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// Nothing.
    Missing,
    /// Something that could not be read, and why: `permission denied` says nothing of whether etcd
    /// may read it, which may run as another user.
    Unreadable(String),
    /// A file.
    Present {
        /// What is in it; wiped on drop, since it may be a key.
        contents: Zeroizing<Vec<u8>>,
        /// Its Unix permissions, `0o600`; `None` where there are none.
        mode: Option<u32>,
        /// When it was last changed, where that is known.
        modified: Option<OffsetDateTime>,
    },
}

/// Without the contents, which may be a key.
impl fmt::Debug for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::Unreadable(why) => f.debug_tuple("Unreadable").field(why).finish(),
            Self::Present { contents, mode, modified } => f
                .debug_struct("Present")
                .field("bytes", &contents.len())
                .field("mode", mode)
                .field("modified", modified)
                .finish(),
        }
    }
}
