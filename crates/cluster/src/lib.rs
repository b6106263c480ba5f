//! placeholder
pub mod binary;
