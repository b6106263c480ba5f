//! What a judge says.

/// Accepted, or refused with the words that were said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused(String),
}

impl Verdict {
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }

    /// What the table says.
    pub(crate) fn word(&self) -> &'static str {
        if self.is_accepted() { "yes" } else { "**no**" }
    }
}

impl<T, E: std::fmt::Debug> From<Result<T, E>> for Verdict {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Accepted,
            Err(error) => Self::Refused(format!("{error:?}")),
        }
    }
}
