//! What of TLS is to be otherwise than etcd has it by itself.

/// What of a fleet's TLS is to be otherwise than etcd has it by itself. As it is made, nothing is.
///
/// ```
/// use tercet_cluster::{Spec, TlsOptions};
///
/// let spec = Spec::default().tls(TlsOptions::default().revocation_list());
/// assert!(spec.tls_options().has_revocation_list());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until a spec has them"]
pub struct TlsOptions {
    revocation_list: bool,
}

impl TlsOptions {
    /// Members look at a list of revoked certificates (`--client-crl-file`, `--peer-crl-file`)
    /// wherever they ask for a certificate. It is empty at the start; etcd reads the file again for
    /// each connection.
    pub const fn revocation_list(mut self) -> Self {
        self.revocation_list = true;
        self
    }

    /// See [`revocation_list`](Self::revocation_list).
    #[must_use]
    pub const fn has_revocation_list(&self) -> bool {
        self.revocation_list
    }
}
