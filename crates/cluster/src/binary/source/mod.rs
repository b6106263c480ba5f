//! The places that an etcd can be got from.

mod apt;
mod apt_lists;
mod copy;
mod delivery;
mod pip;
mod transfer;
mod unpack;
mod upstream;

pub(super) use delivery::{Failure, deliver};
