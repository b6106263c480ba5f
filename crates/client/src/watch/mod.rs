//! Being told of changes.
//!
//! Progress that is asked for is no safe place to resume from on every etcd: before 3.4.25 and 3.5.8
//! the answer overtakes events that are still queued (`server/etcdserver/api/v3rpc/watch.go`: it is
//! sent on the control channel, with the store's revision), so on those it must move neither the
//! revision to resume from nor what a cache says that it has seen. Periodic progress goes through
//! the watch's own queue and is in order everywhere.

mod cache;
mod feed;
mod flow;
mod hub;
mod list;
mod open;
mod refusal;
mod request;
mod response;
mod trunk;
mod watcher;

pub use self::cache::{Cache, CacheSnapshot, CacheState};
pub use self::list::Listed;
pub use self::request::{WATCH_BUFFER_BYTES, WATCH_BUFFER_EVENTS, Watch};
pub use self::response::{Event, WatchResponse};
pub use self::watcher::Watcher;

pub(crate) use self::hub::Hub;

use crate::transport::call::Operation;

const WATCH: Operation = Operation::read("watch");
