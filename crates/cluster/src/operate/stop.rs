//! The end of a member that is asked to end.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::cluster::{Down, KillError, Member};

/// How often the process and its log are looked at. A look costs microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How long a member may take to end before it is killed. It finishes requests for up to seven
/// seconds (5 s and two election timeouts: `ReqTimeout`), and hands over its leadership.
const STOP_WITHIN: Duration = Duration::from_secs(10);

impl<'a> Member<'a> {
    /// Ends it as an operator does: asks it to end (SIGTERM), so that it hands over its leadership,
    /// finishes what it does and closes its files; and returns when it is gone. As with
    /// [`kill`](Self::kill), its ports stay the fleet's, and it stays down until it is restarted.
    ///
    /// One that is [paused](Self::pause) goes on: it could not end otherwise.
    ///
    /// What it would do after that is cut short: it waits up to a second for its peers' idle
    /// connections. A member that is not done after ten seconds is killed.
    ///
    /// Cancelled, the member is killed: it is down in any case.
    ///
    /// # Errors
    ///
    /// [`KillError`] when it is down already, or does not go.
    pub async fn stop(&self) -> Result<Down<'a>, KillError> {
        let run = {
            let mut state = self.cluster().state(self.index());
            match state.child_that_runs() {
                Some(child) => child.terminate(),
                None => return Err(KillError::NotRunning { member: self.name().to_owned() }),
            }
            state.run
        };
        let ending = Ending { member: *self, run };
        let begin = Instant::now();
        while begin.elapsed() < STOP_WITHIN && !is_over(*self, run) {
            sleep(LOOK_EVERY).await;
        }
        ending.end()
    }
}

/// As [`Member::stop`], where it is not down already; but cancelled, it is left to end by itself.
///
/// A member that is killed has in its log what it knows to be agreed upon, but not that it is: that
/// is written down with the next entry or at the end (`server/storage/wal/wal.go`, `Save`). One that
/// is made a fleet of its own throws away what it does not know to be agreed upon.
pub(super) async fn stop_in_peace(member: Member<'_>) -> Result<(), KillError> {
    let run = {
        let mut state = member.cluster().state(member.index());
        if let Some(child) = state.child_that_runs() {
            child.terminate();
        }
        state.run
    };
    let begin = Instant::now();
    while begin.elapsed() < STOP_WITHIN && !is_over(member, run) {
        sleep(LOOK_EVERY).await;
    }
    member.end()
}

/// Whether there is nothing more to wait for of a run of a member that was asked to end.
fn is_over(member: Member<'_>, run: u32) -> bool {
    let mut state = member.cluster().state(member.index());
    // Without its log there is still its process to look at.
    let _ = state.progress.update();
    let closed = state.progress.has_closed();
    closed || state.run != run || state.child_that_runs().is_none()
}

/// A run of a member that was asked to end; killed when dropped.
struct Ending<'a> {
    member: Member<'a>,
    run: u32,
}

impl<'a> Ending<'a> {
    fn end(self) -> Result<Down<'a>, KillError> {
        let member = self.member;
        // It does the same once more, which is nothing then.
        self.end_this_run()?;
        Ok(Down::new(member))
    }

    /// Nobody's else: it may have been restarted meanwhile.
    fn end_this_run(&self) -> Result<(), KillError> {
        let run = self.member.cluster().state(self.member.index()).run;
        if run == self.run { self.member.end() } else { Ok(()) }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // What does not go is killed again when the fleet is dropped.
        let _ = self.end_this_run();
    }
}
