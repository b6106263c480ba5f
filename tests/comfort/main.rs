//! Namespaces, pages, streams and the rest of the client's faces, on real fleets.

mod every_rpc;
mod examples;
mod hooks;
mod migration;
mod namespaces;
mod pages;
mod puts;
