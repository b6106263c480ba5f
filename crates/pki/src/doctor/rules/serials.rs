//! Serial numbers that an authority gave twice: TLS028.

use std::collections::{BTreeMap, BTreeSet};

use super::super::case::Case;
use super::super::document::Document;
use super::super::findings::{Findings, Found};
use super::words::{list, magnitude, serial};
use crate::doctor::Rule;
use crate::read::CertificateDetails;

/// How many files are named in one finding.
const NAMED_MAX: usize = 10;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    // By issuer and serial number: certificates, each once, and where they are.
    type Number<'a> = (&'a [u8], Vec<u8>);
    let mut seen: BTreeMap<Number<'_>, BTreeMap<[u8; 32], (&Document, &CertificateDetails)>> =
        BTreeMap::new();
    for document in &case.documents {
        for certificate in &document.certificates {
            let number = (certificate.issuer.der.as_slice(), magnitude(&certificate.serial));
            let places = seen.entry(number).or_default();
            places.entry(certificate.fingerprint).or_insert((document, certificate));
        }
    }
    for places in seen.values().filter(|places| places.len() > 1) {
        let paths: BTreeSet<_> = places.values().map(|(document, _)| &document.path).collect();
        let Some((_, certificate)) = places.values().next() else { continue };
        let Some(first) = paths.first() else { continue };
        let paths = list(paths.iter().take(NAMED_MAX).map(|path| path.display()));
        findings.add(
            Found::warning(
                Rule::SerialReused,
                "etcd says nothing about it",
                format!(
                    "{} different certificates by {} have the serial number {}: {paths}. Whoever \
                     revokes one of them revokes all, and some clients refuse the second that they \
                     meet.",
                    places.len(),
                    certificate.issuer.text,
                    serial(&certificate.serial),
                ),
                "issue them again with random serial numbers (openssl x509 -req without \
                 -set_serial and without a copied .srl file does)",
            )
            .file(first)
            .field("serialNumber"),
        );
    }
}
