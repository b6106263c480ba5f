//! The doctor: says what is wrong with the TLS of an etcd fleet, by etcd's and Go's own rules.
//!
//! Data walks through three rooms. [`Settings`] are what a member was told, read from a command
//! line, an environment or a YAML file. A [`Description`] is everything the doctor may know:
//! settings, the contents of files, the version and the time. [`Finding`]s come out, and nothing
//! else is looked at on the way: no clock, no disk, no socket.

mod case;
mod description;
mod document;
mod examine;
mod finding;
mod findings;
pub mod go;
pub mod look;
mod rule;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

pub use description::{Client, Description, File, FileState, Member};
pub use examine::examine;
pub use finding::{Finding, Severity};
pub use rule::Rule;
pub use settings::{
    ArgumentsError, CONFIG_FILE_MAX_BYTES, ConfigFileError, Origin, Problem, Settings, TlsSettings,
    Url, UrlError,
};
