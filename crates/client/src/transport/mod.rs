//! How a request comes to a member and its answer back: endpoints, connections, trust, retries, and
//! what an end means.

pub(crate) mod call;
pub(crate) mod channel;
pub(crate) mod classify;
pub(crate) mod codec;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod ended;
pub(crate) mod endpoint;
pub(crate) mod health;
pub(crate) mod keep_alive;
pub(crate) mod line;
pub(crate) mod member;
pub(crate) mod picker;
pub(crate) mod rejection;
pub(crate) mod socket;
pub(crate) mod sync;
pub(crate) mod tls;
pub(crate) mod tls_words;
pub(crate) mod wire;

pub use self::tls::Tls;
