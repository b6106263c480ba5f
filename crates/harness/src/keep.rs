//! What becomes of a cluster's files.

use std::str::FromStr;

/// What becomes of a cluster's directory when the cluster is dropped.
///
/// A kept directory holds the logs, data, certificates and keys of all members, 130 MB each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keep {
    /// It is removed.
    #[default]
    Never,
    /// It is kept when the test fails: when its thread panics, or it returns an
    /// [`Error`](crate::Error) of this crate that was made on its thread, or the cluster does not
    /// become ready. Another error that it returns is not noticed.
    OnFailure,
    /// It is kept.
    Always,
}

impl FromStr for Keep {
    type Err = ParseKeepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self::Never),
            "failure" => Ok(Self::OnFailure),
            "always" => Ok(Self::Always),
            _ => Err(ParseKeepError { text: text.to_owned() }),
        }
    }
}

/// A word that does not say what to keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' does not say when to keep files: use never, failure or always")]
pub struct ParseKeepError {
    text: String,
}
