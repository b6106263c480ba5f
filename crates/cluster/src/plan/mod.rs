//! What a fleet will be, decided before anything is touched: pure, without files, sockets or clocks.
//!
//! A [`Spec`] says what is wanted. Together with where the members may listen ([`Address`]) and
//! where their files go it becomes a [`Plan`]: every member's command line, environment, files and
//! certificates. Everything that can be refused is refused here.

mod arguments;
mod fleet;
mod spec;
mod timing;

pub use fleet::{Address, MemberPlan, Plan};
pub use spec::{PlanError, Spec};
pub use timing::{ParseTimingError, Timing};
