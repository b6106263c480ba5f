//! Where there is no seccomp, or where nobody has tried this one.

use std::convert::Infallible;
use std::io;

use super::{Intercepted, Interception, Unsupported};
use crate::process::Child;
use crate::process::spawner::Launch;

/// There is none here.
#[derive(Debug)]
pub(crate) struct Supervisor(#[expect(dead_code, reason = "there is never one")] Infallible);

pub(crate) fn spawn_intercepted(_launch: Launch, interception: &Interception) -> io::Result<Child> {
    check_support(interception.calls).map_err(io::Error::other)?;
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn check_support(calls: Intercepted) -> Result<(), Unsupported> {
    if calls.is_none() {
        return Ok(());
    }
    Err(Unsupported::new(
        if calls.disk { "disk" } else { "clock" },
        format!("this is {} on {}", std::env::consts::OS, std::env::consts::ARCH),
        "run this on Linux, on x86-64 or aarch64",
    ))
}
