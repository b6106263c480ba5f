//! Tests of the doctor as a whole.

mod arbitrary;
mod handshakes;
mod healthy;
pub(crate) mod lab;
mod live;
mod quiet;
mod rules;
mod settings_rules;
mod tutorial;
