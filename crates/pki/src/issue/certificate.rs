//! One certificate.

use std::fmt;

use super::der::ToBeSigned;
use crate::IssueError;

/// One X.509 certificate, as it was signed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    der: Vec<u8>,
}

impl Certificate {
    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as one PEM block.
    pub fn pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("CERTIFICATE", self.der.as_slice()),
            // Unix line ends everywhere, so that a fleet written on one system is the same on another.
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    }

    pub(crate) fn from_der(der: Vec<u8>) -> Self {
        Self { der }
    }

    pub(crate) fn into_der(self) -> Vec<u8> {
        self.der
    }

    /// Its parts.
    pub(crate) fn fields(&self) -> Result<ToBeSigned, IssueError> {
        ToBeSigned::read(&self.der).map_err(IssueError::surgery)
    }
}

/// The size and no more: 400 numbers help nobody in a failed assertion.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der.len())
    }
}

impl AsRef<Self> for Certificate {
    fn as_ref(&self) -> &Self {
        self
    }
}
