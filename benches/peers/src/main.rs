//! The client beside etcd-client, in turns, on one fleet.
//!
//! Each client of each row is a process of its own, this program with another word, so that what is
//! counted of it is its own: neither the servers' time, nor the other client's memory.

mod client;
mod compare;
mod fleet;
mod histogram;
mod link;
mod machine;
mod options;
mod peer;
mod report;
mod rows;
mod tally;

use std::process::ExitCode;

/// Whatever went wrong: nobody tells the kinds apart.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(link::CLIENT) {
        return client::run();
    }
    match options::Options::parse()? {
        Some(options) => compare::run(&options),
        None => {
            print!("{}", options::USAGE);
            Ok(())
        }
    }
}
