//! Arbitrary bytes and damaged files, to whatever reads files of others: it neither panics, nor
//! hangs, nor takes more memory than a small multiple of what it was given.
//!
//! Each target runs for `TERCET_FUZZ_SECONDS` (2). A failure prints the input; put it into a file
//! and run the target with `TERCET_FUZZ_INPUT=FILE` to see it again.

#![cfg(feature = "read")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod corpus;
mod driver;
mod mutate;
mod targets;
