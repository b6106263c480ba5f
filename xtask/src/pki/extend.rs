//! `cargo xtask pki add-member` and `client`

use std::path::Path;

use lexopt::prelude::*;
use tercet_pki::{AddOptions, Layout};

use super::{
    Common, common, lifetime, member as parse_member, new, open, print_client, print_flags,
    wrote_pair,
};
use crate::Failure;

const MEMBER_HELP: &str = "\
Makes the certificates of one more member. Where all share one, that is made again with the hosts
of the new one added, and is to be given to all (they need no restart). Killed in between, run it
again.

Usage: cargo xtask pki add-member DIR NAME=HOST,HOST... [OPTIONS]

  --key p256|p384|ed25519  the kind of its keys (as the other members have)
  --lifetime DAYS          how long it is valid (as long as those of the other members)
  --ca-key FILE            where the authority's key is, if not in DIR/ca.key
";

const CLIENT_HELP: &str = "\
Makes the certificate of one more client: DIR/NAME.crt and DIR/NAME.key. With authentication turned
on in etcd, NAME is the user.

Usage: cargo xtask pki client DIR NAME [OPTIONS]

  --key p256|p384|ed25519  the kind of its key (as the members have)
  --lifetime DAYS          how long it is valid (as long as those of the members)
  --ca-key FILE            where the authority's key is, if not in DIR/ca.key
";

/// The arguments of both, and what is to be added.
fn read(mut arguments: lexopt::Parser) -> Result<(Common, AddOptions), Failure> {
    let (mut common, mut options) = (Common::default(), AddOptions::default());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("key") => options = options.key(new::kind(&arguments.value()?.string()?)?),
            Long("lifetime") => {
                options = options.valid_for(lifetime(&arguments.value()?.string()?)?);
            }
            other => common!(common, arguments, other),
        }
    }
    Ok((common, options))
}

pub(super) fn member(arguments: lexopt::Parser) -> Result<(), Failure> {
    let (common, options) = read(arguments)?;
    if common.help {
        print!("{MEMBER_HELP}");
        return Ok(());
    }
    let [dir, text] = common.values(MEMBER_HELP)?;
    let (name, hosts) = parse_member(text)?;
    let mut fleet = open(Path::new(dir), common.authority_key())?;
    let made = fleet.add_member_with(&name, hosts, &options)?;
    made.iter().for_each(wrote_pair);
    if made.is_empty() {
        println!("The certificate that all members share has these hosts already.");
    }
    print_flags(&fleet, Some(&name));
    if fleet.layout() == Layout::Shared && !made.is_empty() {
        println!("\nGive both files to the other members as well.");
    }
    println!(
        "\nThen, on a member that runs: etcdctl member add {name} --peer-urls https://HOST:2380"
    );
    Ok(())
}

pub(super) fn client(arguments: lexopt::Parser) -> Result<(), Failure> {
    let (common, options) = read(arguments)?;
    if common.help {
        print!("{CLIENT_HELP}");
        return Ok(());
    }
    let [dir, name] = common.values(CLIENT_HELP)?;
    let mut fleet = open(Path::new(dir), common.authority_key())?;
    let files = fleet.add_client_with(name, &options)?;
    wrote_pair(&files);
    print_client(&fleet, &files);
    Ok(())
}
