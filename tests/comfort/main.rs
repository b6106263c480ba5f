//! Namespaces, pages, streams and the rest of the client's faces, on real fleets.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod every_rpc;
mod examples;
mod hooks;
mod layered_streams;
mod layers;
mod migration;
mod namespaces;
mod observers;
mod pages;
mod puts;
mod recipes_within;
mod refusals;
