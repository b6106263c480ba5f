//! The PEM blocks of a file, as Go finds them.

use std::fmt;

use zeroize::Zeroizing;

use super::{MAX_FILE_BYTES, ReadError};

/// One PEM block.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// What it says that it is: `CERTIFICATE`, `EC PRIVATE KEY`.
    pub label: String,
    /// What stands before the base64, of keys that OpenSSL encrypted in its old way:
    /// `Proc-Type: 4,ENCRYPTED`. In the order they are written.
    pub headers: Vec<(String, String)>,
    /// What the base64 says, mostly DER; wiped on drop, since it may be a key.
    pub contents: Zeroizing<Vec<u8>>,
    /// The line that it begins in, from 1.
    pub line: usize,
    /// Whether nothing stands before it, not even an empty line.
    pub is_first: bool,
}

impl Block {
    /// Whether Go's `tls.X509KeyPair` takes it for a key, by its label alone.
    #[must_use]
    pub fn is_private_key(&self) -> bool {
        self.label == "PRIVATE KEY" || self.label.ends_with(" PRIVATE KEY")
    }

    /// Whether it is a certificate, by its label.
    #[must_use]
    pub fn is_certificate(&self) -> bool {
        self.label == "CERTIFICATE"
    }

    /// Whether it is a request for a certificate, by its label: today's, or the one of Netscape.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.label == "CERTIFICATE REQUEST" || self.label == "NEW CERTIFICATE REQUEST"
    }

    /// Whether it is a revocation list, by its label.
    #[must_use]
    pub fn is_revocation_list(&self) -> bool {
        self.label == "X509 CRL"
    }
}

/// Without the contents, which may be a key.
impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("label", &self.label)
            .field("line", &self.line)
            .field("bytes", &self.contents.len())
            .finish_non_exhaustive()
    }
}

/// The PEM blocks of a file, in order, by the rules of Go's `pem.Decode` (encoding/pem).
///
/// It takes text before, between and after blocks, either line end, and spaces at the ends of
/// lines; and it passes over what is broken without a word: a block with a wrong end line, or
/// with base64 that is none. A file of nothing but broken blocks is an empty one.
///
/// # Errors
///
/// [`ReadError::TooBig`].
pub fn blocks(file: &[u8]) -> Result<Vec<Block>, ReadError> {
    if file.len() > MAX_FILE_BYTES {
        return Err(ReadError::TooBig { bytes: file.len() });
    }
    let mut decoder = Decoder { file, at: 0, lines: (0, 1) };
    Ok(std::iter::from_fn(|| decoder.next_block()).collect())
}

/// A PEM block of ours that begins, and that [`blocks`] did not find.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// What it says that it is.
    pub label: String,
    /// The line that it begins in, from 1.
    pub line: usize,
}

/// The blocks of certificates, keys, requests and revocation lists that begin in a file and are
/// not among its `blocks`, in order: Go passes over them without a word.
#[must_use]
pub fn broken(file: &[u8], blocks: &[Block]) -> Vec<Broken> {
    let mut found = blocks.iter().map(|block| block.line).peekable();
    let mut broken = Vec::new();
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        let Some(rest) = line.strip_prefix(BEGIN) else { continue };
        let number = index + 1;
        while found.next_if(|line| *line < number).is_some() {}
        if found.next_if_eq(&number).is_some() {
            continue;
        }
        let rest = String::from_utf8_lossy(rest);
        let label = rest.trim_end().trim_end_matches('-');
        if ["CERTIFICATE", "CERTIFICATE REQUEST", "PRIVATE KEY", "X509 CRL"]
            .iter()
            .any(|ours| label == *ours || label.ends_with(&format!(" {ours}")))
            && label.len() <= MAX_LABEL
        {
            broken.push(Broken { label: label.to_owned(), line: number });
        }
    }
    broken
}

/// Labels that are longer are none.
const MAX_LABEL: usize = 64;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

struct Decoder<'a> {
    file: &'a [u8],
    /// Where to go on.
    at: usize,
    /// A place, and the number of its line, so that lines are counted once.
    lines: (usize, usize),
}

impl Decoder<'_> {
    fn next_block(&mut self) -> Option<Block> {
        loop {
            // The first END, and then the last BEGIN before it: a BEGIN without an END is passed
            // over, and hides nothing after it.
            let end = self.at + find(&self.file[self.at..], END)?;
            let trailer = end + END.len();
            let begin = rfind(&self.file[self.at..end], BEGIN).map(|begin| self.at + begin);
            let from = std::mem::replace(&mut self.at, trailer);
            let Some(begin) = begin else { continue };
            // At the beginning of a line. Where the search began counts as one, as for Go.
            if begin != from && self.file[begin - 1] != b'\n' {
                continue;
            }
            let (first, next) = line(&self.file[begin + BEGIN.len()..]);
            let Some(label) = first.strip_suffix(DASHES) else { continue };
            let (headers, body) = self.headers(begin + BEGIN.len() + next)?;
            // Headers that swallow the end line: there, Go gives up the whole file.
            if body > trailer {
                return None;
            }
            // Without headers, a block may be so empty that the END line begins with the line end
            // of BEGIN.
            if !headers.is_empty() && body > end {
                continue;
            }
            let Some(after) = end_line(&self.file[trailer..], label) else { continue };
            let base64 = self.file.get(body..end).unwrap_or_default();
            let Some(contents) = decode_base64(base64) else { continue };
            let line = self.line(begin);
            self.at = trailer + after;
            let label = String::from_utf8_lossy(label).into_owned();
            return Some(Block { label, headers, contents, line, is_first: begin == 0 });
        }
    }

    /// The headers that begin at `body`, and where what follows them begins; `None` at the end of
    /// the file.
    fn headers(&self, mut body: usize) -> Option<(Vec<(String, String)>, usize)> {
        let mut headers = Vec::new();
        while body < self.file.len() {
            let (line, next) = line(&self.file[body..]);
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                return Some((headers, body));
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
            headers.push((text(&line[..colon]), text(&line[colon + 1..])));
            body += next;
        }
        None
    }

    /// The number of the line at `place`, which only grows.
    fn line(&mut self, place: usize) -> usize {
        let (from, number) = self.lines;
        let breaks = self.file[from..place].iter().filter(|byte| **byte == b'\n').count();
        self.lines = (place, number + breaks);
        self.lines.1
    }
}

/// Where the line after an end line begins, if it ends what `label` began.
fn end_line(trailer: &[u8], label: &[u8]) -> Option<usize> {
    let (line, next) = line(trailer);
    (line.strip_suffix(DASHES)? == label).then_some(next)
}

/// The line that begins here, without its end and the spaces before that, and where the next is.
fn line(bytes: &[u8]) -> (&[u8], usize) {
    let (line, next) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], end + 1),
        None => (bytes, bytes.len()),
    };
    // A carriage return ends a line only right before the line feed.
    let line = if next > line.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    let end =
        line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    (&line[..end], next)
}

/// Base64 with line ends, spaces and tabs anywhere, and padding.
fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut group, mut count, mut padding) = (0_u32, 0, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\n' | b'\r' | b' ' | b'\t' => continue,
            b'=' if count >= 2 && padding < 4 - count => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        group = group << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        // Bits that are left over may be anything, as for Go.
        (2, 2) => bytes.extend_from_slice(&(group << 12).to_be_bytes()[1..2]),
        (3, 1) => bytes.extend_from_slice(&(group << 6).to_be_bytes()[1..3]),
        _ => return None,
    }
    Some(bytes)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}
