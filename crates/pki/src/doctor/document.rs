//! A file, read once.

use std::path::PathBuf;

use time::OffsetDateTime;

use super::{File, FileState};
use crate::read::CertificateDetails;

/// A file, read once, for whatever it may be used.
#[derive(Debug)]
pub(crate) struct Document {
    /// As the settings name it.
    pub(crate) path: PathBuf,
    /// Whether there is anything to judge.
    pub(crate) presence: Presence,
    /// Its Unix permissions.
    pub(crate) mode: Option<u32>,
    /// When it was last changed.
    pub(crate) modified: Option<OffsetDateTime>,
    /// The certificates of its PEM blocks, in order; without those that are broken.
    pub(crate) certificates: Vec<CertificateDetails>,
}

/// Whether a file is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Missing,
    /// And why not.
    Unreadable(String),
    Present,
}

impl Document {
    pub(crate) fn read(file: &File) -> Self {
        let mut document = Self {
            path: file.path.clone(),
            presence: Presence::Present,
            mode: None,
            modified: None,
            certificates: Vec::new(),
        };
        match &file.state {
            FileState::Missing => document.presence = Presence::Missing,
            FileState::Unreadable(why) => document.presence = Presence::Unreadable(why.clone()),
            FileState::Present { contents: _, mode, modified } => {
                document.mode = *mode;
                document.modified = *modified;
            }
        }
        document
    }

    /// What etcd shows where this is a `--cert-file`: the leaf first. Empty where it shows nothing.
    pub(crate) fn chain(&self) -> &[CertificateDetails] {
        &self.certificates
    }

    /// What etcd trusts where this is a `--trusted-ca-file`. Empty where it is refused.
    pub(crate) fn pool(&self) -> &[CertificateDetails] {
        &self.certificates
    }
}
