//! Those of the wire's messages that have a password or a token: they do not show it, and wipe it when
//! they are dropped.
//!
//! `cargo xtask proto` generates `Debug` for all others.

use std::fmt;

use zeroize::Zeroize as _;

use crate::generated::etcdserverpb as pb;

impl fmt::Debug for pb::AuthenticateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for pb::AuthenticateResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateResponse").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for pb::AuthUserAddRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthUserAddRequest")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for pb::AuthUserChangePasswordRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthUserChangePasswordRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

// Each attempt has a message of its own. What is encoded of it is not ours to wipe.

impl Drop for pb::AuthenticateRequest {
    fn drop(&mut self) {
        self.password.zeroize();
    }
}

impl Drop for pb::AuthenticateResponse {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

impl Drop for pb::AuthUserAddRequest {
    fn drop(&mut self) {
        self.password.zeroize();
        self.hashed_password.zeroize();
    }
}

impl Drop for pb::AuthUserChangePasswordRequest {
    fn drop(&mut self) {
        self.password.zeroize();
        self.hashed_password.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let secret = || "s3cret".to_owned();
        let name = || "me".to_owned();
        let texts = [
            format!("{:?}", pb::AuthenticateRequest { name: name(), password: secret() }),
            format!("{:?}", pb::AuthenticateResponse { token: secret(), header: None }),
            format!(
                "{:?}",
                pb::AuthUserAddRequest {
                    name: name(),
                    password: secret(),
                    hashed_password: secret(),
                    options: None
                }
            ),
            format!(
                "{:?}",
                pb::AuthUserChangePasswordRequest {
                    name: name(),
                    password: secret(),
                    hashed_password: secret()
                }
            ),
        ];
        for text in texts {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
