//! Members, and the tools that get etcd, as operating-system processes: spawned, watched, killed and
//! reaped.
//!
//! What is promised: a child never outlives its owner, whatever ends the owner. Four layers hold
//! it, each for what the one before cannot:
//!
//! 1. **Drop** kills and reaps (SIGKILL, a few milliseconds), on any thread, without a runtime.
//! 2. **The parent-death signal** (Linux) kills members at once when the owner dies without its
//!    drops: SIGKILL, `process::exit`, abort. It is bound to the *thread* that spawned the child, so
//!    all are spawned by one thread that lives as long as the process ([`spawner`]).
//! 3. **A watchdog** ([`watchdog`]), a small shell at the other end of a pipe, sees the owner go,
//!    kills what is left and removes the directory. It is what works on every Unix.
//! 4. **A lock and a record** in each run directory ([`run_record`]) say whose it is and what was spawned
//!    for it: what is left when the watchdog died as well, or the machine, is told from what is in use,
//!    and swept by the next start ([`runs`](crate::runs)).

mod child;
mod directory;
mod end;
mod interception;
mod named;
mod port;
mod run_record;
mod sighting;
mod spawner;
mod watchdog;

pub(crate) use child::Child;
pub(crate) use directory::{DirectoryError, RunDirectory, owner_in_name, remove};
pub(crate) use end::{Ended, end};
pub use interception::Unsupported;
pub(crate) use interception::{
    Imposed, Intercepted, Interception, Policy, Rule, check_support, spawn_intercepted,
};
pub(crate) use named::{Naming, naming};
pub use port::PortError;
pub(crate) use port::{HeldPort, Share};
pub use run_record::RunProcessKind;
pub(crate) use run_record::{RECORD, Recorded, Spawned, Unreadable, read};
pub(crate) use sighting::{Condition, IdsMean, Machine, StartTime, look};
pub(crate) use spawner::{Launch, Place, Survival, spawn, spawn_at};
