//! TLS alerts, as Go names them.

use std::fmt;

/// An alert of TLS: what one side says before it hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alert(u8);

/// Makes the constants and their texts from one list. Source of the texts: `crypto/tls/alert.go`.
macro_rules! alerts {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)+) => {
        impl Alert {
            $($(#[$doc])* pub const $name: Self = Self($code);)+

            fn text(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($text),)+ _ => None }
            }
        }
    };
}

alerts! {
    /// What was sent makes no sense here.
    UNEXPECTED_MESSAGE = 10, "unexpected message";
    /// No cipher suite, or no kind of signature, is common to both.
    HANDSHAKE_FAILURE = 40, "handshake failure";
    /// A certificate is refused; Go before 1.21 says it of every certificate that it refuses, and
    /// before 1.21 and in TLS 1.2 also where none was shown.
    BAD_CERTIFICATE = 42, "bad certificate";
    /// A certificate of a kind that is not understood.
    UNSUPPORTED_CERTIFICATE = 43, "unsupported certificate";
    /// A certificate is revoked. Go never says it.
    CERTIFICATE_REVOKED = 44, "revoked certificate";
    /// A certificate has expired or is not valid yet.
    CERTIFICATE_EXPIRED = 45, "expired certificate";
    /// Another objection to a certificate.
    CERTIFICATE_UNKNOWN = 46, "unknown certificate";
    /// The authority of a certificate is not trusted.
    UNKNOWN_AUTHORITY = 48, "unknown certificate authority";
    /// A certificate is fine and its owner is not let in.
    ACCESS_DENIED = 49, "access denied";
    /// A message cannot be read.
    DECODE_ERROR = 50, "error decoding message";
    /// A signature is wrong: the key is not that of the certificate.
    DECRYPT_ERROR = 51, "error decrypting message";
    /// No version of TLS is common to both.
    PROTOCOL_VERSION = 70, "protocol version not supported";
    /// The side that says it has a fault of its own: Go, where its own certificate cannot be read.
    INTERNAL_ERROR = 80, "internal error";
    /// The name that was asked for is not known: Go, where it has no certificate at all.
    UNRECOGNIZED_NAME = 112, "unrecognized name";
    /// A certificate is demanded and none was shown; TLS 1.3 only.
    CERTIFICATE_REQUIRED = 116, "certificate required";
    /// No protocol above TLS is common to both.
    NO_APPLICATION_PROTOCOL = 120, "no application protocol";
}

impl Alert {
    /// The alert of this number.
    #[must_use]
    pub const fn new(code: u8) -> Self {
        Self(code)
    }

    /// Its number (RFC 8446, 6).
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// As Go writes it after `remote error: tls: `.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "alert({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_as_go_names_them() {
        assert_eq!(Alert::new(48).to_string(), "unknown certificate authority");
        assert_eq!(Alert::new(48), Alert::UNKNOWN_AUTHORITY);
        assert_eq!(Alert::new(200).to_string(), "alert(200)");
        assert_eq!(Alert::CERTIFICATE_REQUIRED.code(), 116);
    }
}
