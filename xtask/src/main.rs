//! The workspace's own commands. One file each; this one only finds it.

use std::process::ExitCode;

use lexopt::prelude::*;

#[macro_use]
mod print;
#[macro_use]
mod fleet_options;

mod bench;
mod chaos;
mod demo;
mod doctor;
mod etcd;
mod pki;
mod plan;
mod proto;
mod ps;
mod services;
mod style;
mod sweep;
mod test;
mod tidy;
mod up;
mod weight;

const USAGE: &str = "\
Tercet: real, secure etcd fleets on demand.

Usage: cargo xtask COMMAND

  demo [--json]            a secure fleet, live: started, used, refused, broken, healed
  up [OPTIONS]             start a fleet and hold it; see: cargo xtask up --help
  chaos [OPTIONS]          a fleet under load, broken by a seed; see: cargo xtask chaos --help
  etcd list|fetch|path     which etcd there is, and getting one; see: cargo xtask etcd --help
  pki COMMAND              a fleet's certificates, made and kept; see: cargo xtask pki --help
  plan [OPTIONS]           a fleet on hosts of its own: what goes where; see: cargo xtask plan --help
  test [--etcd WHICH]...   all tests, on every etcd that can be had here
  doctor [OPTIONS] WHAT    what is wrong with the TLS of an etcd; see: cargo xtask doctor --help
  ps [--json] [DIR]...     which fleets run or are left here; see: cargo xtask ps --help
  sweep [OPTIONS] [DIR]... clear what dead owners of fleets left; see: cargo xtask sweep --help
  bench [OPTIONS]          measure, beside peers; see: cargo xtask bench --help
  proto [--check]          write the client's generated code, or say whether it is stale
  tidy                     the rules of this repository that no other tool checks
";

/// What a command fails with: an error to be printed with its causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let mut arguments = lexopt::Parser::from_env();
    if bench::protoc::is_asked_for(std::env::args_os().next().as_ref()) {
        return bench::protoc::run(arguments).map(|()| ExitCode::SUCCESS);
    }
    let command = match arguments.next()? {
        Some(Value(command)) => command.string()?,
        None | Some(Short('h') | Long("help")) => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "bench" => bench::run(arguments),
        "chaos" => chaos::run(arguments),
        "demo" => demo::run(arguments),
        "up" => up::run(arguments),
        "doctor" => Ok(doctor::run(arguments)),
        "etcd" => etcd::run(arguments).map(|()| ExitCode::SUCCESS),
        "pki" => pki::run(arguments),
        "plan" => plan::run(arguments),
        "test" => test::run(arguments),
        "ps" => ps::run(arguments),
        "sweep" => sweep::run(arguments),
        "proto" => generate(arguments),
        "tidy" => tidy::run(arguments),
        other => Err(format!("there is no command '{other}'\n\n{USAGE}").into()),
    }
}

fn generate(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut check = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("check") => check = true,
            other => return Err(other.unexpected().into()),
        }
    }
    proto::run(check)?;
    Ok(ExitCode::SUCCESS)
}

/// An error and its causes, one a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str("\n  because ");
        text.push_str(&error.to_string().replace('\n', "\n  "));
        cause = error.source();
    }
    text
}
