//! YAML as a walk through events, without a tree: what is not asked for is skipped, however deep.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::CONFIG_FILE_MAX_BYTES;

/// Why the walk ends early.
#[derive(Debug)]
pub(super) enum Stop {
    Syntax { line: usize, because: String },
    NotAMap { json: &'static str },
    Unsupported { line: usize, what: &'static str },
}

/// A value, and of a map only that it begins here: its keys come next.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    List(Vec<Scalar>),
    Map,
}

/// A value without parts, of the type that YAML 1.1 gives it, which is the one that etcd reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    /// A list or a map where a scalar was to be.
    Other(&'static str),
}

impl Scalar {
    /// What Go's JSON calls it.
    pub(super) const fn json(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Other(json) => json,
        }
    }

    /// As it is shown to a person.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null | Self::Other(_) => String::new(),
            Self::Boolean(is) => is.to_string(),
            Self::Number(text) | Self::Text(text) => text.clone(),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Null | Self::Other(_) | Self::Boolean(_) => 1,
            Self::Number(text) | Self::Text(text) => text.len() + 1,
        }
    }

    fn of(text: &str, style: ScalarStyle) -> Self {
        if style != ScalarStyle::Plain {
            return Self::Text(text.to_owned());
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                Self::Boolean(true)
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
            | "OFF" => Self::Boolean(false),
            _ if is_number(text) => Self::Number(text.to_owned()),
            _ => Self::Text(text.to_owned()),
        }
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let plain = unsigned.replace('_', "");
    let all = |digits: &str, radix: u32| {
        !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
    };
    if let Some(digits) = plain.strip_prefix("0x") {
        return all(digits, 16);
    }
    if let Some(digits) = plain.strip_prefix("0b") {
        return all(digits, 2);
    }
    if let Some(digits) = plain.strip_prefix("0o") {
        return all(digits, 8);
    }
    // Rust's floats are those of YAML, once no letter but the exponent's is in them.
    plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
        && plain.parse::<f64>().is_ok()
}

/// Walks through the first document.
pub(super) struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// What anchors stand for, where it has no parts; `None` where it has.
    anchors: HashMap<usize, Option<Scalar>>,
    /// How many more bytes aliases may stand for: a text of a few bytes can stand for gigabytes.
    left_for_aliases: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            anchors: HashMap::new(),
            left_for_aliases: CONFIG_FILE_MAX_BYTES,
            line: 1,
        }
    }

    fn next(&mut self) -> Result<Event<'a>, Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => {
                Err(Stop::Syntax { line: error.marker().line(), because: error.info().to_owned() })
            }
            None => Ok(Event::StreamEnd),
        }
    }

    /// The document itself; nothing if there is none.
    pub(super) fn node(&mut self) -> Result<Option<Node>, Stop> {
        loop {
            match self.next()? {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(None),
                event => return self.of(event).map(Some),
            }
        }
    }

    /// The next key of the map that was entered; nothing at its end. Keys that are not text are
    /// skipped with what belongs to them: etcd has none.
    pub(super) fn key(&mut self) -> Result<Option<String>, Stop> {
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd | Event::DocumentEnd | Event::StreamEnd) {
                return Ok(None);
            }
            match self.of(event)? {
                Node::Scalar(scalar) => {
                    let key = scalar.shown();
                    if key == "<<" {
                        return Err(Stop::Unsupported {
                            line: self.line,
                            what: "a merge of maps (<<)",
                        });
                    }
                    return Ok(Some(key));
                }
                Node::Map => self.skip()?,
                Node::List(_) => {}
            }
            if matches!(self.value()?, Node::Map) {
                self.skip()?;
            }
        }
    }

    /// What stands after a key.
    pub(super) fn value(&mut self) -> Result<Node, Stop> {
        let event = self.next()?;
        self.of(event)
    }

    /// Leaves the map that was entered.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 1usize;
        while depth > 0 {
            match self.next()? {
                Event::MappingStart(anchor, _) | Event::SequenceStart(anchor, _) => {
                    self.anchors.insert(anchor, None);
                    depth += 1;
                }
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                Event::Scalar(text, style, anchor, _) if anchor > 0 => {
                    self.anchors.insert(anchor, Some(Scalar::of(&text, style)));
                }
                Event::StreamEnd => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    fn of(&mut self, event: Event<'_>) -> Result<Node, Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let style = if is_text { ScalarStyle::DoubleQuoted } else { style };
                let scalar = Scalar::of(&text, style);
                if anchor > 0 {
                    self.anchors.insert(anchor, Some(scalar.clone()));
                }
                Ok(Node::Scalar(scalar))
            }
            Event::SequenceStart(anchor, _) => {
                self.anchors.insert(anchor, None);
                self.list().map(Node::List)
            }
            Event::MappingStart(anchor, _) => {
                self.anchors.insert(anchor, None);
                Ok(Node::Map)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(Some(scalar)) => {
                    let size = scalar.len();
                    let Some(left) = self.left_for_aliases.checked_sub(size) else {
                        let what = "aliases that stand for more than a file may hold";
                        return Err(Stop::Unsupported { line: self.line, what });
                    };
                    self.left_for_aliases = left;
                    Ok(Node::Scalar(scalar.clone()))
                }
                _ => {
                    Err(Stop::Unsupported { line: self.line, what: "an alias of a list or a map" })
                }
            },
            _ => Ok(Node::Scalar(Scalar::Null)),
        }
    }

    fn list(&mut self) -> Result<Vec<Scalar>, Stop> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            let item = match event {
                Event::SequenceEnd | Event::StreamEnd => return Ok(items),
                // Not by way of `of`, which would go as deep as the text does.
                Event::SequenceStart(..) => {
                    self.skip()?;
                    Scalar::Other("array")
                }
                Event::MappingStart(..) => {
                    self.skip()?;
                    Scalar::Other("object")
                }
                event => match self.of(event)? {
                    Node::Scalar(scalar) => scalar,
                    Node::List(_) | Node::Map => Scalar::Other("object"),
                },
            };
            items.push(item);
        }
    }
}
