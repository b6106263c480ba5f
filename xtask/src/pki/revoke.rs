//! `cargo xtask pki revoke`

use std::path::Path;

use lexopt::prelude::*;
use tercet_pki::{RevocationReason, read};

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
    let mut fleet = open(dir, common.authority_key())?;
    let chain = read::certificates(&bytes(certificate)?)?;
    let leaf = chain.first().ok_or("there is no certificate in the file")?;
    let files = fleet.revoke(&leaf.certificate, why)?;
    wrote(&files.der);
    wrote(&files.pem);
    println!(
        "\n{} is revoked. Give the list to all members, and start them with:",
        leaf.subject.text
    );
    println!("\n  --client-crl-file {0}\n  --peer-crl-file {0}", super::quoted(&files.der));
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
