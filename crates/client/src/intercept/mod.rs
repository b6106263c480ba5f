//! What users put between the client and its connections.

mod call;
mod exchange;
mod function;

pub use self::call::{Call, InvalidMetadata, Reply};
pub(crate) use self::exchange::Outgoing;
pub use self::exchange::{CallError, Exchange, Exchanging};
pub(crate) use self::function::Intercept;

/// An error of any type, as tower's own parts give it.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
