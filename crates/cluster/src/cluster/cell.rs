//! What a fleet keeps of each of its members.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::latest::Latest;
use crate::binary::Binary;
use crate::observe::Progress;
use crate::plan::MemberPlan;
use crate::process::{Child, HeldPort};

/// One member: its process, its ports, and what it is to be. It stays where it is for the fleet's
/// whole life, also when the member was removed, so that views of it stay good.
#[derive(Debug)]
pub(crate) struct MemberCell {
    // Dropped in this order: its process is gone before its ports are free.
    state: Mutex<MemberState>,
    ports: Mutex<Vec<HeldPort>>,
    installed: Latest<Installed>,
    removed: AtomicBool,
}

/// What a member is run as, from its next start on.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) plan: MemberPlan,
    pub(crate) binary: Binary,
}

/// What changes in a member's life.
#[derive(Debug)]
pub(crate) struct MemberState {
    /// None while it is down on purpose.
    pub(crate) child: Option<Child>,
    /// How often it was spawned: what was seen of one run says nothing of the next.
    pub(crate) run: u32,
    pub(crate) progress: Progress,
}

impl MemberCell {
    pub(crate) fn new(plan: MemberPlan, binary: Binary, ports: Vec<HeldPort>) -> Self {
        let progress = Progress::new(plan.log().to_owned());
        Self {
            state: Mutex::new(MemberState { child: None, run: 0, progress }),
            ports: Mutex::new(ports),
            installed: Latest::new(Installed { plan, binary }),
            removed: AtomicBool::new(false),
        }
    }

    pub(crate) fn plan(&self) -> &MemberPlan {
        &self.installed.current().plan
    }

    pub(crate) fn binary(&self) -> &Binary {
        &self.installed.current().binary
    }

    /// Has it be this from its next start on.
    pub(crate) fn install(&self, plan: MemberPlan, binary: Binary) {
        self.installed.replace(Installed { plan, binary });
    }

    /// Holds these ports too, as long as the member is there.
    pub(crate) fn hold(&self, more: impl IntoIterator<Item = HeldPort>) {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
    }

    /// Whether it does not belong to the fleet any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    /// It does not belong to the fleet any more. Its ports are free from now on: it must be down.
    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Locks one member's state. Never hold two: members are looked at in any order.
    pub(crate) fn state(&self) -> MutexGuard<'_, MemberState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
