//! The environment of a process that is planned.

use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;

/// Where Go finds its proxy; see [`Linked`](super::Linked).
pub(super) const PROXY: &str = "HTTPS_PROXY";

/// Names and values. One of them is a secret, which is not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Environment(pub(super) Vec<(OsString, OsString)>);

impl Deref for Environment {
    type Target = Vec<(OsString, OsString)>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| match name.to_str() {
            Some(PROXY) => (name.as_os_str(), "…".as_ref()),
            _ => (name.as_os_str(), value.as_os_str()),
        });
        f.debug_list().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let variables = vec![("GOGC".into(), "800".into()), (PROXY.into(), "secret".into())];
        let shown = format!("{:?}", Environment(variables));
        assert_eq!(shown, r#"[("GOGC", "800"), ("HTTPS_PROXY", "…")]"#);
    }
}
