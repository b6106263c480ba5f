//! What is tried.

use tercet_pki::read::{
    self, CertificateDetails, PrivateKeyDetails, RevocationListDetails, inspect,
};
use time::OffsetDateTime;

use super::corpus::Corpus;
use super::driver::run;

/// When the samples were new: the result of a run shall not depend on the day.
fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_330_800).unwrap()
}

/// What is printed is in proportion to what was read: nothing repeats it without bound.
fn is_in_proportion(text: &str, input: &[u8]) {
    assert!(text.len() <= 64 * input.len() + 4096, "{} bytes of {}", text.len(), input.len());
}

#[test]
fn inspecting() {
    run(Corpus::of_certificates(), |input| {
        let inventory = inspect::bytes("input", input);
        is_in_proportion(&inventory.table(now()).to_string(), input);
        is_in_proportion(&inventory.long(now()).to_string(), input);
    });
}

#[test]
fn reading() {
    run(Corpus::of_certificates(), |input| {
        let certificates = read::certificates(input).unwrap_or_default();
        let keys = read::private_keys(input).unwrap_or_default();
        for one in certificates.iter().take(4) {
            for other in certificates.iter().take(4) {
                let _ = one.signed_by(other);
            }
            for key in keys.iter().take(4) {
                let _ = key.belongs_to(one);
            }
        }
        let _ = CertificateDetails::parse(input);
        let _ = PrivateKeyDetails::parse(input);
        let _ = RevocationListDetails::parse(input);
        if let Ok(list) = read::revocation_list(input) {
            for certificate in &certificates {
                let _ = (list.signed_by(certificate), list.entry(certificate));
            }
        }
    });
}

#[test]
fn reading_requests() {
    run(Corpus::of_certificates(), |input| {
        if let Ok(request) = read::request(input) {
            let _ = request.signed_by_itself();
        }
    });
}
