//! What several clients agree on by way of the store: locks, elections, queues, transactions.

mod claim;
mod election;
mod fence;
mod held;
mod mutex;
mod rw_lock;
mod session;
mod stm;

pub use self::election::{Election, Leader, Leaders, Leadership};
pub use self::fence::Fence;
pub use self::held::Held;
pub use self::mutex::{Mutex, MutexGuard};
pub use self::rw_lock::{ReadGuard, RwLock, WriteGuard};
pub use self::session::{SESSION_TTL, Session, SessionBuilder};
pub use self::stm::{Committed, Isolation, STM_TIMEOUT, Stm, StmOptions};
