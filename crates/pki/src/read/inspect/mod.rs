//! What there is: every certificate, key, request and revocation list of a file or a directory, as
//! a table.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tercet_pki::Fleet;
//! use tercet_pki::read::inspect;
//!
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("pki");
//! # let now = time::OffsetDateTime::now_utc();
//! Fleet::generate(["infra1", "infra2", "infra3"])?.write(&dir)?;
//! let inventory = inspect::directory(&dir)?;
//! println!("{}", inventory.table(now));
//! println!("{}", inventory.long(now));
//! # assert!(inventory.table(now).to_string().contains("infra1/server.crt"));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is judged here; that is the doctor's. A few things that are easily overlooked are said
//! below the table: a chain out of order, a key that others can read.
//!
//! Whatever the files hold, this comes to an end: there are limits to the size of a file
//! ([`MAX_FILE_BYTES`](super::MAX_FILE_BYTES)), to their number, to the depth, and to the number of
//! signatures that are checked.

mod classify;
mod gather;
mod grid;
mod long;
mod notes;
mod relations;
mod table;
mod words;

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

pub use gather::{InspectError, MAX_DEPTH, MAX_FILES, at, directory, file};
pub use long::Long;
pub use table::Table;

use super::{
    CertificateDetails, PrivateKeyDetails, ReadError, RequestDetails, RevocationListDetails,
};
use relations::Relations;

/// What was found.
#[derive(Clone, Debug)]
pub struct Inventory {
    root: PathBuf,
    files: Vec<InspectedFile>,
    unreadable: Vec<Unreadable>,
    relations: Relations,
}

/// A file, and what is in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its Unix permissions, `0o600`; `None` where there are none.
    pub mode: Option<u32>,
    /// What is in it, in order.
    pub contents: Vec<Content>,
}

/// One thing in a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// A certificate.
    Certificate(Box<CertificateDetails>),
    /// A private key.
    PrivateKey(Box<PrivateKeyDetails>),
    /// A request for a certificate.
    Request(Box<RequestDetails>),
    /// A revocation list.
    RevocationList(Box<RevocationListDetails>),
    /// Something that says that it is one of these, and is not.
    Broken(ReadError),
}

/// A file or a directory that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// Where it is.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

/// What some bytes hold. `name` is what the table calls them.
#[must_use]
pub fn bytes(name: impl Into<PathBuf>, bytes: &[u8]) -> Inventory {
    let path = name.into();
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    match classify::contents(bytes) {
        Ok(contents) if contents.is_empty() => {
            unreadable.push(Unreadable { path, why: classify::NOTHING.to_owned() });
        }
        Ok(contents) => files.push(InspectedFile { path, mode: None, contents }),
        Err(error) => unreadable.push(Unreadable { path, why: error.to_string() }),
    }
    Inventory::new(PathBuf::new(), files, unreadable)
}

impl Inventory {
    fn new(root: PathBuf, files: Vec<InspectedFile>, unreadable: Vec<Unreadable>) -> Self {
        let relations = Relations::find(&files);
        Self { root, files, unreadable, relations }
    }

    /// The files that hold something, in order of their paths.
    pub fn files(&self) -> &[InspectedFile] {
        &self.files
    }

    /// What could not be read.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// All certificates, in order.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDetails> {
        self.files.iter().flat_map(|file| &file.contents).filter_map(|content| match content {
            Content::Certificate(certificate) => Some(&**certificate),
            _ => None,
        })
    }

    /// As a table, a line or a few for each thing, with days left as of `now`.
    #[must_use]
    pub fn table(&self, now: OffsetDateTime) -> Table<'_> {
        Table { inventory: self, now }
    }

    /// With everything that is known, a paragraph for each thing.
    #[must_use]
    pub fn long(&self, now: OffsetDateTime) -> Long<'_> {
        Long { inventory: self, now }
    }

    /// How a path is called: below the directory that was asked for, and so that it disturbs no
    /// terminal.
    fn called(&self, path: &Path) -> String {
        let path = match path.strip_prefix(&self.root) {
            Ok(below) if !below.as_os_str().is_empty() => below,
            _ => path,
        };
        words::printable(&path.to_string_lossy())
    }

    /// How the place of a thing is called: its file, and its number where there are several.
    fn place(&self, place: relations::Place) -> String {
        let Some(file) = self.files.get(place.file) else { return String::new() };
        let path = self.called(&file.path);
        if file.contents.len() > 1 { format!("{path} #{}", place.content + 1) } else { path }
    }
}

#[cfg(test)]
mod tests;
