//! What each host is to run, where nothing is written.

use tercet_cluster::plan::MemberPlan;

use super::host::words;
use super::{Planned, has_certificates};
use crate::style::Style;

pub(super) fn all(planned: &Planned) {
    let style = Style::of_stdout();
    for member in planned.members() {
        println!("{}", style.bold(&heading(member)));
        if let Some(file) = member.configuration_file() {
            println!("# {}", file.path.display());
            print!("{}", file.text);
        }
        println!("{}\n", words(member).join(" \\\n    "));
    }
    let more = if has_certificates(&planned.plan) { ", with certificates" } else { "" };
    println!("Nothing is written: --out DIR writes all that goes to each host{more}.");
}

fn heading(member: &MemberPlan) -> String {
    let host = member.spec().planned_host();
    let names = host.into_iter().flat_map(|host| {
        std::iter::once(host.ip().to_string()).chain(host.dns_names().iter().cloned())
    });
    format!("{}: {}", member.name(), names.collect::<Vec<_>>().join(", "))
}
