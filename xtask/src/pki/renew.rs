//! `cargo xtask pki renew`

use std::path::Path;

use lexopt::prelude::*;
use tercet_pki::RenewalOptions;

use super::{Common, common, days, look, open, wrote_pair};
use crate::Failure;
use crate::style::table;

const HELP: &str = "\
Makes new certificates for old ones: with the same names and uses, and never beyond the end of the
authority. Members read them at their next handshake, and need no restart. Killed in between, run
it again: no key is ever left beside another's certificate.

Usage: cargo xtask pki renew DIR (--within DAYS | --all) [OPTIONS]

  --within DAYS    those that expire in so many days, have expired or are damaged
  --all            all
  --same-key       keep the keys (each gets a new one)
  --lifetime DAYS  how long they are valid (as long as the old ones were)
  --dry-run        say what would be done
  --ca-key FILE    where the authority's key is, if not in DIR/ca.key
";

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    let (mut which, mut same_key, mut lifetime, mut dry_run) = (None, false, None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("within") => {
                let time = days(&arguments.value()?.string()?)?;
                which = Some(RenewalOptions::expiring_within(time));
            }
            Long("all") => which = Some(RenewalOptions::all()),
            Long("same-key") => same_key = true,
            Long("lifetime") => lifetime = Some(super::lifetime(&arguments.value()?.string()?)?),
            Long("dry-run") => dry_run = true,
            other => common!(common, arguments, other),
        }
    }
    if common.help {
        print!("{HELP}");
        return Ok(());
    }
    let [dir] = common.values(HELP)?;
    let mut options = which.ok_or("which ones? write --within DAYS, or --all")?;
    if same_key {
        options = options.same_key();
    }
    if let Some(lifetime) = lifetime {
        options = options.lifetime(lifetime);
    }
    let mut fleet = match dry_run {
        true => look(Path::new(dir), common.authority_key())?,
        false => open(Path::new(dir), common.authority_key())?,
    };
    let renewal = fleet.renewal(&options, std::time::SystemTime::now().into())?;
    for left in renewal.left() {
        println!("left      {}: {}", left.files.certificate.display(), left.state);
    }
    if renewal.due().is_empty() {
        println!("nothing is due");
        return Ok(());
    }
    let mut rows = vec![["CERTIFICATE", "WHY", "ENDS", "WILL END"].map(str::to_owned).to_vec()];
    rows.extend(renewal.due().iter().map(|due| {
        vec![
            due.files.certificate.display().to_string(),
            due.reason.to_string(),
            due.old_end.date().to_string(),
            due.new_end.date().to_string(),
        ]
    }));
    table(&rows).iter().for_each(|line| println!("{line}"));
    if let Some(cut) = renewal.due().iter().find(|due| due.ends_with_authority) {
        println!(
            "\nThe authority itself ends on {}, and nothing it signs is valid any longer: make a \
             new one in good time.",
            cut.new_end.date()
        );
    }
    if dry_run {
        println!("nothing was written");
        return Ok(());
    }
    fleet.renew(&renewal)?.iter().for_each(wrote_pair);
    println!("\nGive each member and client its two files: first the key, then the certificate.");
    Ok(())
}
