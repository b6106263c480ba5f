//! The owner of everything that a fleet consists of.

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tercet_client::{Balance, Client, Config, Tls};
use tercet_pki::{Fleet, IdentityFiles};

use super::cell::{MemberCell, MemberState};
use super::error::{LeaderError, StartError};
use super::latest::Latest;
use super::member::Member;
use super::proxy::ProxyCell;
use super::spoiled::Spoiled;
use super::successor::Successor;
use super::user::FleetUser;
use super::{leader, ready, start};
use crate::binary::Binary;
use crate::fault::Links;
use crate::plan::{Plan, Protection, Spec};
use crate::process::RunDirectory;

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
    // Dropped in this order: members are gone before their files are removed.
    /// Members are added behind a shared reference, and never taken out.
    pub(crate) cells: boxcar::Vec<MemberCell>,
    /// As the members are.
    pub(crate) proxies: boxcar::Vec<ProxyCell>,
    /// How many there were ever to be: for their names.
    pub(crate) proxies_named: AtomicUsize,
    /// Its directory is in the fleet's.
    pub(crate) discovery: Option<Box<Self>>,
    /// Between the members, and between clients and members, where links can be broken.
    pub(crate) links: Option<Links>,
    pub(crate) directory: RunDirectory,
    pub(crate) binary: Binary,
    pub(crate) plan: Plan,
    pub(crate) identities: Latest<Fleet>,
    pub(crate) successor: Mutex<Option<Successor>>,
    pub(crate) user: FleetUser,
    pub(crate) ready_within: Duration,
    /// Held by the one operation that changes the fleet.
    pub(crate) operating: tokio::sync::Mutex<()>,
    /// Written to while pairs of files are changed, which takes microseconds.
    pub(crate) changing_files: RwLock<()>,
    /// The files that are wrong on purpose.
    pub(crate) spoiled: Spoiled,
    /// What was done to it by schedule.
    pub(crate) journal: crate::fault::Journal,
    pub(crate) times: StartTimes,
}

/// How long the parts of a start took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartTimes {
    /// Starting the discovery, where the members find each other by one.
    pub discovery: Duration,
    /// Holding ports, making and writing all certificates and keys.
    pub certificates: Duration,
    /// Making the members' data from a snapshot, where that was asked for.
    pub restoring: Duration,
    /// From then until every member was ready.
    pub members: Duration,
}

impl StartTimes {
    /// The whole of it.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.discovery + self.certificates + self.restoring + self.members
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

    /// Waits until the members that run are ready, as after a start. What is [cut](Self::cut) on
    /// purpose is not waited for: neither the links, nor reads of members that do not all reach each
    /// other, or are no majority.
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

    /// A client of the whole fleet, with the fleet's client identity. It reads the files of its
    /// certificates again for each connection, and so lives through their renewal.
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

    /// A client for the owner's own questions to the fleet: there is no link between them that can be
    /// broken.
    pub(crate) async fn direct_client(&self) -> Result<Client, tercet_client::Error> {
        let voters = self.members().filter(|member| !member.is_learner());
        let urls = voters.map(|member| member.direct_client_url().to_owned());
        Client::connect(self.client_config(urls.collect::<Vec<_>>())?).await
    }

    /// What makes a client of these members.
    pub(crate) fn client_config(
        &self,
        urls: impl IntoIterator<Item = String>,
    ) -> Result<Config, tercet_client::Error> {
        Ok(self.user.enter(self.nobodys_config(urls)?))
    }

    /// What makes a client of these members that is nobody's but whom its certificate names.
    pub(crate) fn nobodys_config(
        &self,
        urls: impl IntoIterator<Item = String>,
    ) -> Result<Config, tercet_client::Error> {
        // One connection, to the first member that works: what a test then breaks, and what the logs
        // show, is the same in each run.
        let config = Config::new(urls).balance(Balance::InOrder);
        Ok(match self.client_tls()? {
            Some(tls) => config.tls(tls),
            None => config,
        })
    }

    /// Whom a client of these members trusts, and what it shows; none where there is no TLS.
    pub(crate) fn client_tls(&self) -> Result<Option<Tls>, tercet_client::Error> {
        let files = self.plan.files();
        // Not while a key is another's than the certificate beside it.
        let _whole = self.changing_files.read().unwrap_or_else(PoisonError::into_inner);
        Ok(match self.plan.security().clients() {
            Protection::None => None,
            Protection::Server => Some(Tls::from_files(&files.ca)?),
            Protection::SelfSigned => Some(Tls::unverified()?),
            Protection::Mutual => {
                let IdentityFiles { certificate, key, .. } = &files.client;
                Some(Tls::mutual_files(&files.ca, certificate, key)?)
            }
        })
    }

    /// The members' client URLs, in the order in which they came; also of those that are down, but
    /// not of learners, which answer few requests.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let voters = self.members().filter(|member| !member.is_learner());
        voters.map(|member| member.client_url().to_owned()).collect()
    }

    /// The member with this index, counted from 0 in the order in which they came. It keeps it for
    /// the fleet's whole life; that of a member that was removed is not given again.
    ///
    /// # Panics
    ///
    /// When there never was one, as indexing does.
    #[must_use]
    #[track_caller]
    pub fn member(&self, index: usize) -> Member<'_> {
        let members = self.cells.count();
        assert!(
            index < members,
            "there is no member {index}: this fleet has members 0 to {}",
            members - 1
        );
        Member::new(self, index)
    }

    /// The member called `name`, if it belongs to the fleet.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<Member<'_>> {
        self.members().find(|member| member.name() == name)
    }

    /// All members, also those that are down, but not those that were removed.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        self.indices().into_iter().map(|index| Member::new(self, index))
    }

    /// The member that leads, once a majority of all members agrees on one that runs.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`LeaderError`] when there is none for ten seconds, with what each member said last.
    pub async fn leader(&self) -> Result<Member<'_>, LeaderError> {
        leader(self, 0).await
    }

    /// The variables that make `etcdctl`, and whatever else reads them, talk to this fleet.
    #[must_use]
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![("ETCDCTL_ENDPOINTS", self.endpoints().join(",").into())];
        match self.plan.security().clients() {
            Protection::None => {}
            Protection::SelfSigned => {
                variables.push(("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "true".into()));
                // Without a file to say that there is TLS, etcdctl takes it for none, whatever the
                // URLs say (`newClientCfg` in `ctlv3/command/global.go`; measured on 3.4.23).
                variables.push(("ETCDCTL_INSECURE_TRANSPORT", "false".into()));
            }
            Protection::Server | Protection::Mutual => {
                variables.push(("ETCDCTL_CACERT", self.plan.files().ca.clone().into()));
            }
        }
        if let Some(identity) = self.plan.client_shows() {
            variables.push(("ETCDCTL_CERT", identity.certificate.clone().into()));
            variables.push(("ETCDCTL_KEY", identity.key.clone().into()));
        }
        variables
    }

    /// What was planned when it began: URLs, files and command lines. What a member is now is said
    /// by [`Member::plan`].
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The certificates, keys and authority of this fleet, to issue more from.
    #[must_use]
    pub fn identities(&self) -> &Fleet {
        self.identities.current()
    }

    /// The etcd that it was started with; a member's own is [`Member::binary`].
    #[must_use]
    pub const fn binary(&self) -> &Binary {
        &self.binary
    }

    /// The fleet by which its members found each other, where one was started for it
    /// ([`Joining::Discovery`](crate::Joining::Discovery)). It runs as long as this one does.
    #[must_use]
    pub fn discovery(&self) -> Option<&Self> {
        self.discovery.as_deref()
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
        if let Some(discovery) = &mut self.discovery {
            discovery.keep();
        }
        self.directory.keep();
    }

    /// Whether [`keep`](Self::keep) was called.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.directory.is_kept()
    }

    /// The indices of the members that belong to the fleet.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.cells.iter().filter(|(_, cell)| !cell.is_removed()).map(|(index, _)| index).collect()
    }

    /// What is kept of this member, which there must be.
    #[track_caller]
    pub(crate) fn cell(&self, index: usize) -> &MemberCell {
        &self.cells[index]
    }

    /// Has a member that was removed for good, and is down, give its place to whoever comes.
    pub(crate) fn let_go_of_place(&self, index: usize) {
        let cell = self.cell(index);
        drop(cell.give_up_ports());
        if let (Some(links), Some(linked)) =
            (&self.links, cell.plan().spec().planned_address().linked)
        {
            links.remove(linked.slot);
        }
    }

    /// Locks one member's state. Never hold two: members are looked at in any order.
    pub(crate) fn state(&self, index: usize) -> MutexGuard<'_, MemberState> {
        self.cell(index).state()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // To all before waiting for any: the time is that of the slowest, not the sum.
        self.send_kill();
        self.proxies.clear();
        // Each child is reaped by its own drop, which comes next.
        self.cells.clear();
    }
}

impl Cluster {
    fn send_kill(&self) {
        for (_, cell) in &self.cells {
            if let Some(child) = &mut cell.state().child {
                child.send_kill();
            }
        }
        self.proxies.iter().for_each(|(_, proxy)| proxy.send_kill());
        if let Some(discovery) = &self.discovery {
            discovery.send_kill();
        }
    }
}
