//! The doctor: says what is wrong with the TLS of an etcd fleet, by etcd's and Go's own rules.
//!
//! Data walks through three rooms. [`Settings`] are what a member was told, read from a command
//! line, an environment or a YAML file. A [`Description`] is everything the doctor may know:
//! settings, the contents of files, the version and the time. [`Finding`]s come out, and nothing
//! else is looked at on the way: no clock, no disk, no socket. [`look`] is the way there from a
//! directory, a process or a command line.
//!
//! ```
//! use tercet_pki::doctor::{Description, Rule, examine, look};
//! use tercet_pki::etcd::Version;
//! use tercet_pki::{Fleet, Leaf};
//! use time::OffsetDateTime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let dir = scratch.path().join("pki");
//! let fleet = Fleet::generate(["infra1", "infra2"])?;
//! fleet.write(&dir)?;
//! let late = Leaf::server("infra1").host("localhost").expired();
//! fleet.issue(&late)?.replace(dir.join("infra1"), "server")?;
//!
//! let mut description = Description::new(Version::new(3, 5, 1), OffsetDateTime::now_utc());
//! look::directory(&dir)?.add_to(&mut description);
//! let findings = examine(&description);
//! assert_eq!(findings.len(), 1, "said once, at its cause");
//! assert_eq!(findings[0].rule, Rule::Expired);
//! assert_eq!(findings[0].rule.id(), "TLS005-expired");
//! println!("{}\n{}", findings[0].meaning, findings[0].fix);
//! # Ok(())
//! # }
//! ```

mod case;
mod description;
mod document;
mod examine;
mod finding;
mod findings;
pub mod go;
pub mod live;
pub mod look;
mod port;
mod rule;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

pub use description::{Client, Description, File, FileState, Member};
pub use examine::examine;
pub use finding::{Finding, Severity};
pub use port::Port;
pub use rule::Rule;
pub use settings::{
    ArgumentsError, CONFIG_FILE_MAX_BYTES, ConfigFileError, Origin, Problem, Settings, TlsSettings,
    Url, UrlError,
};
