//! In which form a member is told its settings.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tercet_pki::etcd::{DEFAULTS_NOT_OF_FILES, FileKey, FileKind, Flag, FlagValue};

use super::error::PlanError;
use super::settings::Settings;
use crate::binary::{Release, Version};

mod yaml;

use yaml::{Map, Value};

/// In which form members are told their settings: each of the three that etcd has. The fleet is the
/// same in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Configuration {
    /// On their command lines: `--name=m1`.
    #[default]
    Flags,
    /// In their environments: `ETCD_NAME=m1`.
    Environment,
    /// In a file in each member's directory (`--config-file`), readable by its owner only, written
    /// before each start.
    File,
}

impl Configuration {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Flags, Self::Environment, Self::File];

    const fn word(self) -> &'static str {
        match self {
            Self::Flags => "flags",
            Self::Environment => "env",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Configuration {
    type Err = ParseConfigurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.word() == text);
        found.ok_or_else(|| ParseConfigurationError { text: text.to_owned() })
    }
}

/// A word that names no form of configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no form of configuration: use flags, env or file")]
pub struct ParseConfigurationError {
    text: String,
}

/// A configuration file, to be written before its member is started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigurationFile {
    /// Where it goes.
    pub path: PathBuf,
    /// What is in it: YAML.
    pub text: String,
}

/// Settings in one of the forms.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) file: Option<ConfigurationFile>,
}

impl Settings {
    /// In the form of `configuration`, for `release`; a file would be at `path`.
    pub(super) fn told(
        self,
        configuration: Configuration,
        release: Release,
        path: &Path,
    ) -> Result<Told, PlanError> {
        match configuration {
            Configuration::Flags => {
                let arguments = self.all.iter().map(|(name, value)| flag(name, value)).collect();
                Ok(Told { arguments, ..Told::default() })
            }
            Configuration::Environment => {
                let environment = self.all.into_iter().map(|(name, value)| variable(&name, value));
                let environment = environment.collect::<Result<_, _>>()?;
                Ok(Told { environment, ..Told::default() })
            }
            Configuration::File => {
                let text = file(&self.all, release.version())?;
                let arguments = vec![flag("config-file", path.as_os_str())];
                let file = Some(ConfigurationFile { path: path.to_owned(), text });
                Ok(Told { arguments, file, ..Told::default() })
            }
        }
    }
}

fn flag(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    word
}

/// An empty variable is none to etcd (`pkg/flags/flag.go`, `setFlagFromEnv`).
fn variable(name: &str, value: OsString) -> Result<(OsString, OsString), PlanError> {
    if value.is_empty() {
        return Err(PlanError::EmptyVariable { flag: name.to_owned() });
    }
    let variable = Flag::named(name).map(Flag::variable);
    let variable = variable.ok_or_else(|| PlanError::UnknownFlag { flag: name.to_owned() })?;
    Ok((variable.into(), value))
}

fn file(settings: &[(String, OsString)], version: Version) -> Result<String, PlanError> {
    let mut file = Map::default();
    let defaults = DEFAULTS_NOT_OF_FILES.map(|(name, value)| (name, OsStr::new(value)));
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_os_str()));
    // What is said comes after, and takes the place of a default.
    for (name, value) in defaults.into_iter().chain(settings) {
        let flag =
            Flag::named(name).ok_or_else(|| PlanError::UnknownFlag { flag: name.to_owned() })?;
        let key = flag.file_key(version);
        let key = key.ok_or_else(|| PlanError::NotInFiles { flag: name.to_owned(), version })?;
        let text = value.to_str().ok_or_else(|| PlanError::NotText {
            flag: name.to_owned(),
            value: value.to_string_lossy().into_owned(),
        })?;
        file.set(&key.path, typed(flag, &key, text)?);
    }
    Ok(file.to_string())
}

/// A value as files have it: JSON's types, a list where a flag has commas, and times in nanoseconds.
fn typed(flag: &Flag, key: &FileKey, text: &str) -> Result<Value, PlanError> {
    let parsed = flag.parse(text).map_err(|error| PlanError::Value {
        what: format!("the value of --{}", flag.name()),
        value: text.to_owned(),
        because: error.to_string(),
    })?;
    Ok(match (key.kind, parsed) {
        (FileKind::Boolean, FlagValue::Boolean(is)) => Value::Boolean(is),
        (FileKind::Number(_), FlagValue::Number(number)) => Value::Number(number),
        (FileKind::Number(_), FlagValue::Nanoseconds(number)) => Value::Number(number.into()),
        (FileKind::List, _) => Value::List(text.split(',').map(str::to_owned).collect()),
        _ => Value::Text(text.to_owned()),
    })
}

#[cfg(test)]
mod tests;
