//! `cargo xtask pki inspect`

use lexopt::prelude::*;
use tercet_pki::read::inspect;

use crate::Failure;

const HELP: &str = "\
Shows what is in certificates, keys, requests and revocation lists: in files, and in directories
with all that is below them.

Usage: cargo xtask pki inspect [--long] PATH...

  --long  everything that is known, a paragraph for each
";

pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut paths, mut long) = (Vec::new(), false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(path) => paths.push(std::path::PathBuf::from(path)),
            Long("long") => long = true,
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if paths.is_empty() {
        return Err(HELP.into());
    }
    let now = std::time::SystemTime::now().into();
    for (index, path) in paths.iter().enumerate() {
        let inventory = inspect::at(path)?;
        if paths.len() > 1 {
            println!("{}{}:", if index == 0 { "" } else { "\n" }, path.display());
        }
        match long {
            true => print!("{}", inventory.long(now)),
            false => print!("{}", inventory.table(now)),
        }
    }
    Ok(())
}
