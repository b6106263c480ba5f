//! The owner of everything that a fleet consists of.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_pki::Fleet;

use super::error::{LeaderError, StartError};
use super::member::Member;
use super::{leader, ready, start};
use crate::binary::Binary;
use crate::observe::Progress;
use crate::plan::{Plan, Spec};
use crate::process::{Child, HeldPort, RunDirectory};

/// A running fleet: its processes, ports, certificates and directory.
///
/// Dropping it kills every member (SIGKILL), waits until they are gone, and removes the directory
/// unless [`keep`](Self::keep) was called. That takes some ten milliseconds, needs no runtime and
/// works on any thread; when the owner dies without dropping, the same happens from outside.
///
/// It may be shared between tasks and threads by reference or in an `Arc`. What must not be shared
/// between runtimes is a connected client: [`client`](Self::client) makes one for the runtime that
/// calls it.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: members are gone before their ports are free and their files removed.
    pub(super) states: Vec<Mutex<MemberState>>,
    pub(super) _ports: Vec<HeldPort>,
    pub(super) directory: RunDirectory,
    pub(super) binary: Binary,
    pub(super) plan: Plan,
    pub(super) identities: Fleet,
    pub(super) ready_within: Duration,
    pub(super) times: StartTimes,
}

/// How long the parts of a start took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartTimes {
    /// Holding ports, making and writing all certificates and keys.
    pub certificates: Duration,
    /// From then until every member was ready.
    pub members: Duration,
}

impl StartTimes {
    /// The whole of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.certificates + self.members
    }
}

/// What changes in a member's life.
#[derive(Debug)]
pub(super) struct MemberState {
    /// None while it is down on purpose.
    pub(super) child: Option<Child>,
    /// How often it was spawned: what was seen of one run says nothing of the next.
    pub(super) run: u32,
    pub(super) progress: Progress,
}

impl MemberState {
    pub(super) fn new(log: &Path) -> Self {
        Self { child: None, run: 0, progress: Progress::new(log.to_owned()) }
    }
}

impl Cluster {
    /// Starts the fleet `spec` with the program `binary`, in a new directory below `parent`, and
    /// waits until it is ready: until every member has answered a linearizable read over its own
    /// client port, and every member has dialled every other one. `/health` and the members' own
    /// "ready" lines would not do: a member whose peer certificate works in one direction only
    /// reports itself healthy.
    ///
    /// Cancel-safe: dropping the future ends and removes what was started.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left behind, but for the files when [`Spec::keep_failed`] asks for
    /// them.
    pub async fn start(spec: &Spec, binary: &Binary, parent: &Path) -> Result<Self, StartError> {
        start::start(spec, binary, parent).await
    }

    /// Waits until the members that run are ready, as after a start.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`StartError::NotReady`] when it takes longer than the fleet may take to start
    /// ([`Spec::ready_within`]), [`StartError::Exited`] when a member has ended by itself,
    /// [`StartError::NoneRunning`] when all are down.
    pub async fn wait_until_ready(&self) -> Result<(), StartError> {
        ready::wait_until_ready(self, self.ready_within).await
    }

    /// A client of the whole fleet, with the fleet's client identity.
    ///
    /// It connects with its first request. It belongs to the runtime that called: that is why this
    /// is `async`, though it waits for nothing.
    ///
    /// # Errors
    ///
    /// The client's own, should it refuse what the fleet hands it.
    pub async fn client(&self) -> Result<Client, tercet_client::Error> {
        Client::connect(self.client_config(self.endpoints())?).await
    }

    /// What makes a client of these members.
    pub(super) fn client_config(
        &self,
        urls: impl IntoIterator<Item = String>,
    ) -> Result<Config, tercet_client::Error> {
        let identity = self.identities.client();
        let authority = self.identities.authority().certificate_pem();
        let tls = Tls::mutual(authority, identity.chain_pem(), identity.key_pem())?;
        Ok(Config::new(urls).tls(tls))
    }

    /// The members' client URLs, in the order of their names; also of those that are down.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.plan.members().iter().map(|member| member.client_url().to_owned()).collect()
    }

    /// The member with this index, counted from 0.
    ///
    /// # Panics
    ///
    /// When there is none, as indexing does.
    #[must_use]
    #[track_caller]
    pub fn member(&self, index: usize) -> Member<'_> {
        let members = self.states.len();
        assert!(
            index < members,
            "there is no member {index}: this fleet has members 0 to {}",
            members - 1
        );
        Member::new(self, index)
    }

    /// All members, also those that are down.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        (0..self.states.len()).map(|index| Member::new(self, index))
    }

    /// The member that leads, once a majority of all members agrees on one that runs.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`LeaderError`] when there is none for ten seconds, with what each member said last.
    pub async fn leader(&self) -> Result<Member<'_>, LeaderError> {
        leader::leader(self).await
    }

    /// The variables that make `etcdctl`, and whatever else reads them, talk to this fleet.
    #[must_use]
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let files = self.plan.files();
        vec![
            ("ETCDCTL_ENDPOINTS", self.endpoints().join(",").into()),
            ("ETCDCTL_CACERT", files.ca.clone().into()),
            ("ETCDCTL_CERT", files.client.certificate.clone().into()),
            ("ETCDCTL_KEY", files.client.key.clone().into()),
        ]
    }

    /// What was planned: URLs, files and command lines.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The certificates, keys and authority of this fleet, to issue more from.
    #[must_use]
    pub const fn identities(&self) -> &Fleet {
        &self.identities
    }

    /// The etcd that runs it.
    #[must_use]
    pub const fn binary(&self) -> &Binary {
        &self.binary
    }

    /// How long its start took.
    #[must_use]
    pub const fn start_times(&self) -> StartTimes {
        self.times
    }

    /// The directory that holds all its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps the directory when the fleet is dropped, and when its owner dies.
    pub fn keep(&mut self) {
        self.directory.keep();
    }

    /// Whether [`keep`](Self::keep) was called.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.directory.is_kept()
    }

    pub(super) fn state(&self, index: usize) -> MutexGuard<'_, MemberState> {
        self.states[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // To all before waiting for any: the time is that of the slowest, not the sum.
        for state in &mut self.states {
            let state = state.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let Some(child) = &mut state.child {
                child.send_kill();
            }
        }
        // Each child is reaped by its own drop, which comes next.
        self.states.clear();
    }
}
