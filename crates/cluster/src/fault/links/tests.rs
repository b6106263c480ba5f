//! The network over real sockets, without etcd: what its table promises, each with its control.

mod aborts;
mod alone;
mod carriage;
mod ends;
mod proxy;
mod timing;
mod world;
