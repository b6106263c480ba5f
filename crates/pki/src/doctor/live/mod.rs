//! What a fleet that runs answers: facts for the doctor, collected by someone who dials.
//!
//! Nothing here dials. `tercet-cluster` does, and lays what it was answered into a
//! [`Description`](super::Description); the rules judge it beside the files.

mod alert;
mod answer;
mod case;
mod causes;

pub use alert::Alert;
pub use answer::{Answer, Dialler, Ending, Handshake};
pub(crate) use case::AnswerCase;
pub use causes::{likely_causes, rule_of_log};
