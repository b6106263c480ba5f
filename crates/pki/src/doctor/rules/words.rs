//! Words that several rules need.

use std::collections::HashMap;

use time::OffsetDateTime;

use crate::doctor::Url;
use crate::doctor::case::Case;
use crate::doctor::document::Document;
use crate::read::CertificateDetails;

/// A day, as people write it: `2026-11-22`.
pub(super) fn day(moment: OffsetDateTime) -> String {
    let date = moment.date();
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// A moment to the minute, in UTC.
pub(super) fn minute(moment: OffsetDateTime) -> String {
    let utc = moment.to_offset(time::UtcOffset::UTC);
    format!("{} {:02}:{:02} UTC", day(utc), utc.hour(), utc.minute())
}

/// How a person finds a certificate: its subject, or its serial number where that is empty.
pub(super) fn subject(certificate: &CertificateDetails) -> String {
    if certificate.subject.text.is_empty() {
        format!("serial {}", serial(&certificate.serial))
    } else {
        certificate.subject.text.clone()
    }
}

/// A serial number as etcd prints it: its value in hexadecimal, without its sign.
pub(super) fn serial(der: &[u8]) -> String {
    hex(&magnitude(der))
}

/// The absolute value of a number in two's complement, without leading zeros: what etcd compares
/// serial numbers by (`client/pkg/transport/listener_tls.go`, `big.Int.Bytes`).
pub(super) fn magnitude(der: &[u8]) -> Vec<u8> {
    let negative = der.first().is_some_and(|first| first & 0x80 != 0);
    let mut value = der.to_vec();
    if negative {
        let mut carry = true;
        for byte in value.iter_mut().rev() {
            let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
            *byte = sum;
            carry = over;
        }
    }
    let zeros = value.iter().take_while(|byte| **byte == 0).count();
    value.split_off(zeros)
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a URL is reached only from this machine: the loopback, and sockets.
pub(super) fn is_local(url: &Url) -> bool {
    if url.is_socket() {
        return true;
    }
    let host = url.host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What to do, a command for it on a line of its own, so that it can be copied whole, and what
/// remains.
pub(super) fn command(before: &str, command: &str, after: &str) -> String {
    let after = if after.is_empty() { String::new() } else { format!("\n{after}") };
    format!("{before}:\n  {command}{after}")
}

/// Texts with commas between them.
pub(super) fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// All certificates and where they are, by who issued them.
pub(super) fn by_issuer<'a>(
    case: &'a Case<'_>,
) -> HashMap<&'a [u8], Vec<(&'a Document, &'a CertificateDetails)>> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for document in &case.documents {
        for certificate in &document.certificates {
            let issued: &mut Vec<(&Document, &CertificateDetails)> =
                all.entry(certificate.issuer.der.as_slice()).or_default();
            issued.push((document, certificate));
        }
    }
    all
}

/// `1 day`, `3 days`.
pub(super) fn days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_as_etcd_prints_them() {
        assert_eq!(serial(&[0x00, 0x9a, 0x01]), "9a01");
        assert_eq!(serial(&[0x01]), "01");
        assert_eq!(serial(&[0xff]), "01");
        assert_eq!(serial(&[0x80, 0x00]), "8000");
        assert_eq!(serial(&[0x00]), "");
        assert_eq!(serial(&[]), "");
    }

    #[test]
    fn local_urls() {
        let url = |text: &str| -> Url { text.parse().unwrap() };
        for local in ["http://localhost:1", "http://127.0.0.7:1", "http://[::1]:1", "unix://a:1"] {
            assert!(is_local(&url(local)), "{local}");
        }
        for remote in ["http://0.0.0.0:1", "http://10.0.0.1:1", "http://[::]:1", "http://a.b:1"] {
            assert!(!is_local(&url(remote)), "{remote}");
        }
    }
}
