//! One certificate.

use std::fmt;

/// One X.509 certificate, as it was signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(rcgen::Certificate);

impl Certificate {
    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// The certificate as one PEM block.
    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

impl From<rcgen::Certificate> for Certificate {
    fn from(certificate: rcgen::Certificate) -> Self {
        Self(certificate)
    }
}

/// The size and no more: 400 numbers help nobody in a failed assertion.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der().len())
    }
}
