//! Being told of changes.

pub(crate) mod request;
pub(crate) mod watcher;

pub use self::request::{Event, Watch, WatchResponse};
pub use self::watcher::Watcher;
