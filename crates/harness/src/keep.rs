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
    /// It is kept when the test fails: when the thread panics, or returns an
    /// [`Error`](crate::Error) of this crate.
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
