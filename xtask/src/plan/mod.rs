//! `cargo xtask plan`: what goes to which host, for members on hosts of their own.

mod host;
mod options;
mod place;
mod show;
mod tell;
mod write;

use std::process::ExitCode;

use tercet_cluster::Plan;
use tercet_cluster::plan::{Entry, MemberPlan, MemberSpec};

use self::options::{Options, USAGE};
use crate::Failure;

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(warning) = options.release.warning() {
        eprintln!("tercet: {warning}");
    }
    let planned = Planned::of(&options)?;
    if let Some(out) = &options.out {
        match &planned.newcomer {
            None => write::fleet(&planned.plan, out, options.force, &options.user)?,
            Some(newcomer) => write::newcomer(&planned.plan, newcomer, out, &options.user)?,
        }
    }
    match (options.json, &options.out) {
        (true, out) => println!("{}", tell::json(&planned, out.as_deref())),
        (false, Some(out)) => print!("{}", tell::steps(&planned, out, &options.user)),
        (false, None) => show::all(&planned),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is planned.
struct Planned {
    /// The fleet as it begins, or as it is.
    plan: Plan,
    /// Who is to join it.
    newcomer: Option<MemberPlan>,
}

impl Planned {
    fn of(options: &Options) -> Result<Self, Failure> {
        let plan = options.spec.plan(options.release, &options.directory, &[])?;
        let newcomer = options.newcomer.as_ref().map(|host| {
            let spec = MemberSpec::on(host.clone(), options.release, Entry::Settled);
            let url = plan.member(spec.clone())?.peer_url().to_owned();
            let members = plan.members().iter().map(|member| (member.name(), member.peer_url()));
            let members = members.chain([(host.member(), url.as_str())]);
            let initial_cluster: Vec<_> =
                members.map(|(name, url)| format!("{name}={url}")).collect();
            plan.member(spec.entry(Entry::Joiner { initial_cluster: initial_cluster.join(",") }))
        });
        let newcomer = newcomer.transpose()?;
        Ok(Self { plan, newcomer })
    }

    /// Those that something is planned for.
    fn members(&self) -> &[MemberPlan] {
        match &self.newcomer {
            Some(newcomer) => std::slice::from_ref(newcomer),
            None => self.plan.members(),
        }
    }
}

fn has_certificates(plan: &Plan) -> bool {
    let security = plan.security();
    security.clients().has_certificates() || security.peers().has_certificates()
}
