//! What is wrong with a fleet that runs: its ports are asked, and what they say is laid beside what
//! the doctor of `tercet-pki` finds in its files and settings.
//!
//! [`Cluster::diagnose`](crate::Cluster::diagnose) does all of it for a fleet of ours. For others,
//! [`ask_all`] asks the ports of whatever a [`Description`](tercet_pki::doctor::Description) holds,
//! and [`probe`] one port.

mod diagnosis;
mod fleet;
mod logs;
pub mod probe;
mod report;
mod round;

pub use diagnosis::{Diagnosis, Unseen};
pub use report::write_findings;
pub use round::{Asked, ROUND_WITHIN, Target, ask_all};
