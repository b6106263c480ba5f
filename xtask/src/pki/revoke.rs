//! `cargo xtask pki revoke`

use std::path::Path;

use lexopt::prelude::*;
use tercet_pki::read;
use tercet_pki::{Access, RevocationReason, Revocations, write_file};

use super::{Common, common, open, wrote};
use crate::Failure;

const HELP: &str = "\
Puts a certificate on the list of those that are no longer good, and keeps that list as DIR/ca.crl
(PEM) and DIR/ca.crl.der.

Usage: cargo xtask pki revoke DIR CERTIFICATE [--reason REASON] [--ca-key FILE]

  --reason REASON  key-compromise, superseded, cessation-of-operation, affiliation-changed,
                   privilege-withdrawn, ca-compromise or unspecified (unspecified); or as openssl
                   writes it, keyCompromise
";

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    let mut why = RevocationReason::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("reason") => why = reason(&arguments.value()?.string()?)?,
            other => common!(common, arguments, other),
        }
    }
    if common.help {
        print!("{HELP}");
        return Ok(());
    }
    let [dir, certificate] = common.values(HELP)?;
    let (dir, certificate) = (Path::new(dir), Path::new(certificate));
    let fleet = open(dir, common.authority_key())?;
    let authority = fleet.authority().ok_or(
        "the list cannot be signed: the authority's key is not in DIR/ca.key; give --ca-key FILE",
    )?;
    let chain = read::certificates(&bytes(certificate)?)?;
    let leaf = chain.first().ok_or("there is no certificate in the file")?;
    // Another authority's has a serial number of its own counting.
    let own = read::CertificateDetails::parse(authority.certificate().der())?;
    if leaf.signed_by(&own) != read::SignatureCheck::Valid {
        return Err(format!(
            "{} is not signed by {}, and only who signed a certificate can revoke it",
            certificate.display(),
            own.subject.text
        )
        .into());
    }
    let (pem, der) = (dir.join("ca.crl"), dir.join("ca.crl.der"));
    let revocations = match pem.exists() {
        true => authority.revocations(&bytes(&pem)?)?,
        false => Revocations::new(),
    };
    let list = authority.revoke(&revocations.certificate(&leaf.certificate, why)?)?;
    write_file(&der, Access::Anyone, list.der(), true)?;
    wrote(&der);
    write_file(&pem, Access::Anyone, list.pem().as_bytes(), true)?;
    wrote(&pem);
    println!(
        "\n{} is revoked. Give the list to all members, and start them with:",
        leaf.subject.text
    );
    println!("\n  --client-crl-file {0}\n  --peer-crl-file {0}", super::quoted(&der));
    println!("\nThey read it again at every connection: the next list needs no restart.");
    Ok(())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| format!("could not read {}: {error}", path.display()).into())
}

fn reason(text: &str) -> Result<RevocationReason, Failure> {
    // RFC 5280 section 5.3.1 and openssl write keyCompromise and cACompromise.
    Ok(match &*text.replace('-', "").to_lowercase() {
        "unspecified" => RevocationReason::Unspecified,
        "keycompromise" => RevocationReason::KeyCompromise,
        "cacompromise" => RevocationReason::AuthorityCompromise,
        "affiliationchanged" => RevocationReason::AffiliationChanged,
        "superseded" => RevocationReason::Superseded,
        "cessationofoperation" => RevocationReason::CessationOfOperation,
        "privilegewithdrawn" => RevocationReason::PrivilegeWithdrawn,
        _ => return Err(format!("there is no reason '{text}'\n\n{HELP}").into()),
    })
}
