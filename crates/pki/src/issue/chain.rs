//! A certificate with those that lead from it to a root.

use crate::Certificate;

/// A certificate, and what a server or client sends along with it: the intermediates between it
/// and a root, and never the root itself, which the other side has or does not trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    certificate: Certificate,
    intermediates: Vec<Certificate>,
}

impl Chain {
    pub(crate) fn new(certificate: Certificate, intermediates: Vec<Certificate>) -> Self {
        Self { certificate, intermediates }
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What follows it, the nearest first: intermediates, and cross certificates.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// What goes into a certificate file: PEM, the certificate first.
    pub fn pem(&self) -> String {
        let mut pem = self.certificate.pem();
        for certificate in &self.intermediates {
            pem.push_str(&certificate.pem());
        }
        pem
    }
}

/// Signed by a root: nothing ships with it.
impl From<Certificate> for Chain {
    fn from(certificate: Certificate) -> Self {
        Self::new(certificate, Vec::new())
    }
}
