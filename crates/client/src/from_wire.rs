//! From the wire's types to ours.

/// Like `From`, but nobody sees it: an `impl From` would show the wire's types in the docs, and
/// make them part of what we promise.
pub(crate) trait FromWire<W> {
    fn from_wire(wire: W) -> Self;
}

/// Each of a list.
pub(crate) fn all<W, T: FromWire<W>>(wire: Vec<W>) -> Vec<T> {
    wire.into_iter().map(T::from_wire).collect()
}
