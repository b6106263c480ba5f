//! DER, as strictly as Go reads it (golang.org/x/crypto/cryptobyte), and no more strictly.
//!
//! A reader of our own, since what matters is what *Go* takes for a certificate: a parser with
//! rules of its own would call things broken that etcd runs with, and the other way round. It
//! borrows, and makes no copies.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: &[u8] = &[0x05, 0x00];
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const NUMERIC_STRING: u8 = 0x12;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const T61_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[number]`, of a value that is not itself made of values.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// `[number]`, of a value that is made of values.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// A value, with and without its tag and length.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) whole: &'a [u8],
    pub(crate) contents: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next value, whatever it is.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, after_tag) = self.0.split_first()?;
        // Tags of more than one byte: nothing that is read here has any.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, after_first) = after_tag.split_first()?;
        let (length, body) = if first & 0x80 == 0 {
            (usize::from(first), after_first)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, body) = after_first.split_at_checked(count)?;
            let length = bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
            // DER has one way to write a length, the shortest.
            if length < 128 || bytes.first() == Some(&0) {
                return None;
            }
            (usize::try_from(length).ok()?, body)
        };
        let (contents, rest) = body.split_at_checked(length)?;
        let (whole, _) = self.0.split_at_checked(self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, whole, contents })
    }

    /// The next value, if it has this tag; else nothing is read.
    pub(crate) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.any().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// What is in the next value, if it has this tag.
    pub(crate) fn read(&mut self, tag: u8) -> Option<Self> {
        self.element(tag).map(|element| Self(element.contents))
    }

    /// What is in the next value if it has this tag, `Some(None)` if it has another or there is
    /// none, and `None` if it is broken.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Option<Self>> {
        if self.next_is(tag) { self.read(tag).map(Some) } else { Some(None) }
    }

    /// An integer: big-endian, two's complement, as short as can be.
    pub(crate) fn integer(&mut self) -> Option<&'a [u8]> {
        let bytes = self.element(INTEGER)?.contents;
        is_integer(bytes).then_some(bytes)
    }

    /// An integer from 0 to 2³¹−1.
    pub(crate) fn small(&mut self) -> Option<u32> {
        small(self.integer()?)
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        match self.element(BOOLEAN)?.contents {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    /// A bit string's unused bits, and its bytes.
    pub(crate) fn bits(&mut self) -> Option<(u8, &'a [u8])> {
        let (&unused, bytes) = self.element(BIT_STRING)?.contents.split_first()?;
        if unused > 7 {
            return None;
        }
        match bytes.last() {
            None if unused != 0 => None,
            Some(last) if last & ((1 << unused) - 1) != 0 => None,
            _ => Some((unused, bytes)),
        }
    }

    /// An object identifier, as dotted numbers.
    pub(crate) fn oid(&mut self) -> Option<String> {
        let bytes = self.element(OBJECT_IDENTIFIER)?.contents;
        let mut text = String::new();
        let (mut value, mut length) = (0_u32, 0);
        for byte in bytes {
            // Go's limits: five bytes, 31 bits, no leading zeros.
            if length == 5 || value >= 1 << 24 || (length == 0 && *byte == 0x80) {
                return None;
            }
            value = value << 7 | u32::from(byte & 0x7f);
            length += 1;
            if byte & 0x80 != 0 {
                continue;
            }
            if text.is_empty() {
                let first = (value / 40).min(2);
                text = format!("{first}.{}", value - first * 40);
            } else {
                text.push('.');
                text.push_str(&value.to_string());
            }
            (value, length) = (0, 0);
        }
        // Nothing at all, or the last number breaks off.
        (!text.is_empty() && length == 0).then_some(text)
    }

    /// A UTCTime or a GeneralizedTime.
    pub(crate) fn time(&mut self) -> Option<OffsetDateTime> {
        if self.next_is(UTC_TIME) {
            let text = self.element(UTC_TIME)?.contents;
            let (year, rest) = digits(text, 2)?;
            parse_time(if year >= 50 { 1900 + year } else { 2000 + year }, rest, true)
        } else {
            let text = self.element(GENERALIZED_TIME)?.contents;
            let (year, rest) = digits(text, 4)?;
            parse_time(year, rest, false)
        }
    }
}

/// Whether this is the shortest way to write an integer.
pub(crate) fn is_integer(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [_] => true,
        [0, second, ..] => second & 0x80 != 0,
        [0xff, second, ..] => second & 0x80 == 0,
        _ => true,
    }
}

/// An integer from 0 to 2³¹−1, of its bytes.
pub(crate) fn small(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > 4 || bytes.first()? & 0x80 != 0 {
        return None;
    }
    Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

/// The number that the first `count` bytes write, and what follows.
fn digits(text: &[u8], count: usize) -> Option<(i32, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    number
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
        .map(|number| (number, rest))
}

/// What follows the year: `MMDDhhmmss` and `Z` or an offset. Go lets a UTCTime leave out seconds.
fn parse_time(year: i32, rest: &[u8], may_lack_seconds: bool) -> Option<OffsetDateTime> {
    let next = |rest| {
        let (number, rest) = digits(rest, 2)?;
        Some((u8::try_from(number).ok()?, rest))
    };
    let (month, rest) = next(rest)?;
    let (day, rest) = next(rest)?;
    let (hour, rest) = next(rest)?;
    let (minute, rest) = next(rest)?;
    let (second, zone) = match next(rest) {
        Some(found) => found,
        None if may_lack_seconds => (0, rest),
        None => return None,
    };
    let offset = match zone {
        b"Z" => UtcOffset::UTC,
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 4 => {
            let (hours, minutes) = digits(offset, 2)?;
            let (minutes, _) = digits(minutes, 2)?;
            let seconds = (hours * 60 + minutes) * 60;
            // UTC is written Z.
            if seconds == 0 || hours > 24 || minutes > 59 {
                return None;
            }
            let seconds = if *sign == b'-' { -seconds } else { seconds };
            UtcOffset::from_whole_seconds(seconds).ok()?
        }
        _ => return None,
    };
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    PrimitiveDateTime::new(date, time).assume_offset(offset).checked_to_offset(UtcOffset::UTC)
}
