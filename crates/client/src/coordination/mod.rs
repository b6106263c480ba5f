//! What several clients agree on by way of the store: locks, elections, queues, transactions.

mod barrier;
mod claim;
mod double_barrier;
mod doubt;
mod election;
mod fence;
mod held;
mod mutex;
mod queue;
mod rw_lock;
mod server;
mod session;
mod settled;
mod stm;

pub use self::barrier::Barrier;
pub use self::double_barrier::{DoubleBarrier, Entered};
pub use self::election::{Election, Leader, Leaders, Leadership};
pub use self::fence::Fence;
pub use self::held::Held;
pub use self::mutex::{Mutex, MutexGuard};
pub use self::queue::{PriorityQueue, Queue};
pub use self::rw_lock::{ReadGuard, RwLock, WriteGuard};
pub use self::server::{ElectionServer, LockServer, ServerLeaders, ServerLeadership};
pub use self::session::{SESSION_TTL, Session, SessionBuilder};
pub use self::stm::{Committed, Isolation, STM_TIMEOUT, Stm, StmOptions};
