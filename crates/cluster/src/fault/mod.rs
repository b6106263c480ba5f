//! How a fleet is broken on purpose: precisely, and so that it heals when the guard is dropped.

mod certificate;
mod clock;
mod crash;
mod dice;
mod disk;
mod end;
mod error;
mod link;
mod links;
mod nemesis;
mod pause;
mod support;

pub use certificate::{CertificateFault, CertificateFlaw, ParseFlawError, StrangerTrusted};
pub use clock::ClockFault;
pub use crash::{CrashAt, StartPoint};
pub use disk::{DiskError, DiskFault};
pub use end::End;
pub use error::FaultError;
pub(crate) use link::CutLinks;
pub use link::LinkFault;
#[doc(hidden)]
pub use links::Detour;
pub use links::{Carriage, LinkPolicy, LinkTraffic};
pub(crate) use links::{Links, Real};
pub(crate) use nemesis::Journal;
pub use nemesis::{
    Act, Deed, Menu, Nemesis, NemesisError, ParseMenuError, ParseScheduleError, Rampage, Schedule,
    Step as NemesisStep, StepError, Target,
};

pub use crate::cluster::Paused;
