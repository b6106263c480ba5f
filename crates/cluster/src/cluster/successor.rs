//! The next authority of a fleet, while it is on its way in.

use std::collections::HashMap;

use tercet_pki::{Authority, Certificate};

/// An authority that some of the fleet's certificates are of already. It is kept until all are, so
/// that whatever stopped a rotation, the next call goes on with the same one.
#[derive(Clone, Debug)]
pub(crate) struct Successor {
    pub(crate) authority: Authority,
    /// For its key, from the authority before it; made when it is needed.
    pub(crate) cross: Option<Certificate>,
    /// The names of the authorities, in DER, that proxies have read, by their processes: of those
    /// that run since before the file changed. Unlike members, not all of them show it.
    pub(crate) read_before: HashMap<u32, Vec<Vec<u8>>>,
}
