//! The package that compares clients: built by nobody else, in a folder of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use super::options::Options;
use super::{cargo, protoc, wait_for};
use crate::Failure;
use crate::tidy::root;

/// Where it is; it is no member of the workspace.
const MANIFEST: &str = "benches/peers/Cargo.toml";

pub(super) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let target = target();
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path", MANIFEST, "--target-dir"]);
    command.arg(&target);
    // Whoever has set it knows better.
    if std::env::var_os("PROTOC").is_none() {
        command.env("PROTOC", protoc::link(&target)?);
    }
    command.arg("--");
    if let Some(etcd) = options.etcd_path()? {
        command.arg("--etcd").arg(etcd);
    }
    if options.quick {
        command.arg("--quick");
    }
    wait_for(command.args(&options.passed_on))
}

fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(target.unwrap_or_else(|| "target".into())).join("peers")
}
