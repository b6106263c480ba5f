//! What is wrong with a fleet that runs: its ports are asked, and what they say is laid beside what
//! the doctor of `tercet-pki` finds in its files and settings.

pub mod probe;
