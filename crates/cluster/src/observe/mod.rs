//! What the members say of themselves in their logs.

mod log;
mod progress;
mod readable;
mod refusal;

pub(crate) use log::LogFollower;
pub use log::log_tail;
pub(crate) use progress::Progress;
pub use readable::readable;
pub use refusal::{PortKind, Refusal, RefusalCause, RefusedLink, explain};
