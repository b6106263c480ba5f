//! Interception on Linux.

mod arming;
mod filter;
mod probe;
mod supervisor;
mod sys;
mod vdso;

use std::io;

use arming::{Obstacle, arming};
pub(crate) use probe::check_support;
pub(crate) use supervisor::Supervisor;

use super::Interception;
use crate::process::Child;
use crate::process::spawner::{After, Launch, spawn_command};

/// Spawns `launch` with calls of it answered by us, until it ends.
///
/// # Errors
///
/// Those of [`spawn`](crate::process::spawn), and a [`Hindered`] inside when the interception cannot
/// be had. There is no child then.
pub(crate) fn spawn_intercepted(launch: Launch, interception: &Interception) -> io::Result<Child> {
    let (arming, report) = arming(interception.calls)?;
    let after: After = if interception.calls.clock {
        |child| vdso::take_away(child).map_err(Obstacle::Auxv.hinders())
    } else {
        |_| Ok(())
    };
    let spawned = spawn_command(launch, |command| sys::before_exec(command, arming), after);
    let heard = report.hear();
    let mut child = match (spawned, heard.obstacle) {
        (Ok(child), _) => Child::new(child),
        (Err(error), Some(obstacle)) => return Err(obstacle.hinders()(error)),
        (Err(error), None) => return Err(error),
    };
    // From here on the child ends with an error of ours.
    let listener = heard.listener.ok_or_else(|| {
        Obstacle::HandOver.hinders()(io::Error::from(io::ErrorKind::UnexpectedEof))
    })?;
    let supervisor =
        Supervisor::start(listener, interception).map_err(Obstacle::Supervisor.hinders())?;
    child.answered_by(supervisor);
    Ok(child)
}

/// What could not be done, and what the system said of it.
#[derive(Debug, thiserror::Error)]
#[error("its calls cannot be intercepted: {}", obstacle.what())]
struct Hindered {
    obstacle: Obstacle,
    source: io::Error,
}

impl Obstacle {
    fn hinders(self) -> impl FnOnce(io::Error) -> io::Error {
        move |source| io::Error::new(source.kind(), Hindered { obstacle: self, source })
    }

    const fn what(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "it cannot renounce new privileges (PR_SET_NO_NEW_PRIVS)",
            Self::Traced => "it cannot be traced (PTRACE_TRACEME)",
            Self::Filter => "it cannot install a filter that asks us (seccomp)",
            Self::HandOver => "it did not hand over where the kernel asks",
            Self::Auxv => "it cannot be kept from reading the clock by itself (/proc, ptrace)",
            Self::Supervisor => "there is no thread to answer",
        }
    }
}

#[cfg(test)]
mod tests;
