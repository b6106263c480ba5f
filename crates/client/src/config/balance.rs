//! Over which endpoints requests are spread.

/// Which endpoint a request is sent to first.
///
/// Either way an endpoint that fails is left out for a while, from a quarter of a second to five, the
/// longer the more often in a row, and then tried again by one request; the first that succeeds has it
/// back in its place. When all have failed, all are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Balance {
    /// The one with the fewest requests under way, and of those that have equally few the one that was
    /// asked last; it begins with one at random.
    ///
    /// Under load all members share it, and one that is slow has less of it. A client that asks for one
    /// thing at a time stays where it is: one connection, which is awake, is quicker than one to each
    /// member, of which each has slept since its last turn (measured: two thirds of the processor time). Streams,
    /// which stay where they were opened, go to each member in turn.
    #[default]
    LeastRequests,
    /// The first that works, in the order given, and there it stays until that fails. There is one
    /// connection, and what a single client does is seen in one member's log.
    InOrder,
}
