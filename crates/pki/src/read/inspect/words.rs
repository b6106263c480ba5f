//! Words for what tables say.

use std::fmt::Write;

use time::{Duration, OffsetDateTime};

use crate::read::{
    CertificateDetails, ExtendedKeyUsage, KeyFormat, KeyUsages, Names, PublicKey,
    SignatureAlgorithm, is_unprintable,
};

/// Text from a file, so that it disturbs no terminal.
pub(super) fn printable(text: &str) -> String {
    if !text.contains(is_unprintable) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            clean.extend(character.escape_unicode());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// At most so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A serial number or the like as OpenSSL prints it: in hexadecimal, without leading zeros, a
/// negative one with its sign.
pub(super) fn number(integer: &[u8]) -> String {
    let is_negative = integer.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = integer.to_vec();
    if is_negative {
        // Two's complement: turn every bit, add one.
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            let (turned, overflow) = (!*byte).overflowing_add(u8::from(carry));
            *byte = turned;
            carry = overflow;
        }
    }
    let first = bytes.iter().position(|byte| *byte != 0);
    match first {
        Some(first) => format!("{}{}", if is_negative { "-" } else { "" }, hex(&bytes[first..])),
        None => "00".to_owned(),
    }
}

pub(super) fn key(key: &PublicKey) -> String {
    match key {
        PublicKey::Rsa { bits } => format!("RSA {bits}"),
        PublicKey::Ecdsa { bits } => format!("P-{bits}"),
        PublicKey::Ed25519 => "Ed25519".to_owned(),
        PublicKey::Other { oid } => oid.clone(),
    }
}

pub(super) fn format(format: KeyFormat) -> &'static str {
    match format {
        KeyFormat::Pkcs8 => "PKCS #8",
        KeyFormat::Pkcs1 => "PKCS #1",
        KeyFormat::Sec1 => "SEC 1",
    }
}

pub(super) fn signature(algorithm: &SignatureAlgorithm) -> String {
    let hash = |bits: &usize| match bits {
        128 => "MD5".to_owned(),
        160 => "SHA-1".to_owned(),
        bits => format!("SHA-{bits}"),
    };
    match algorithm {
        SignatureAlgorithm::RsaPkcs1 { hash_bits } => format!("RSA with {}", hash(hash_bits)),
        SignatureAlgorithm::RsaPss { hash_bits } => format!("RSA-PSS with {}", hash(hash_bits)),
        SignatureAlgorithm::Ecdsa { hash_bits } => format!("ECDSA with {}", hash(hash_bits)),
        SignatureAlgorithm::Ed25519 => "Ed25519".to_owned(),
        SignatureAlgorithm::Other { oid } => oid.clone(),
    }
}

/// What a certificate is for: `authority, path length 1`, `server, client`, `anything`.
pub(super) fn purpose(certificate: &CertificateDetails) -> String {
    let mut words = Vec::new();
    if let Some(constraints) = certificate.basic_constraints
        && constraints.authority
    {
        words.push("authority".to_owned());
        words.extend(constraints.path_length.map(|length| format!("path length {length}")));
    }
    match &certificate.extended_key_usages {
        Some(usages) => words.extend(extended(usages)),
        None if words.is_empty() => words.push("anything".to_owned()),
        None => {}
    }
    if certificate.version != 3 {
        words.push(format!("X.509 v{}", certificate.version));
    }
    words.join(", ")
}

/// `server`, `client`.
pub(super) fn extended(usages: &[ExtendedKeyUsage]) -> Vec<String> {
    // Nobody has more; whoever writes a thousand is not printed at length.
    usages
        .iter()
        .take(16)
        .map(|usage| match usage {
            ExtendedKeyUsage::ServerAuth => "server".to_owned(),
            ExtendedKeyUsage::ClientAuth => "client".to_owned(),
            ExtendedKeyUsage::Any => "any".to_owned(),
            ExtendedKeyUsage::Other(oid) => oid.clone(),
        })
        .collect()
}

pub(super) fn usages(usages: KeyUsages) -> String {
    let words: Vec<_> = [
        (usages.digital_signature, "digitalSignature"),
        (usages.key_encipherment, "keyEncipherment"),
        (usages.certificate_sign, "keyCertSign"),
        (usages.revocation_list_sign, "cRLSign"),
    ]
    .into_iter()
    .filter_map(|(is_set, word)| is_set.then_some(word))
    .collect();
    if words.is_empty() { "none of those that matter".to_owned() } else { words.join(", ") }
}

/// Every name, at most `most`, and how many more there are.
pub(super) fn names(names: &Names, most: usize) -> Vec<String> {
    let mut words: Vec<String> = names
        .dns
        .iter()
        // An empty name is a name, and looks like none.
        .map(|name| if name.is_empty() { "\"\"".to_owned() } else { cut(&printable(name), 253) })
        .chain(names.ip.iter().map(ToString::to_string))
        .chain(names.uri.iter().chain(&names.email).map(|name| cut(&printable(name), 253)))
        .take(most)
        .collect();
    let all = names.dns.len() + names.ip.len() + names.uri.len() + names.email.len();
    if all > words.len() {
        words.push(format!("and {} more", all - words.len()));
    }
    if names.others > 0 {
        words.push(format!("{} of other kinds", names.others));
    }
    words
}

/// `2027-11-22, 364 days left`; `from 2027-11-22, in 2 days`.
pub(super) fn validity(from: OffsetDateTime, to: OffsetDateTime, now: OffsetDateTime) -> String {
    let date = if from <= to && now < from { from.date() } else { to.date() };
    let from_when = if from <= to && now < from { "from " } else { "" };
    format!("{from_when}{date}, {}", state(from, to, now))
}

/// `364 days left`; `expired 3 days ago`; `in 2 days`.
pub(super) fn state(from: OffsetDateTime, to: OffsetDateTime, now: OffsetDateTime) -> String {
    if to < from {
        "ends before it begins".to_owned()
    } else if now < from {
        format!("in {}", span(from - now))
    } else if now > to {
        format!("expired {} ago", span(now - to))
    } else {
        format!("{} left", span(to - now))
    }
}

/// A moment, to the second.
pub(super) fn moment(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", time.date())
}

/// A length of time, in the unit that fits.
pub(super) fn span(span: Duration) -> String {
    let (number, unit) = if span >= Duration::days(2) {
        (span.whole_days(), "day")
    } else if span >= Duration::hours(2) {
        (span.whole_hours(), "hour")
    } else if span >= Duration::minutes(2) {
        (span.whole_minutes(), "minute")
    } else {
        (span.whole_seconds(), "second")
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// Permissions as `chmod` writes them.
pub(super) fn mode(mode: Option<u32>) -> String {
    mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:04o}"))
}

/// Why a certificate was revoked (RFC 5280, section 5.3.1).
pub(super) fn reason(code: Option<u32>) -> String {
    match code {
        None | Some(0) => "no reason said".to_owned(),
        Some(1) => "key compromised".to_owned(),
        Some(2) => "authority compromised".to_owned(),
        Some(3) => "affiliation changed".to_owned(),
        Some(4) => "superseded".to_owned(),
        Some(5) => "out of operation".to_owned(),
        Some(6) => "on hold".to_owned(),
        Some(8) => "removed from list".to_owned(),
        Some(9) => "privilege withdrawn".to_owned(),
        Some(10) => "attribute authority compromised".to_owned(),
        Some(other) => format!("reason {other}"),
    }
}
