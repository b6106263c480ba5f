//! What a client tells of its work: to an observer, and to `tracing`.

mod hooks;
mod observer;
mod record;

pub(crate) use self::hooks::{Hooks, Lifetime};
pub use self::observer::{
    AttemptFailed, ConnectFailed, Connected, Disconnected, Observer, RequestEnd, RequestEnded,
    WatchResumed,
};
pub(crate) use self::record::Record;
