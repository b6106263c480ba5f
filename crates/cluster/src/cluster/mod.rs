//! The running fleet.

mod blame;
mod cell;
mod discovery;
mod entrance;
mod error;
mod fleet;
mod latest;
mod leader;
mod member;
mod proxy;
mod ready;
mod start;
mod successor;
mod user;

pub(crate) use cell::{MemberCell, Role, Standing};
pub use error::{KillError, LeaderError, StartError};
pub(crate) use error::{LOG_TAIL_LINES, Log};
pub use fleet::{Cluster, StartTimes};
pub(crate) use leader::leader;
pub use member::{Down, Member};
pub use proxy::{Proxy, ProxyError};
pub(crate) use start::{ATTEMPTS, hold_ports, make_directory, prepare, share, spawn_member};
pub(crate) use successor::Successor;
