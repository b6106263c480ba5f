//! `cargo xtask plan`: what goes to which machine, for members on hosts of their own.

mod host;
mod options;
mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tercet_cluster::plan::MemberPlan;
use tercet_cluster::{Configuration, Plan};

use self::host::{run_script, words};
use self::options::{Options, USAGE};
use crate::Failure;
use crate::style::{Style, table};

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let plan = options.spec.plan(options.release, &options.directory, &[])?;
    if let Some(warning) = options.release.warning() {
        eprintln!("tercet: {warning}");
    }
    match &options.out {
        Some(out) => {
            write::all(&plan, out)?;
            tell(&plan, out);
        }
        None => show(&plan),
    }
    Ok(ExitCode::SUCCESS)
}

/// What each host is to run, and nothing written.
fn show(plan: &Plan) {
    let style = Style::of_stdout();
    for member in plan.members() {
        println!("{}", style.bold(&heading(member)));
        if let Some(file) = member.configuration_file() {
            println!("# {}", file.path.display());
            print!("{}", file.text);
        }
        println!("{}\n", words(member).join(" \\\n    "));
    }
    let options = if has_certificates(plan) { ", with certificates" } else { "" };
    println!("Nothing is written: --out DIR writes all that goes to each host{options}.");
}

fn heading(member: &MemberPlan) -> String {
    let host = member.spec().planned_host();
    let names = host.into_iter().flat_map(|host| {
        std::iter::once(host.ip().to_string()).chain(host.dns_names().iter().cloned())
    });
    format!("{}: {}", member.name(), names.collect::<Vec<_>>().join(", "))
}

/// What was written, and what is to be done with it.
fn tell(plan: &Plan, out: &Path) {
    let members = plan.members();
    let directory = plan.directory().display();
    println!(
        "A fleet of {} on etcd {}, secured as {}: all of it is in {}.\n",
        members.len(),
        members[0].release().version(),
        plan.security(),
        out.display()
    );
    let mut rows = vec![
        ["host", "copy all in", "to its directory", "and run there"].map(str::to_owned).to_vec(),
    ];
    for member in members {
        let host = member.spec().planned_host();
        rows.push(vec![
            host.map(|host| host.ip().to_string()).unwrap_or_default(),
            out.join(member.name()).display().to_string(),
            directory.to_string(),
            format!("sh {}", run_script(member).display()),
        ]);
    }
    table(&rows).iter().for_each(|line| println!("{line}"));
    println!("\nWhoever runs etcd there must own the files: keys can be read by their owner only.");
    println!("The members find each other in whatever order they are started, and then wait for");
    println!("each other. They run the etcd that ETCD names, else the one of the PATH.");
    if has_certificates(plan) {
        println!("\nA client is given what is in {}:", out.join("client").display());
    } else {
        println!("\nA client asks:");
    }
    println!("  {}", client(plan, out).join(" \\\n    "));
    if has_certificates(plan) {
        let key = out.join(write::AUTHORITY_KEY);
        println!("\nWho has {} can join the fleet: it goes to none of the hosts.", key.display());
    }
}

/// How etcd's own client asks the fleet.
fn client(plan: &Plan, out: &Path) -> Vec<String> {
    let urls: Vec<_> = plan.members().iter().map(MemberPlan::client_url).collect();
    let mut words = vec!["etcdctl".to_owned(), format!("--endpoints={}", urls.join(","))];
    let file = |path: &PathBuf| write::of_client(out, path).display().to_string();
    if plan.client_trusts().is_some() {
        words.push(format!("--cacert={}", file(&plan.files().ca)));
    } else if plan.security().clients().scheme() == "https" {
        words.push("--insecure-skip-tls-verify".to_owned());
    }
    if let Some(shown) = plan.client_shows() {
        words.push(format!("--cert={}", file(&shown.certificate)));
        words.push(format!("--key={}", file(&shown.key)));
    }
    words.extend(["endpoint".to_owned(), "health".to_owned()]);
    words
}

fn has_certificates(plan: &Plan) -> bool {
    let security = plan.security();
    security.clients().has_certificates() || security.peers().has_certificates()
}

/// Where a member's environment is written, where it is told its settings so.
fn environment_file(member: &MemberPlan) -> Option<PathBuf> {
    let told = member.environment().iter().any(|(name, _)| name == "ETCD_NAME");
    told.then(|| member.directory().join("etcd.env"))
}

/// What `--config` is where nothing is said: what one wants to have in a file on a host.
const CONFIGURATION: Configuration = Configuration::File;
