//! `cargo xtask bench`: what things take, each figure beside its peer's from the same run.

mod options;
mod peers;
pub(crate) mod protoc;

use std::process::{Command, ExitCode};

use self::options::Options;
use crate::Failure;

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::USAGE);
        return Ok(ExitCode::SUCCESS);
    };
    if options.peers { peers::run(&options) } else { criterion(&options) }
}

/// The benchmarks of `benches`.
fn criterion(options: &Options) -> Result<ExitCode, Failure> {
    let mut command = cargo();
    command.args(["bench", "--package", "tercet-benches", "--"]);
    if options.quick {
        command.arg("--test");
    }
    if let Some(etcd) = options.etcd_path()? {
        command.env("TERCET_ETCD", etcd);
    }
    wait_for(command.args(&options.passed_on))
}

fn cargo() -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo, in the foreground, waited for")]
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn wait_for(command: &mut Command) -> Result<ExitCode, Failure> {
    let status = command.current_dir(crate::tidy::root()).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
