//! Over which endpoints requests are spread.

/// Which endpoint a request is sent to first.
///
/// Either way an endpoint that fails is left out for a while, from a quarter of a second to five, the
/// longer the more often in a row, and then tried again by one request; the first that succeeds has it
/// back in its place. When all have failed, all are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Balance {
    /// Each in turn, from one at random on, as etcd's own client does. All members share the load,
    /// and there is a connection to each.
    #[default]
    RoundRobin,
    /// The first that works, in the order given, and there it stays until that fails. There is one
    /// connection, and what a single client does is seen in one member's log.
    InOrder,
}
