//! Go's rules for certificates, as pure functions: what etcd, `etcdctl` and all other Go programs
//! accept and refuse, and in which words.
//!
//! They are not those of RFC 5280, nor of webpki or OpenSSL. Go checks the dates and the usages of
//! a root, takes a leaf for trusted that is itself in the pool, ignores a leaf's key usage and its
//! common name, and became stricter with its releases. Source of all rules here, unless said
//! otherwise: `crypto/x509/verify.go`, `cert_pool.go` and `x509.go` of Go 1.26, and the release
//! notes of Go 1.15 to 1.26 for what was different before.
//!
//! Not judged: certificate policies.

mod chain;
mod constraints;
mod host;
mod peer;
mod refusal;
mod signature;

pub(crate) use chain::allows;
pub use chain::{Usage, verify};
pub use peer::{PeerRefusal, PeerVerdict, allowed_common_name, allowed_hostname, peer_address};
pub use refusal::{Culprit, Hint, Refusal, Role, SignatureFault};

#[cfg(test)]
mod tests;
