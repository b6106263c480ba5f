//! What a fleet keeps of each of its members.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::latest::Latest;
use crate::binary::{Binary, Release};
use crate::observe::Progress;
use crate::plan::MemberPlan;
use crate::process::{Child, HeldPort, Policy, Share};

/// One member: its process, its ports, and what it is to be. It stays where it is for the fleet's
/// whole life, also when the member was removed, so that views of it stay good.
#[derive(Debug)]
pub(crate) struct MemberCell {
    // Dropped in this order: its process is gone before its ports are free.
    state: Mutex<MemberState>,
    ports: Mutex<Vec<HeldPort>>,
    installed: Latest<Installed>,
    standing: Mutex<Standing>,
    /// What is wrong with its disk and its clock, over all its restarts.
    system: Arc<Policy>,
}

/// What a member is to its fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is on its way in: the fleet may know of it or not, and it may run or not.
    Entering {
        /// What it is known as, if it is.
        now: Role,
        /// What it is to be.
        wanted: Role,
    },
    /// It belongs to the fleet.
    Belongs(Role),
    /// It does not belong to the fleet any more.
    Removed {
        /// What it was.
        was: Role,
    },
}

impl Standing {
    /// What it is, or was.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Entering { now: role, .. }
            | Self::Belongs(role)
            | Self::Removed { was: role } => role,
        }
    }
}

/// Whether a member has a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Voter,
    /// It follows, and neither votes nor counts for a majority.
    Learner,
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
            standing: Mutex::new(Standing::Belongs(Role::Voter)),
            system: Arc::default(),
        }
    }

    pub(crate) fn plan(&self) -> &MemberPlan {
        &self.installed.current().plan
    }

    pub(crate) fn binary(&self) -> &Binary {
        &self.installed.current().binary
    }

    /// What becomes of those of its calls that are intercepted.
    pub(crate) const fn system(&self) -> &Arc<Policy> {
        &self.system
    }

    /// What it was to be run by, one after the other.
    pub(crate) fn releases(&self) -> impl Iterator<Item = Release> {
        self.installed.all().map(|installed| installed.binary.release())
    }

    /// Has it be this from its next start on.
    pub(crate) fn install(&self, plan: MemberPlan, binary: Binary) {
        self.installed.replace(Installed { plan, binary });
    }

    /// Holds these ports too, as long as the member is there.
    pub(crate) fn hold(&self, more: impl IntoIterator<Item = HeldPort>) {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
    }

    /// How its ports are shared with it from its next start on: it must be down.
    pub(crate) fn share_ports(&self, share: Share) {
        for port in &*self.ports.lock().unwrap_or_else(PoisonError::into_inner) {
            port.share(share);
        }
    }

    /// What it is to the fleet.
    pub(crate) fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is this to the fleet from now on.
    pub(crate) fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Whether it does not belong to the fleet any more.
    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.standing(), Standing::Removed { .. })
    }

    /// Whether it has no vote, as far as the fleet was changed through its owner.
    pub(crate) fn is_learner(&self) -> bool {
        let standing = self.standing();
        !matches!(standing, Standing::Removed { .. }) && standing.role() == Role::Learner
    }

    /// Whether it holds its ports.
    pub(crate) fn has_ports(&self) -> bool {
        !self.ports.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Its ports, for another member or to be free: it must be down, and stay so.
    pub(crate) fn give_up_ports(&self) -> Vec<HeldPort> {
        std::mem::take(&mut *self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks one member's state. Never hold two: members are looked at in any order.
    pub(crate) fn state(&self) -> MutexGuard<'_, MemberState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
