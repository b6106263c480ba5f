//! Why something could not be read.

use super::MAX_FILE_BYTES;

/// Why a file, or a part of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// More than anyone's certificates: not read at all.
    #[error("{bytes} bytes are too many for certificates; at most {MAX_FILE_BYTES} are read")]
    TooBig {
        /// How many there are.
        bytes: usize,
    },
    /// There is nothing of the kind that was looked for.
    #[error("there is no {what} in it, neither as PEM nor as DER")]
    Nothing {
        /// "certificate", "private key", "revocation list".
        what: &'static str,
    },
    /// What should be one is none.
    #[error("this is no {what}: {go}")]
    Malformed {
        /// "certificate", "private key", "revocation list".
        what: &'static str,
        /// What Go says to it.
        go: String,
    },
    /// A PEM block begins and does not end, or there is no base64 between.
    #[error(
        "{label} begins there, and has no END line of its own or no sound base64: Go passes over it"
    )]
    Unfinished {
        /// What it says that it is.
        label: String,
    },
    /// One PEM block of several could not be read.
    #[error("the PEM block in line {line}")]
    Block {
        /// The line that the block begins in, from 1.
        line: usize,
        /// Why not.
        source: Box<Self>,
    },
}

impl ReadError {
    pub(crate) fn certificate(go: impl Into<String>) -> Self {
        Self::Malformed { what: "certificate", go: go.into() }
    }

    pub(crate) fn in_line(self, line: usize) -> Self {
        Self::Block { line, source: Box::new(self) }
    }
}
