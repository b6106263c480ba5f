//! What a fleet keeps of each of its proxies.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::observe::LogFollower;
use crate::plan::ProxyPlan;
use crate::process::{Child, HeldPort};

/// One proxy: its process, its port, and what it is.
#[derive(Debug)]
pub(crate) struct ProxyCell {
    // Dropped in this order: its process is gone before its port is free.
    state: Mutex<ProxyState>,
    _port: HeldPort,
    plan: ProxyPlan,
}

/// What changes in a proxy's life.
#[derive(Debug)]
pub(super) struct ProxyState {
    /// None while it is down on purpose.
    pub(super) child: Option<Child>,
    pub(super) log: LogFollower,
    /// Where in the log this run begins.
    pub(super) begin: u64,
    /// Whether this run has said that it serves.
    pub(super) serves: bool,
}

impl ProxyCell {
    pub(super) fn new(plan: ProxyPlan, port: HeldPort) -> Self {
        let log = LogFollower::new(plan.log());
        let state = ProxyState { child: None, log, begin: 0, serves: false };
        Self { state: Mutex::new(state), _port: port, plan }
    }

    pub(super) fn plan(&self) -> &ProxyPlan {
        &self.plan
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ProxyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends SIGKILL without waiting for the end.
    pub(crate) fn send_kill(&self) {
        if let Some(child) = &mut self.state().child {
            child.send_kill();
        }
    }
}
