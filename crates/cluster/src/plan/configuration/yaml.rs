//! The little YAML that a configuration file needs.

use std::fmt::{self, Write as _};

/// A map, in the order in which its keys came.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(&'static str, Node)>);

#[derive(Debug)]
enum Node {
    Map(Map),
    Value(Value),
}

/// What a key has.
#[derive(Debug)]
pub(super) enum Value {
    Boolean(bool),
    Number(i128),
    Text(String),
    List(Vec<String>),
}

impl Map {
    /// Sets the key at the end of `path`, in the place of what it had; maps on the way are made.
    pub(super) fn set(&mut self, path: &[&'static str], value: Value) {
        let Some((first, rest)) = path.split_first() else { return };
        let index = self.0.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            self.0.push((first, Node::Map(Self::default())));
            self.0.len() - 1
        });
        let Some((_, node)) = self.0.get_mut(index) else { return };
        if rest.is_empty() {
            *node = Node::Value(value);
        } else if let Node::Map(map) = node {
            map.set(rest, value);
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        for (key, node) in &self.0 {
            write!(f, "{:indent$}{key}:", "")?;
            match node {
                Node::Map(map) => {
                    writeln!(f)?;
                    map.write(f, indent + 2)?;
                }
                Node::Value(value) => writeln!(f, " {value}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(is) => write!(f, "{is}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::List(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    quoted(f, item)?;
                }
                f.write_char(']')
            }
        }
    }
}

/// Always in double quotes: without, `no`, `1e3`, `~` and `0x1` are no texts. What the YAML of Go
/// refuses to read as it is (`yaml.v2`, `is_printable`), and what it takes for the end of a line,
/// is escaped.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                write!(f, "\\u{:04x}", u32::from(character))?;
            }
            _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
