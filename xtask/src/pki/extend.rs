//! `cargo xtask pki add-member` and `client`

use std::path::Path;

use tercet_pki::Layout;

use super::{Common, common, member as parse_member, open, print_client, print_flags, wrote_pair};
use crate::Failure;

const MEMBER_HELP: &str = "\
Makes the certificates of one more member. Where all share one, that is made again with the hosts
of the new one added, and is to be given to all (they need no restart). Killed in between, run it
again.

Usage: cargo xtask pki add-member DIR NAME=HOST,HOST... [--ca-key FILE]
";

const CLIENT_HELP: &str = "\
Makes the certificate of one more client: DIR/NAME.crt and DIR/NAME.key. With authentication turned
on in etcd, NAME is the user.

Usage: cargo xtask pki client DIR NAME [--ca-key FILE]
";

pub(super) fn member(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    while let Some(argument) = arguments.next()? {
        common!(common, arguments, argument);
    }
    if common.help {
        print!("{MEMBER_HELP}");
        return Ok(());
    }
    let [dir, text] = common.values(MEMBER_HELP)?;
    let (name, hosts) = parse_member(text)?;
    let mut fleet = open(Path::new(dir), common.authority_key())?;
    let made = fleet.add_member(&name, hosts)?;
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

pub(super) fn client(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut common = Common::default();
    while let Some(argument) = arguments.next()? {
        common!(common, arguments, argument);
    }
    if common.help {
        print!("{CLIENT_HELP}");
        return Ok(());
    }
    let [dir, name] = common.values(CLIENT_HELP)?;
    let mut fleet = open(Path::new(dir), common.authority_key())?;
    let files = fleet.add_client(name)?;
    wrote_pair(&files);
    print_client(&fleet, &files);
    Ok(())
}
