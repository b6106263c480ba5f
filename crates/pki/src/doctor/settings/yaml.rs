//! Settings from etcd's configuration file.

use std::path::PathBuf;

use super::keys;
use super::told::{self, Told};
use super::{Origin, Problem, Settings, value};
use crate::etcd::{
    CRL_FILE, FileKind, Flag, FlagKind, SECTION_KEYS, SKIP_CLIENT_SAN_VERIFY, Section, SectionKey,
    Version,
};

mod read;

use read::{Node, Reader, Scalar, Stop};

/// The longest file that is read, in bytes. A real one has a few thousand.
pub const CONFIG_FILE_MAX_BYTES: usize = 256 * 1024;

/// Why no settings can be had from a file, whatever etcd makes of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// More than [`CONFIG_FILE_MAX_BYTES`].
    #[error(
        "it has {bytes} bytes, which no etcd configuration has: at most {CONFIG_FILE_MAX_BYTES} are read"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not text.
    #[error("it is not UTF-8 text")]
    NotUtf8,
    /// YAML that etcd reads and the doctor does not.
    #[error("line {line} has {what}, which is not read here: write it out")]
    Unsupported {
        /// From 1.
        line: usize,
        /// What it is.
        what: &'static str,
    },
}

impl Settings {
    /// What an etcd of `version` makes of a configuration file, which is at `path`.
    ///
    /// Keys, types and defaults are those of etcd's `embed.ConfigFromFile`. A key that etcd does
    /// not know it ignores without a word; here it is among the [`problems`](Self::problems). What
    /// is not YAML, or not a map, is among them too, and no URL is left to judge.
    ///
    /// # Errors
    ///
    /// [`ConfigFileError`] if it cannot be read here.
    pub fn from_config_file(
        path: impl Into<PathBuf>,
        contents: &[u8],
        version: Version,
    ) -> Result<Self, ConfigFileError> {
        let mut settings = Self::new(Origin::ConfigFile);
        settings.config_file = Some(path.into());
        settings.with_config_file(contents, version)
    }

    /// The settings of the file that [`Self::config_file`] names. Of what was said before only the
    /// problems stay.
    ///
    /// # Errors
    ///
    /// [`ConfigFileError`] if it cannot be read here.
    pub fn with_config_file(
        mut self,
        contents: &[u8],
        version: Version,
    ) -> Result<Self, ConfigFileError> {
        if contents.len() > CONFIG_FILE_MAX_BYTES {
            return Err(ConfigFileError::TooLarge { bytes: contents.len() });
        }
        let text = std::str::from_utf8(contents).map_err(|_| ConfigFileError::NotUtf8)?;
        let mut told = Told::new(version, Origin::ConfigFile);
        let read = document(text.strip_prefix('\u{feff}').unwrap_or(text), &mut told);
        let today = match read {
            Ok(()) => None,
            Err(Stop::Syntax { line, because }) => {
                Some(format!("error converting YAML to JSON: yaml: line {line}: {because}"))
            }
            Err(Stop::NotAMap { json }) => Some(format!(
                "{UNMARSHALING}: cannot unmarshal {json} into Go value of type embed.configYAML"
            )),
            Err(Stop::Unsupported { line, what }) => {
                return Err(ConfigFileError::Unsupported { line, what });
            }
        };
        let mut settings = if let Some(today) = today {
            let mut nothing = Self::new(Origin::ConfigFile);
            for urls in [
                &mut nothing.listen_peer_urls,
                &mut nothing.listen_client_urls,
                &mut nothing.advertise_peer_urls,
                &mut nothing.advertise_client_urls,
            ] {
                urls.clear();
            }
            nothing.problems = vec![Problem::Invalid {
                setting: "--config-file".to_owned(),
                value: self.config_file.iter().map(|path| path.display().to_string()).collect(),
                today,
                fix: "write the file as lines of KEY: VALUE".to_owned(),
            }];
            nothing
        } else {
            Self::build(told)
        };
        settings.config_file = self.config_file.take();
        self.problems.append(&mut settings.problems);
        settings.problems = self.problems;
        Ok(settings)
    }
}

/// How Go's JSON begins every complaint about a value.
const UNMARSHALING: &str = "error unmarshaling JSON: while decoding JSON: json";

/// Reads the first document, which is all that etcd reads.
fn document(text: &str, told: &mut Told) -> Result<(), Stop> {
    let mut reader = Reader::new(text);
    match reader.node()? {
        None | Some(Node::Scalar(Scalar::Null)) => Ok(()),
        Some(Node::Map) => top(&mut reader, told),
        Some(Node::Scalar(scalar)) => Err(Stop::NotAMap { json: scalar.json() }),
        Some(Node::List(_)) => Err(Stop::NotAMap { json: "array" }),
    }
}

fn top(reader: &mut Reader<'_>, told: &mut Told) -> Result<(), Stop> {
    while let Some(key) = reader.key()? {
        // The names in Go's JSON match in any case of letters.
        let lower = key.to_ascii_lowercase();
        let node = reader.value()?;
        let sections = [Section::Client, Section::Peer];
        if let Some(section) = sections.into_iter().find(|section| section.key() == lower) {
            section_of(reader, told, section, node)?;
            continue;
        }
        let go_key = |section: &Section| section.go_key().eq_ignore_ascii_case(&key);
        if let Some(section) = sections.into_iter().find(go_key) {
            go_section(reader, told, section, node)?;
            continue;
        }
        if lower == "discovery-config" && matches!(node, Node::Map) {
            discovery(reader, told)?;
            continue;
        }
        if matches!(node, Node::Map) {
            reader.skip()?;
        }
        match Flag::named(&lower).filter(|flag| keys::is_top_key(flag, told.version)) {
            Some(flag) => {
                let name = flag.name();
                if let Some(value) = take(told, &key, flag.file_kind(), node) {
                    checked(told, flag, &key, value);
                } else {
                    told.forget(name);
                }
            }
            None if keys::is_other_key(&key) || says_nothing(&lower, &node) => {}
            None => unknown_at_top(told, &key, &lower),
        }
    }
    Ok(())
}

/// A value of the right type.
enum Value {
    Text(String),
    List(Vec<String>),
}

/// Keeps a value, if etcd takes it.
fn checked(told: &mut Told, flag: &'static Flag, key: &str, value: Value) {
    let text = match value {
        Value::List(list) => return told.set_list(flag.name(), list, key.to_owned()),
        Value::Text(text) => text,
    };
    if flag.kind() == FlagKind::Urls {
        // A text without any leaves the default.
        if text.is_empty() {
            return;
        }
        if let Some(error) = value::urls(&text).1
            && value::check(flag, &text).is_err()
        {
            // So it is in etcd: the one is called by the name of the other.
            let name = match flag.name() {
                "advertise-client-urls" => "advertise-peer-urls",
                name => name,
            };
            told.problems.push(Problem::Invalid {
                setting: key.to_owned(),
                value: text.clone(),
                today: format!("unexpected error setting up {name}: {}", error.today()),
                fix: value::fix(&error),
            });
        }
    }
    if flag.name() == "initial-cluster-state" && !matches!(text.as_str(), "" | "new" | "existing") {
        told.problems.push(Problem::Invalid {
            setting: key.to_owned(),
            value: text.clone(),
            today: format!("unexpected clusterState {text:?}"),
            fix: "write new or existing".to_owned(),
        });
    }
    told.set(flag.name(), &text, key.to_owned());
}

/// `discovery-config`, of which it matters here whether there is a discovery.
fn discovery(reader: &mut Reader<'_>, told: &mut Told) -> Result<(), Stop> {
    while let Some(key) = reader.key()? {
        match (reader.value()?, key.eq_ignore_ascii_case("client")) {
            (Node::Map, true) => {
                while let Some(key) = reader.key()? {
                    let node = reader.value()?;
                    if matches!(node, Node::Map) {
                        reader.skip()?;
                    } else if key.eq_ignore_ascii_case("endpoints") {
                        let path = format!("discovery-config.client.{key}");
                        if let Some(Value::List(list)) = take(told, &path, FileKind::List, node) {
                            told.set_list("discovery-endpoints", list, path);
                        }
                    }
                }
            }
            (Node::Map, false) => reader.skip()?,
            _ => {}
        }
    }
    Ok(())
}

/// `client-transport-security`, `peer-transport-security`.
fn section_of(
    reader: &mut Reader<'_>,
    told: &mut Told,
    section: Section,
    node: Node,
) -> Result<(), Stop> {
    match node {
        Node::Map => {}
        Node::Scalar(Scalar::Null) => return Ok(()),
        Node::Scalar(other) => {
            refuse(told, section.key(), other.json(), "embed.securityConfig", other.shown());
            return Ok(());
        }
        Node::List(_) => {
            refuse(told, section.key(), "array", "embed.securityConfig", String::new());
            return Ok(());
        }
    }
    while let Some(key) = reader.key()? {
        let node = reader.value()?;
        if matches!(node, Node::Map) {
            reader.skip()?;
        }
        let lower = key.to_ascii_lowercase();
        let path = format!("{}.{key}", section.key());
        let known = SECTION_KEYS.iter().find(|known| known.key == lower);
        match known.filter(|known| known.is_in(told.version)) {
            Some(known) => match take(told, &path, known.kind(told.version), node) {
                Some(Value::Text(text)) => told.set(known.flag(section), &text, path),
                Some(Value::List(list)) => told.set_list(known.flag(section), list, path),
                None => told.forget(known.flag(section)),
            },
            None if says_nothing(&lower, &node) => {}
            None => {
                let instead = known.is_none().then(|| in_section(told, section, &lower)).flatten();
                let versions = known.map(|known| known.versions().to_owned()).unwrap_or_default();
                unknown(told, path, instead, versions);
            }
        }
    }
    Ok(())
}

/// `ClientTLSInfo`, `PeerTLSInfo`: etcd overwrites what they say where the other section has a key
/// for it.
fn go_section(
    reader: &mut Reader<'_>,
    told: &mut Told,
    section: Section,
    node: Node,
) -> Result<(), Stop> {
    if !matches!(node, Node::Map) {
        return Ok(());
    }
    while let Some(key) = reader.key()? {
        let node = reader.value()?;
        if matches!(node, Node::Map) {
            reader.skip()?;
        }
        let path = format!("{}.{key}", section.go_key());
        if let Some((flag, kind)) = go_field(section, &key, told.version) {
            if let Some(Value::Text(text)) = take(told, &path, kind, node) {
                told.set(flag, &text, path);
            }
        } else {
            let beside = SECTION_KEYS
                .iter()
                .find(|known| known.key.replace('-', "").eq_ignore_ascii_case(&key));
            told.problems.push(Problem::Ignored {
                setting: path,
                because: match beside {
                    Some(known) => {
                        format!("{}.{} takes its place", section.key(), known.key)
                    }
                    None => format!("it is not among the keys of {}", section.key()),
                },
            });
        }
    }
    Ok(())
}

/// What a field of Go's says, if nothing takes its place.
fn go_field(section: Section, key: &str, version: Version) -> Option<(&'static str, FileKind)> {
    if key.eq_ignore_ascii_case(CRL_FILE) {
        return Some((section.revocation_flag(), FileKind::Text));
    }
    if key.eq_ignore_ascii_case(SKIP_CLIENT_SAN_VERIFY) && version < Version::new(3, 6, 0) {
        let flag = "experimental-peer-skip-client-san-verification";
        return (section == Section::Peer).then_some((flag, FileKind::Boolean));
    }
    let is_it =
        |known: &&SectionKey| known.go_field.is_some_and(|field| field.eq_ignore_ascii_case(key));
    let known = SECTION_KEYS.iter().find(is_it).filter(|known| !known.is_in(version))?;
    Some((known.flag(section), known.kind_alone()))
}

/// The value as text, if JSON takes it for `kind`. Nothing for null, which leaves the default.
fn take(told: &mut Told, key: &str, kind: FileKind, node: Node) -> Option<Value> {
    let type_name = match kind {
        FileKind::Boolean => "bool",
        FileKind::Text => "string",
        FileKind::List => "[]string",
        FileKind::Number(name) => name,
    };
    let (json, shown) = match (kind, node) {
        (_, Node::Scalar(Scalar::Null)) => return None,
        (FileKind::Boolean, Node::Scalar(Scalar::Boolean(is))) => {
            return Some(Value::Text(is.to_string()));
        }
        (FileKind::Text, Node::Scalar(Scalar::Text(text)))
        | (FileKind::Number(_), Node::Scalar(Scalar::Number(text))) => {
            return Some(Value::Text(text));
        }
        (FileKind::List, Node::List(items)) => {
            let mut list = Vec::new();
            for item in items {
                match item {
                    Scalar::Text(text) => list.push(text),
                    Scalar::Null => list.push(String::new()),
                    other => {
                        refuse(told, key, other.json(), "string", other.shown());
                        return None;
                    }
                }
            }
            return Some(Value::List(list));
        }
        (_, Node::Scalar(scalar)) => (scalar.json(), scalar.shown()),
        (_, Node::List(_)) => ("array", String::new()),
        (_, Node::Map) => ("object", String::new()),
    };
    refuse(told, key, json, type_name, shown);
    None
}

/// Tells of a value of the wrong type. Between "field" and "of type" etcd has Go's own name of the
/// key, which differs by the Go that it is built with.
fn refuse(told: &mut Told, key: &str, json: &str, type_name: &str, value: String) {
    let fix = match type_name {
        "bool" => "write true or false, without quotes".to_owned(),
        "string" if value.is_empty() => "write one text".to_owned(),
        "string" => format!("write it in quotes: {value:?}"),
        "[]string" => "write a list: [one, two]".to_owned(),
        "time.Duration" => "write a number of nanoseconds, without quotes".to_owned(),
        "embed.securityConfig" => "write keys below it, such as cert-file".to_owned(),
        _ => "write a whole number, without quotes".to_owned(),
    };
    told.problems.push(Problem::Invalid {
        setting: key.to_owned(),
        value,
        today: format!(
            "{UNMARSHALING}: cannot unmarshal {json} into Go struct field … of type {type_name}"
        ),
        fix,
    });
}

/// Whether a key that etcd does not know is better off so: it has no value, or that which etcd has
/// by itself. etcd's own sample file names every key in this way.
fn says_nothing(key: &str, node: &Node) -> bool {
    match node {
        Node::Scalar(Scalar::Null | Scalar::Boolean(false)) => true,
        Node::Scalar(Scalar::Text(text)) => told::is_default(key, text),
        Node::Scalar(Scalar::Number(number)) => number == "0",
        Node::List(items) => items.is_empty(),
        Node::Scalar(Scalar::Boolean(true) | Scalar::Other(_)) | Node::Map => false,
    }
}

/// A key that is none at the top of the file; perhaps it is one of a section's.
fn unknown_at_top(told: &mut Told, key: &str, lower: &str) {
    let flag = Flag::named(lower);
    let here = |name: &str, version: Version| {
        let name = name.split('=').next().unwrap_or(name);
        Flag::named(name).is_some_and(|flag| flag.is_in(version))
    };
    let instead = match flag {
        // etcd takes them all, and so must the file: but they have never had an effect.
        Some(flag) if flag.kind() == FlagKind::Ignored => None,
        Some(flag) if flag.is_in(told.version) => keys::path_of(lower),
        Some(flag) => flag.instead(told.version).and_then(keys::path_of),
        None => told.similar(lower).and_then(keys::path_of),
    };
    let instead = instead
        .filter(|path| path != lower || here(lower, told.version))
        // `feature-gates=MemoryLock=true`, in the language of the file.
        .map(|path| path.replacen('=', ": ", 1));
    let versions = flag.filter(|flag| !flag.is_in(told.version)).map(Flag::versions);
    unknown(told, key.to_owned(), instead, versions.unwrap_or_default());
}

/// What was perhaps meant in a section: a flag's whole name, or the name of a key that is almost
/// this.
fn in_section(told: &mut Told, section: Section, key: &str) -> Option<String> {
    let whole = match section {
        Section::Client => [key.to_owned(), format!("client-{key}")],
        Section::Peer => [key.to_owned(), format!("peer-{key}")],
    };
    for name in whole {
        let flag = Flag::named(&name).map(|flag| match flag.is_in(told.version) {
            true => flag.name(),
            false => flag.instead(told.version).unwrap_or_else(|| flag.name()),
        });
        let path = flag.and_then(keys::path_of).filter(|path| path.contains('.'));
        if path.is_some() {
            return path;
        }
    }
    let name = match section {
        Section::Client => key.to_owned(),
        Section::Peer => format!("peer-{key}"),
    };
    told.similar(&name).and_then(keys::path_of)
}

fn unknown(told: &mut Told, setting: String, instead: Option<String>, versions: String) {
    told.problems.push(Problem::Unknown {
        setting,
        instead,
        versions,
        today: "nothing: etcd does not look at a key that it does not know".to_owned(),
        refused: false,
    });
}

#[cfg(test)]
mod tests;
