//! Subjects and issuers.

use std::fmt::Write;

use super::DistinguishedName;
use super::der::{
    BMP_STRING, Element, IA5_STRING, NUMERIC_STRING, PRINTABLE_STRING, Reader, SEQUENCE, SET,
    T61_STRING, UTF8_STRING,
};
use super::parse::Objections;

impl DistinguishedName {
    /// Reads a name as a TLS server sends it, tag and length included. What cannot be read has an
    /// empty text.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self::parse(der, &mut Objections::default())
    }

    /// Reads a name, of which the tag and the length are part.
    pub(crate) fn parse(der: &[u8], objections: &mut Objections) -> Self {
        let mut parts = Vec::new();
        let mut common_name = String::new();
        if let Err(go) = read(der, &mut parts, &mut common_name, objections) {
            objections.add(go);
        }
        // The last part first, as RFC 4514 has it and Go prints it.
        parts.reverse();
        Self { der: der.to_vec(), text: parts.join(", "), common_name }
    }
}

fn read(
    der: &[u8],
    parts: &mut Vec<String>,
    common_name: &mut String,
    objections: &mut Objections,
) -> Result<(), &'static str> {
    let mut sets = Reader::new(der).read(SEQUENCE).ok_or("x509: invalid RDNSequence")?;
    while !sets.is_empty() {
        let mut set = sets.read(SET).ok_or("x509: invalid RDNSequence")?;
        let mut part = String::new();
        while !set.is_empty() {
            let mut attribute =
                set.read(SEQUENCE).ok_or("x509: invalid RDNSequence: invalid attribute")?;
            let kind =
                attribute.oid().ok_or("x509: invalid RDNSequence: invalid attribute type")?;
            let value =
                attribute.any().ok_or("x509: invalid RDNSequence: invalid attribute value")?;
            let value = match text(value) {
                Ok(text) => text,
                Err(go) => {
                    objections
                        .add(format!("x509: invalid RDNSequence: invalid attribute value: {go}"));
                    String::from_utf8_lossy(value.contents).into_owned()
                }
            };
            if !part.is_empty() {
                part.push('+');
            }
            part.push_str(short(&kind).unwrap_or(&kind));
            part.push('=');
            escape(&value, &mut part);
            if kind == "2.5.4.3" {
                *common_name = value;
            }
        }
        parts.push(part);
    }
    Ok(())
}

/// The text of a string of any of the kinds that names are made of.
fn text(value: Element<'_>) -> Result<String, String> {
    let bytes = value.contents;
    let ascii = |is_valid: fn(u8) -> bool, invalid: &str| {
        if bytes.iter().all(|byte| is_valid(*byte)) {
            // All of these are ASCII.
            Ok(String::from_utf8_lossy(bytes).into_owned())
        } else {
            Err(format!("invalid {invalid}"))
        }
    };
    match value.tag {
        UTF8_STRING => std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| "invalid UTF-8 string".to_owned()),
        PRINTABLE_STRING => ascii(is_printable, "PrintableString"),
        IA5_STRING => ascii(|byte| byte.is_ascii(), "IA5String"),
        NUMERIC_STRING => ascii(|byte| byte.is_ascii_digit() || byte == b' ', "NumericString"),
        // Nobody follows T.61 itself; its bytes are taken for Latin-1.
        T61_STRING => Ok(bytes.iter().copied().map(char::from).collect()),
        BMP_STRING => utf16(bytes).ok_or_else(|| "invalid BMPString".to_owned()),
        tag => Err(format!("unsupported string type: {tag}")),
    }
}

/// What a PrintableString may hold, and `*` and `&`, which Go lets pass.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

/// UCS-2, with or without a NUL at the end.
fn utf16(bytes: &[u8]) -> Option<String> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let bytes = bytes.strip_suffix(&[0, 0]).unwrap_or(bytes);
    bytes
        .chunks_exact(2)
        .map(|pair| {
            let code = u16::from_be_bytes([pair[0], pair[1]]);
            // What will never be a character.
            let reserved = code >= 0xfffe || (0xfdd0..=0xfdef).contains(&code);
            char::from_u32(u32::from(code)).filter(|_| !reserved)
        })
        .collect()
}

/// What people call the parts of a name (RFC 4519 and RFC 4524).
fn short(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "EMAIL",
        _ => return None,
    })
}

/// As RFC 4514 escapes, and also what would disturb a terminal.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => {
                text.push('\\');
                text.push(character);
            }
            _ if super::is_unprintable(character) => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\{byte:02x}");
                }
            }
            _ => text.push(character),
        }
    }
}
