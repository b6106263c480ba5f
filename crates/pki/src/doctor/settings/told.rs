//! What was said, flag by flag, before it is made into settings.

use std::collections::BTreeMap;

use super::value::{self, Refused};
use super::{Origin, Problem, keys};
use crate::etcd::{Flag, FlagKind, Version, boolean};

/// The values that were given, by the name of the flag that each stands for.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) version: Version,
    pub(super) origin: Origin,
    values: BTreeMap<&'static str, Value>,
    pub(super) problems: Vec<Problem>,
    suggestions_left: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: String,
    /// What a file has as a list; its text is then the same with commas.
    pub(super) list: Option<Vec<String>>,
    /// As it is written: `--cert-file`, `ETCD_CERT_FILE`, `client-transport-security.cert-file`.
    pub(super) setting: String,
}

/// Where a setting is written, and so how it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Flag,
    Variable,
}

impl Language {
    /// How `flag` is written there; also `log-level=debug`, with its value.
    pub(super) fn write(self, flag: &str) -> String {
        match (self, flag.split_once('=')) {
            (Self::Flag, _) => format!("--{flag}"),
            (Self::Variable, None) => variable(flag),
            (Self::Variable, Some((name, value))) => format!("{}={value}", variable(name)),
        }
    }
}

fn variable(name: &str) -> String {
    format!("ETCD_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// For how many unknown names a similar one is looked for: it takes a while for each, and after
/// this many it is not a slip of the fingers.
const SUGGESTIONS: usize = 20;

impl Told {
    pub(super) fn new(version: Version, origin: Origin) -> Self {
        Self {
            version,
            origin,
            values: BTreeMap::new(),
            problems: Vec::new(),
            suggestions_left: SUGGESTIONS,
        }
    }

    pub(super) fn get(&self, flag: &str) -> Option<&Value> {
        self.values.get(flag)
    }

    /// Takes back what was said before: null is no value.
    pub(super) fn forget(&mut self, flag: &str) {
        self.values.remove(flag);
    }

    /// Takes all values out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (&'static str, Value)> + use<> {
        std::mem::take(&mut self.values).into_iter()
    }

    /// What `flag` was set to, if its value is one.
    pub(super) fn text(&self, flag: &str) -> Option<&str> {
        self.get(flag).map(|value| value.text.as_str())
    }

    pub(super) fn is_true(&self, flag: &str) -> Option<bool> {
        self.text(flag).and_then(boolean)
    }

    /// How a setting is written here: as it was, or as it would be.
    pub(super) fn setting(&self, flag: &str) -> String {
        match (self.get(flag), self.origin) {
            (Some(value), _) => value.setting.clone(),
            (None, Origin::ConfigFile) => keys::path_of(flag).unwrap_or_else(|| flag.to_owned()),
            (None, _) => Language::Flag.write(flag),
        }
    }

    /// Takes a value without a look at it: the caller has checked that it is one.
    pub(super) fn set(&mut self, flag: &'static str, text: &str, setting: String) {
        self.values.insert(flag, Value { text: text.to_owned(), list: None, setting });
    }

    /// The same for a list.
    pub(super) fn set_list(&mut self, flag: &'static str, list: Vec<String>, setting: String) {
        self.values.insert(flag, Value { text: list.join(","), list: Some(list), setting });
    }

    /// Takes the value of a flag or a variable that this version has. One that etcd refuses is told,
    /// and is not taken.
    pub(super) fn take(&mut self, flag: &'static Flag, text: &str, language: Language) {
        let setting = language.write(flag.name());
        match value::check(flag, text) {
            Ok(()) => self.set(flag.name(), text, setting),
            Err(Refused { because, fix }) => {
                let name = flag.name();
                let today = match (language, flag.kind()) {
                    (Language::Flag, FlagKind::Boolean) => {
                        format!("invalid boolean value {text:?} for -{name}: {because}")
                    }
                    (Language::Flag, _) => {
                        format!("invalid value {text:?} for flag -{name}: {because}")
                    }
                    (Language::Variable, _) => {
                        format!("invalid value {text:?} for {setting}: {because}")
                    }
                };
                if flag.kind() == FlagKind::Urls {
                    // What is right among them is judged further.
                    self.set(name, text, setting.clone());
                }
                self.problems.push(Problem::Invalid {
                    setting,
                    value: text.to_owned(),
                    today,
                    fix,
                });
            }
        }
    }

    /// Tells of a name that this version does not have. Where a flag has another name for the same,
    /// its value is taken under that one: etcd does not start, and what else is wrong is to be
    /// found in the same run. What etcd only ignores is ignored.
    pub(super) fn unknown(&mut self, name: &str, text: Option<&str>, language: Language) {
        if language == Language::Variable && text.is_some_and(|text| is_default(name, text)) {
            return;
        }
        let known = Flag::named(name);
        let instead = match known {
            Some(flag) => flag.instead(self.version),
            None => self.similar(name),
        };
        let setting = language.write(name);
        self.problems.push(Problem::Unknown {
            today: match language {
                Language::Flag => format!("flag provided but not defined: -{name}"),
                Language::Variable => "unrecognized environment variable".to_owned(),
            },
            refused: language == Language::Flag,
            instead: instead.map(|name| language.write(name)),
            versions: known.map(Flag::versions).unwrap_or_default(),
            setting,
        });
        let successor = instead.and_then(Flag::named).filter(|flag| !self.has(flag));
        if language == Language::Flag
            && let (Some(flag), Some(text)) = (successor, text)
            && value::check(flag, text).is_ok()
        {
            self.set(flag.name(), text, language.write(name));
        }
    }

    fn has(&self, flag: &Flag) -> bool {
        self.values.contains_key(flag.name())
    }

    /// The flag of this version that was perhaps meant.
    pub(super) fn similar(&mut self, name: &str) -> Option<&'static str> {
        let etcdctl = match name {
            "cacert" => Some("trusted-ca-file"),
            "cert" => Some("cert-file"),
            "key" => Some("key-file"),
            "peer-cacert" => Some("peer-trusted-ca-file"),
            "peer-cert" => Some("peer-cert-file"),
            "peer-key" => Some("peer-key-file"),
            _ => None,
        };
        if etcdctl.is_some() {
            return etcdctl;
        }
        if self.suggestions_left == 0 || name.len() > 64 {
            return None;
        }
        self.suggestions_left -= 1;
        let flags = Flag::ALL.iter().filter(|flag| flag.is_in(self.version));
        let nearest = flags.map(|flag| (distance(name, flag.name()), flag.name())).min()?;
        (nearest.0 <= 2 && nearest.0 * 3 < name.len()).then_some(nearest.1)
    }
}

/// Whether a setting that etcd does not know says only what etcd does by itself.
pub(super) fn is_default(name: &str, text: &str) -> bool {
    text.is_empty()
        || boolean(text) == Some(false)
        // The least of every etcd. Source: `client/pkg/transport/listener.go` (`baseConfig`).
        || (name == "tls-min-version" && text == "TLS1.2")
}

/// How many letters must be put in, taken out or changed to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (index, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}
