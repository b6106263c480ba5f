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
mod outcome;
mod paused;
mod proxy;
mod ready;
mod spoiled;
mod start;
mod stir;
mod successor;
mod user;

pub(crate) use cell::{MemberCell, Role, Standing};
pub use error::{KillError, LeaderError, StartError};
pub use fleet::{Cluster, StartTimes};
pub(crate) use leader::leader;
pub use member::{Down, Member};
pub use outcome::{Exit, GivenUp};
pub(crate) use outcome::{LOG_TAIL_LINES, Log};
pub use paused::Paused;
pub use proxy::{Proxy, ProxyError};
pub(crate) use ready::wait_for;
pub(crate) use start::{ATTEMPTS, hold_place, make_directory, prepare, share, spawn_member};
pub(crate) use successor::Successor;
