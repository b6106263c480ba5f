//! Members that are started somewhere else than where we are.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::error::StartError;
use crate::binary::Binary;
use crate::plan::MemberPlan;

/// Where system tools are that are not in everybody's `PATH`: `ip` for one.
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What is run for a member: its etcd with its flags, behind its host's entrance.
pub(super) fn command(member: &MemberPlan, binary: &Binary) -> (PathBuf, Vec<OsString>) {
    let etcd = binary.path().to_owned();
    match member.entrance() {
        [] => (etcd, member.arguments().to_vec()),
        [program, words @ ..] => {
            let arguments = [words, &[etcd.into()], member.arguments()].concat();
            (found(program), arguments)
        }
    }
}

/// A program's path. It gets an environment of our making, which has no `PATH` to find it by.
fn found(program: &OsStr) -> PathBuf {
    if program.as_encoded_bytes().contains(&b'/') {
        return program.into();
    }
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(SYSTEM_PATH);
    let places = std::env::split_paths(&path).map(|directory| directory.join(program));
    // Where there is none, what the system says of the name is what is reported.
    places.into_iter().find(|file| file.is_file()).unwrap_or_else(|| program.into())
}

/// Refuses a process that did not become etcd: what is done to it would not be done to etcd.
pub(super) fn check(member: &MemberPlan, binary: &Binary, pid: u32) -> Result<(), StartError> {
    if member.entrance().is_empty() || !cfg!(target_os = "linux") {
        return Ok(());
    }
    let Ok(words) = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")) else {
        // It has ended, which is told elsewhere.
        return Ok(());
    };
    let first = words.split(|&byte| byte == 0).next().unwrap_or_default();
    if words.is_empty() || first == binary.path().as_os_str().as_encoded_bytes() {
        return Ok(());
    }
    Err(StartError::Entrance {
        member: member.name().to_owned(),
        program: String::from_utf8_lossy(first).into_owned(),
    })
}
