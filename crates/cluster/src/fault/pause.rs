//! Members that stand still.

use super::error::FaultError;
use crate::cluster::{Member, Paused};

impl<'a> Member<'a> {
    /// Stops its process (SIGSTOP) until the guard is dropped, as a machine does that is starved, or
    /// whose hypervisor moves it: it does nothing, and knows nothing of it afterwards.
    ///
    /// When this returns, it stands still: a system call that was under way, such as writing to a slow
    /// disk, may still come to its end, which is waited for, a second at most.
    ///
    /// - **Connections that are open stay.** The kernel goes on to acknowledge what is sent to it, until
    ///   its buffers are full, so that nobody sees an error before a time is up: clients and peers wait.
    /// - **New connections** are accepted by the kernel, and their handshakes wait.
    /// - **When it goes on**, it does what has come in meanwhile. One that led leads on in its own
    ///   opinion until the first message of the next leader; what it is asked by then is refused, or
    ///   answered late. Leases and certificates are judged by the clock, which has gone on.
    ///
    /// Several pauses of one member hold it still until the last guard is gone. A member that is paused
    /// can be [killed](Self::kill) and restarted, which ends the pause; [`stop`](Self::stop) and what
    /// restarts members in their turn let it go on first, since what stands still cannot end by itself.
    /// It is [running](Self::is_running) to all that asks. Whatever ends its owner ends it as well.
    ///
    /// # Errors
    ///
    /// [`FaultError::NotRunning`] when it is down, or has been asked to end;
    /// [`FaultError::Removed`].
    pub fn pause(&self) -> Result<Paused<'a>, FaultError> {
        let member = || self.name().to_owned();
        if self.is_removed() {
            return Err(FaultError::Removed { member: member() });
        }
        Paused::begin(*self).ok_or_else(|| FaultError::NotRunning { member: member() })
    }

    /// Whether its process stands still because of [`pause`](Self::pause).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let mut state = self.cluster().state(self.index());
        state.child_that_runs().is_some_and(|child| child.is_paused())
    }
}
