//! `cargo xtask plan`, as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod refused;
#[cfg(target_os = "linux")]
mod runs;
mod written;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Three hosts of the field's examples.
const THREE: [&str; 6] = [
    "--host",
    "infra1=10.0.1.10,etcd-1.example.com",
    "--host",
    "infra2=10.0.1.11,etcd-2.example.com",
    "--host",
    "infra3=10.0.1.12",
];

fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(program)
}

/// Runs `cargo xtask` in `directory`: whether it succeeded, and both streams.
fn xtask<W: AsRef<OsStr>>(directory: &Path, words: &[W]) -> (bool, String, String) {
    let mut command = command(env!("CARGO_BIN_EXE_xtask"));
    let output = command.args(words).current_dir(directory).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

/// Plans for the three hosts.
fn plan_three(directory: &Path, more: &[&str]) -> (bool, String, String) {
    xtask(directory, &[&["plan", "--etcd", "3.5.1"], &THREE[..], more].concat())
}

/// What was said where it must succeed.
fn good((success, stdout, stderr): (bool, String, String)) -> String {
    assert!(success, "{stdout}{stderr}");
    assert_eq!(stderr, "");
    stdout
}

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// All that is in a directory, as paths in it, sorted.
fn all_in(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path.clone());
            }
            all.push(path.strip_prefix(directory).unwrap().to_owned());
        }
    }
    all.sort();
    all
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
