//! What several clients agree on by way of the store: locks, elections, queues, transactions.

mod fence;
mod session;
mod stm;

pub use self::fence::Fence;
pub use self::session::{SESSION_TTL, Session, SessionBuilder};
pub use self::stm::{Committed, Isolation, STM_TIMEOUT, Stm, StmOptions};
