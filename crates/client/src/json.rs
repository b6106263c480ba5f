//! `Debug` that is JSON, so that a line of a log can be read by a program as well.
//!
//! Not serde: it would be a dependency of everybody for a few lines here.

mod requests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::lease::LeaseId;

/// How many bytes of a key or value are shown. With more, one large value would make a line that
/// collectors of logs cut themselves, and what they leave is no JSON any more (Docker's at 16 KiB).
const SHOWN_BYTES: usize = 1024;

/// What can be written as JSON.
pub(crate) trait Json {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result;
}

/// Where it is written to; with lines and spaces for `{:#?}`.
pub(crate) struct Out<'a> {
    to: &'a mut dyn fmt::Write,
    pretty: bool,
    depth: usize,
}

/// `Debug` by [`Json`].
macro_rules! json_debug {
    ($($type:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::json::debug(self, f)
            }
        }
    )+};
}

/// [`Json`] and `Debug`, as an object with these fields.
macro_rules! json_object {
    ($type:ty, $it:ident => { $($name:ident: $value:expr),+ $(,)? }) => {
        impl $crate::json::Json for $type {
            fn json(&self, out: &mut $crate::json::Out<'_>) -> std::fmt::Result {
                let $it = self;
                out.object(&[$((stringify!($name), &$value)),+])
            }
        }
        $crate::json::json_debug!($type);
    };
}

/// [`Json`] and `Debug`, as what it has within.
macro_rules! json_inner {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::json::Json for $type {
            fn json(&self, out: &mut $crate::json::Out<'_>) -> std::fmt::Result {
                self.0.json(out)
            }
        }
        $crate::json::json_debug!($type);
    )+};
}

pub(crate) use {json_debug, json_inner, json_object};

pub(crate) fn debug(value: &dyn Json, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let pretty = f.alternate();
    value.json(&mut Out { to: f, pretty, depth: 0 })
}

impl Out<'_> {
    pub(crate) fn object(&mut self, fields: &[(&str, &dyn Json)]) -> fmt::Result {
        self.enclosed(['{', '}'], fields.iter(), |out, (name, value)| {
            write!(out.to, "\"{name}\":")?;
            if out.pretty {
                out.to.write_char(' ')?;
            }
            value.json(out)
        })
    }

    /// Each with whether it was given; those that were not are left out.
    pub(crate) fn given(&mut self, fields: &[(&str, bool, &dyn Json)]) -> fmt::Result {
        let fields = fields.iter().filter(|&&(_, is_given, _)| is_given);
        self.object(&fields.map(|&(name, _, value)| (name, value)).collect::<Vec<_>>())
    }

    pub(crate) fn list<T: Json>(&mut self, items: &[T]) -> fmt::Result {
        self.enclosed(['[', ']'], items.iter(), |out, item| item.json(out))
    }

    /// A string. What would end or turn a line where it is read is escaped too, though JSON lets it be:
    /// nobody's value can forge a line of the log.
    pub(crate) fn text(&mut self, text: &str) -> fmt::Result {
        self.to.write_char('"')?;
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(self.to, "\\{c}")?,
                '\n' => self.to.write_str("\\n")?,
                '\r' => self.to.write_str("\\r")?,
                '\t' => self.to.write_str("\\t")?,
                c if c.is_control() || is_mark(c) => write!(self.to, "\\u{:04x}", u32::from(c))?,
                c => self.to.write_char(c)?,
            }
        }
        self.to.write_char('"')
    }

    fn enclosed<T>(
        &mut self,
        [open, close]: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        write: impl Fn(&mut Self, T) -> fmt::Result,
    ) -> fmt::Result {
        self.to.write_char(open)?;
        let empty = items.len() == 0;
        self.depth += 1;
        for (number, item) in items.enumerate() {
            if number > 0 {
                self.to.write_char(',')?;
            }
            self.new_line()?;
            write(self, item)?;
        }
        self.depth -= 1;
        if !empty {
            self.new_line()?;
        }
        self.to.write_char(close)
    }

    fn new_line(&mut self) -> fmt::Result {
        if !self.pretty {
            return Ok(());
        }
        write!(self.to, "\n{:1$}", "", 2 * self.depth)
    }
}

/// Ends of lines that are no control characters, and what turns the direction of text.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A key or a value: a string if it is UTF-8, and otherwise an object with its base64. One that is
/// too long is an object with the beginning and the length of the whole.
impl Json for Bytes {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let shown = &self[..self.len().min(SHOWN_BYTES)];
        let is_cut = shown.len() < self.len();
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // Cut within a character.
            Err(error) if is_cut && error.error_len().is_none() => {
                std::str::from_utf8(&shown[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        match text {
            Some(text) if is_cut => out.object(&[("text", &text), ("bytes", &self.len())]),
            Some(text) => out.text(text),
            None if is_cut => out.object(&[("base64", &Base64(shown)), ("bytes", &self.len())]),
            None => out.object(&[("base64", &Base64(shown))]),
        }
    }
}

/// With padding, in the alphabet with `+` and `/`, as `etcdctl --write-out=json` has it.
struct Base64<'a>(&'a [u8]);

impl Json for Base64<'_> {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        out.to.write_char('"')?;
        for chunk in self.0.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
            let bits = bits << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
                out.to.write_char(if place > chunk.len() { '=' } else { letter.into() })?;
            }
        }
        out.to.write_char('"')
    }
}

/// The number of a member or a cluster, as etcd's own logs and `etcdctl` write it; as a number it
/// would be more than what many readers of JSON can tell apart (2^53).
pub(crate) struct Hex(pub(crate) u64);

impl Json for Hex {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        write!(out.to, "\"{:x}\"", self.0)
    }
}

/// Bytes that nobody means to be text.
pub(crate) struct HexBytes<'a>(pub(crate) &'a [u8]);

impl Json for HexBytes<'_> {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.to.write_char('"')?;
        self.0.iter().try_for_each(|byte| write!(out.to, "{byte:02x}"))?;
        out.to.write_char('"')
    }
}

impl Json for LeaseId {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        write!(out.to, "\"{self}\"")
    }
}

/// In seconds.
impl Json for Duration {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        write!(out.to, "{}", self.as_secs_f64())
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Json for $type {
            fn json(&self, out: &mut Out<'_>) -> fmt::Result {
                write!(out.to, "{self}")
            }
        }
    )+};
}

numbers!(bool, i32, i64, u32, u64, usize);

impl Json for &str {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.text(self)
    }
}

impl Json for String {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.text(self)
    }
}

impl<T: Json> Json for Option<T> {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        match self {
            Some(value) => value.json(out),
            None => out.to.write_str("null"),
        }
    }
}

impl<T: Json> Json for &T {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        (**self).json(out)
    }
}

impl<T: Json> Json for &[T] {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.list(self)
    }
}

impl<T: Json> Json for Vec<T> {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.list(self)
    }
}

#[cfg(test)]
mod tests;
