//! A member that stands still.

use std::fmt;

use super::member::Member;

/// A member whose process stands still, until this is dropped.
///
/// Several of one member hold it still until the last of them is dropped. They are about that one run
/// of it: when it is killed, or asked to end, nothing is left to hold, and when it is started again
/// meanwhile, the new process runs and dropping this does nothing to it.
///
/// Dropping it needs no runtime, works on any thread and takes microseconds.
#[must_use = "the member goes on as soon as this is dropped"]
pub struct Paused<'a> {
    member: Member<'a>,
    run: u32,
}

impl<'a> Paused<'a> {
    /// Stops the process of `member` (SIGSTOP), if it runs.
    pub(crate) fn begin(member: Member<'a>) -> Option<Self> {
        let mut state = member.cluster().state(member.index());
        let run = state.run;
        state.child_that_runs()?.pause().then_some(Self { member, run })
    }

    /// The member that stands still.
    #[must_use]
    pub const fn member(&self) -> Member<'a> {
        self.member
    }

    /// Lets it go on, unless others hold it still as well: the same as dropping this.
    pub fn resume(self) {}
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut state = self.member.cluster().state(self.member.index());
        if state.run == self.run
            && let Some(child) = &mut state.child
        {
            child.resume();
        }
    }
}

impl fmt::Debug for Paused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paused").field("member", &self.member.name()).finish_non_exhaustive()
    }
}
