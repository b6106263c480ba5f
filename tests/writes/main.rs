//! What became of a write, whatever happens to the members.
