//! What is wanted.

use std::path::Path;
use std::time::Duration;

use tercet_pki::{FleetFiles, Layout, NameError};

use super::address::Address;
use super::configuration::Configuration;
use super::error::PlanError;
use super::faults::Faults;
use super::flags;
use super::fleet::Plan;
use super::host::MemberHost;
use super::joining::Joining;
use super::security::{Protection, Security};
use super::store::StoreOptions;
use super::timing::{FEW, Timing};
use super::tls::TlsOptions;
use crate::binary::Release;

/// A fleet as its user thinks of it: how many members, how fast, with which certificates.
///
/// ```
/// use tercet_cluster::{Spec, Timing};
///
/// let spec = Spec::default().members(5).timing(Timing::Ci);
/// assert_eq!(spec.member_names(), ["m1", "m2", "m3", "m4", "m5"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub(super) members: usize,
    pub(super) hosts: Vec<MemberHost>,
    pub(super) security: Security,
    pub(super) timing: Timing,
    pub(super) layout: Layout,
    pub(super) tls: TlsOptions,
    pub(super) store: StoreOptions,
    pub(super) faults: Faults,
    pub(super) v2: bool,
    pub(super) gateway: bool,
    pub(super) http_port: bool,
    pub(super) configuration: Configuration,
    pub(super) flags: Vec<(String, String)>,
    pub(super) joining: Joining,
    pub(super) token: Option<String>,
    pub(super) strict: Option<bool>,
    ready_within: Duration,
    keep_failed: bool,
}

/// Far above what any start takes: 24 members starting at once on two cores need under ten seconds.
const READY_WITHIN: Duration = Duration::from_secs(60);

impl Default for Spec {
    /// Three members, [`Timing::Fast`], mutual TLS, every member with certificates of its own.
    fn default() -> Self {
        Self {
            members: 3,
            hosts: Vec::new(),
            security: Security::default(),
            timing: Timing::default(),
            layout: Layout::default(),
            tls: TlsOptions::default(),
            store: StoreOptions::default(),
            faults: Faults::NONE,
            v2: false,
            gateway: true,
            http_port: false,
            configuration: Configuration::default(),
            flags: Vec::new(),
            joining: Joining::default(),
            token: None,
            strict: None,
            ready_within: READY_WITHIN,
            keep_failed: false,
        }
    }
}

impl Spec {
    /// The most members that a fleet may have.
    ///
    /// etcd's own advice is seven at most (its FAQ, "What is maximum cluster size?"); nine allows
    /// for what a test wants to try, and each costs 130 MB of disk and 40 MB of memory.
    pub const MOST_MEMBERS: usize = 9;

    /// How many members: 1 to 9.
    ///
    /// An odd number is what one wants: an even one bears no more failures than the odd one below.
    /// Two start slower too, since a fleet of two never skips the wait for its first election
    /// (`etcdserver/server.go`, `adjustTicks`).
    #[must_use]
    pub const fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// On which hosts the members are, one on each; with none, which is the default, all are on this
    /// machine's loopback address, on ports that are found and held for them.
    ///
    /// What is planned is for whoever starts members there. [`Cluster`](crate::Cluster) itself starts
    /// them where they can be entered from this machine, as network namespaces can:
    /// [`MemberHost::entrance`]. Their ports are nobody's to hold.
    #[must_use]
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = MemberHost>) -> Self {
        self.hosts = hosts.into_iter().collect();
        if !self.hosts.is_empty() {
            self.members = self.hosts.len();
        }
        self
    }

    /// See [`hosts`](Self::hosts).
    pub fn planned_hosts(&self) -> &[MemberHost] {
        &self.hosts
    }

    /// How the fleet's links are secured; [`Security::Mutual`] unless said.
    #[must_use]
    pub const fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// See [`security`](Self::security).
    #[must_use]
    pub const fn security_of_links(&self) -> Security {
        self.security
    }

    /// How fast the members' clocks tick.
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Which certificates the members have.
    #[must_use]
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// What of TLS is to be otherwise; nothing unless said.
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.tls = options;
        self
    }

    /// See [`tls`](Self::tls).
    pub const fn tls_options(&self) -> &TlsOptions {
        &self.tls
    }

    /// What of the members' stores is to be otherwise; nothing unless said.
    #[must_use]
    pub const fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }

    /// See [`store`](Self::store).
    pub const fn store_options(&self) -> StoreOptions {
        self.store
    }

    /// Which faults it is made ready for; none unless said. Members can be killed and paused in any
    /// fleet.
    #[must_use]
    pub const fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// See [`faults`](Self::faults).
    pub const fn faults_ready_for(&self) -> Faults {
        self.faults
    }

    /// How the members of the new fleet find each other; each is told of all unless said.
    #[must_use]
    pub fn joining(mut self, joining: Joining) -> Self {
        self.joining = joining;
        self
    }

    /// See [`joining`](Self::joining).
    #[must_use]
    pub const fn way_of_joining(&self) -> &Joining {
        &self.joining
    }

    /// What tells the fleet apart from another one at the same addresses
    /// (`--initial-cluster-token`); the name of its directory unless said.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Whether members also answer etcd's second API, `/v2/keys` over HTTP (`--enable-v2`): until 3.5.
    ///
    /// What is written there is seen there only, and not by clients of the third.
    #[must_use]
    pub const fn v2(mut self, v2: bool) -> Self {
        self.v2 = v2;
        self
    }

    /// See [`v2`](Self::v2).
    #[must_use]
    pub const fn has_v2(&self) -> bool {
        self.v2
    }

    /// Whether members answer JSON over HTTP, `/v3/…` (`--enable-grpc-gateway`); they do unless
    /// said.
    #[must_use]
    pub const fn gateway(mut self, gateway: bool) -> Self {
        self.gateway = gateway;
        self
    }

    /// See [`gateway`](Self::gateway).
    #[must_use]
    pub const fn has_gateway(&self) -> bool {
        self.gateway
    }

    /// Whether members have a port of its own for all that is HTTP and not gRPC
    /// (`--listen-client-http-urls`, from 3.4.25 and 3.5.8 on): the gateway, `/version`, `/health`,
    /// `/metrics` and the second API. The clients' port then answers gRPC alone.
    #[must_use]
    pub const fn http_port(mut self, own: bool) -> Self {
        self.http_port = own;
        self
    }

    /// See [`http_port`](Self::http_port).
    #[must_use]
    pub const fn has_http_port(&self) -> bool {
        self.http_port
    }

    /// In which form members are told their settings; by flags unless said.
    #[must_use]
    pub const fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    /// See [`configuration`](Self::configuration).
    #[must_use]
    pub const fn form_of_configuration(&self) -> Configuration {
        self.configuration
    }

    /// One more flag for every member, written without dashes: for what there is no word for. What
    /// is planned for each member, its URLs and files, cannot be said so.
    #[must_use]
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.flags.retain(|(known, _)| *known != name);
        self.flags.push((name, value.into()));
        self
    }

    /// Whether members refuse that members come and go until they have been connected for five
    /// seconds, and with too few of them (`--strict-reconfig-check`), which is etcd's default.
    ///
    /// Unless said, only with [`Timing::Stock`]: nobody wants to wait for these five seconds in a
    /// test. [`add_member`](crate::Cluster::add_member) and its like look for themselves whether
    /// enough members are there.
    #[must_use]
    pub const fn strict_reconfiguration(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }

    /// See [`strict_reconfiguration`](Self::strict_reconfiguration).
    #[must_use]
    pub fn is_reconfigured_strictly(&self) -> bool {
        self.strict.unwrap_or(self.timing == Timing::Stock)
    }

    /// How long the fleet may take to become ready before its start is given up; by default a
    /// minute.
    #[must_use]
    pub const fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = limit;
        self
    }

    /// See [`ready_within`](Self::ready_within).
    #[must_use]
    pub const fn ready_limit(&self) -> Duration {
        self.ready_within
    }

    /// Whether the files of a fleet that does not become ready are kept, for somebody to look into.
    /// Its processes are ended in any case.
    #[must_use]
    pub const fn keep_failed(mut self, keep: bool) -> Self {
        self.keep_failed = keep;
        self
    }

    /// See [`keep_failed`](Self::keep_failed).
    #[must_use]
    pub const fn keeps_failed(&self) -> bool {
        self.keep_failed
    }

    /// Which certificates the members have; see [`layout`](Self::layout).
    #[must_use]
    pub const fn certificate_layout(&self) -> Layout {
        self.layout
    }

    /// The members' names, in order: those of their hosts, or `m1`, `m2`, …
    #[must_use]
    pub fn member_names(&self) -> Vec<String> {
        if !self.hosts.is_empty() {
            return self.hosts.iter().map(|host| host.member().to_owned()).collect();
        }
        (1..=self.members).map(|number| format!("m{number}")).collect()
    }

    /// With how many members it begins.
    pub(super) const fn size(&self) -> usize {
        if self.hosts.is_empty() { self.members } else { self.hosts.len() }
    }

    /// How many members' work its start is.
    ///
    /// With `auto`, etcd makes itself keys on P-521 (`client/pkg/transport/listener.go`, `SelfCert`),
    /// with which old Go is slow: a start of three took 3.1 s of processor time on 3.5.1 (Go 1.16) and
    /// 0.6 s on 3.4.23 (Go 1.19), where `mutual` took 0.4 s and 0.3 s. It starves its own elections as
    /// more members do.
    pub(super) const fn weight(&self) -> usize {
        match self.security {
            Security::Auto if self.size() > 1 && self.size() <= FEW => FEW + 1,
            _ => self.size(),
        }
    }

    /// Where the certificates and keys of these members are.
    pub(super) fn files<N: AsRef<str>>(
        &self,
        directory: &Path,
        names: &[N],
    ) -> Result<FleetFiles, NameError> {
        let files = FleetFiles::layout(directory, self.layout, names)?;
        Ok(if self.tls.has_separate_outgoing() { files.with_outgoing() } else { files })
    }

    /// Refuses what no plan can be made of.
    ///
    /// # Errors
    ///
    /// [`PlanError`] for what is wrong with any etcd.
    pub fn validate(&self) -> Result<(), PlanError> {
        if !(1..=Self::MOST_MEMBERS).contains(&self.members) {
            return Err(PlanError::MemberCount { members: self.members });
        }
        self.check_hosts()?;
        if self.token.as_ref().is_some_and(String::is_empty) {
            return Err(PlanError::Value {
                what: "the token of the fleet".to_owned(),
                value: String::new(),
                because: "it tells nothing apart".to_owned(),
            });
        }
        match &self.joining {
            Joining::Static => {}
            Joining::Discovery { members } if !(1..=Self::MOST_MEMBERS).contains(members) => {
                return Err(PlanError::Discovery { because: "it has no members, or more than 9" });
            }
            Joining::Discovery { .. } => {}
            Joining::Through(service) => service.check()?,
        }
        self.tls.check(self.security, self.layout)?;
        // `grpcGatewayDial` verifies nobody, and so has no verified chain to find an allowed name in:
        // 503 to every request. Measured on 3.4.23, 3.5.1, 3.5.30, 3.6.14 and 3.7.1.
        if self.gateway && !self.tls.client_hosts().is_empty() {
            return Err(PlanError::Contradiction {
                one: "allowed hosts of clients",
                other: "the gateway",
                because: "etcd lets nobody through it then, whatever certificate it has: turn it off",
            });
        }
        self.check_links()?;
        self.store.check()?;
        flags::check(&self.flags)?;
        Ok(())
    }

    fn check_links(&self) -> Result<(), PlanError> {
        let contradiction = |other, because| {
            let one = "faults of its links";
            Err(PlanError::Contradiction { one, other, because })
        };
        if !self.faults.has_links() {
            return Ok(());
        }
        if !self.hosts.is_empty() {
            let because = "the network whose links can be broken is inside this process: cut the one between the hosts instead";
            return contradiction("hosts", because);
        }
        if self.security.peers() == Protection::None {
            let because = "in plain text Go sends what is for several members over one connection to a proxy, so that no link can be told from another: secure the links between members";
            return contradiction("members that talk in plain text", because);
        }
        Ok(())
    }

    fn check_hosts(&self) -> Result<(), PlanError> {
        if self.hosts.is_empty() {
            return Ok(());
        }
        if self.members != self.hosts.len() {
            return Err(PlanError::Contradiction {
                one: "a number of members",
                other: "hosts of another number",
                because: "there is one member on each host: leave the number out",
            });
        }
        if matches!(self.joining, Joining::Discovery { .. }) {
            return Err(PlanError::Discovery {
                because: "it would be started on this machine's loopback address, where other hosts do not find it: name one that runs with Joining::Through",
            });
        }
        MemberHost::check_all(&self.hosts)
    }

    /// Refuses what no plan can be made of for `release`, wherever the fleet is to be: before there
    /// are ports and a directory.
    ///
    /// # Errors
    ///
    /// [`PlanError`], as [`plan`](Self::plan) has it.
    pub fn validate_for(&self, release: Release) -> Result<(), PlanError> {
        let mut spec = self.clone();
        if let Joining::Discovery { .. } = spec.joining {
            // Where it is, is known once it runs.
            spec.joining = Joining::Static;
        }
        let anywhere = vec![Address::loopback(1, 2).with_http(3); spec.members];
        spec.plan(release, Path::new("/"), &anywhere).map(drop)
    }

    /// The plan of this fleet, run by `release`, with all its files under `directory` and one
    /// member at each of `addresses`; none of those where there are [`hosts`](Self::hosts).
    ///
    /// # Errors
    ///
    /// [`PlanError`] when the parts do not fit.
    pub fn plan(
        &self,
        release: Release,
        directory: &Path,
        addresses: &[Address],
    ) -> Result<Plan, PlanError> {
        self.validate()?;
        let wanted = if self.hosts.is_empty() { self.members } else { 0 };
        if addresses.len() != wanted {
            return Err(PlanError::AddressCount { members: wanted, addresses: addresses.len() });
        }
        Plan::new(self, release, directory, addresses)
    }
}
