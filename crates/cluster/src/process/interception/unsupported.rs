//! Why a kind of fault cannot be had here.

/// Why a kind of fault cannot be had on this machine, or in this container.
///
/// It was tried, with a small child, and not guessed from a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("faults of a member's {what} cannot be had here: {because}; {fix}")]
#[non_exhaustive]
pub struct Unsupported {
    /// What was to be broken: `disk`, `clock`, or both.
    pub what: &'static str,
    /// Why it cannot.
    pub because: String,
    /// What to do about it.
    pub fix: &'static str,
}

impl Unsupported {
    pub(crate) fn new(what: &'static str, because: impl Into<String>, fix: &'static str) -> Self {
        Self { what, because: because.into(), fix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        let unsupported = Unsupported::new(
            "clock",
            "this machine is no Linux on x86-64 or aarch64",
            "leave such tests out",
        );
        insta::assert_snapshot!(
            unsupported,
            @"faults of a member's clock cannot be had here: this machine is no Linux on x86-64 or aarch64; leave such tests out"
        );
    }
}
