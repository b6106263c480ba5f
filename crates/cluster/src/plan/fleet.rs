//! The plan of a whole fleet.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tercet_pki::{Fleet, FleetBuilder, FleetFiles, IdentityFiles, RevocationFiles};

use super::address::Address;
use super::environment::Environment;
use super::error::PlanError;
use super::joining::Joining;
use super::link::Linked;
use super::member::{Entry, MemberPlan, MemberSpec, listening};
use super::security::{Protection, Security};
use super::settings::{Settings, environment};
use super::spec::Spec;
use super::timing::Timing;
use crate::binary::Release;

/// A fleet, decided in full: what to run, with which words, on which files.
///
/// Its members are those that it begins with. What is the same for all of them stays as it is for
/// the fleet's whole life; a member that comes or changes later is planned by [`member`](Self::member).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    spec: Spec,
    directory: PathBuf,
    certificates: PathBuf,
    token: OsString,
    files: FleetFiles,
    members: Vec<MemberPlan>,
}

impl Plan {
    pub(super) fn new(
        spec: &Spec,
        release: Release,
        directory: &Path,
        addresses: &[Address],
    ) -> Result<Self, PlanError> {
        let hosts = spec.planned_hosts();
        let names = spec.member_names();
        let certificates = directory.join("pki");
        let files = spec.files(&certificates, &names)?;
        let mut plan = Self {
            spec: spec.clone(),
            directory: directory.to_owned(),
            certificates,
            // Whoever is on these ports later has another token, and is told apart by it: etcd
            // refuses a peer of another cluster ("request cluster ID mismatch").
            token: match &spec.token {
                Some(token) => token.into(),
                None => directory.file_name().map_or_else(|| "tercet".into(), OsStr::to_owned),
            },
            files,
            members: Vec::new(),
        };
        // Their entry is said below, when all of them are known.
        let founders: Vec<_> = match hosts {
            [] => names
                .iter()
                .zip(addresses)
                .map(|(name, address)| MemberSpec::new(name, *address, release, Entry::Settled))
                .collect(),
            hosts => hosts
                .iter()
                .map(|host| MemberSpec::on(host.clone(), release, Entry::Settled))
                .collect(),
        };
        let peers = spec.security.peers();
        let initial_cluster = founders
            .iter()
            .map(|founder| format!("{}={}", founder.name, founder.peer_url(peers)))
            .collect::<Vec<_>>()
            .join(",");
        let entry = match &spec.joining {
            Joining::Static => Entry::Founder { initial_cluster },
            Joining::Through(service) => Entry::Discovery { service: service.clone() },
            Joining::Discovery { .. } => {
                return Err(PlanError::Discovery {
                    because: "where it is, is known once it runs: start the fleet by Cluster::start, or name one that runs with Joining::Through",
                });
            }
        };
        plan.members = founders
            .into_iter()
            .map(|founder| plan.member(MemberSpec { entry: entry.clone(), ..founder }))
            .collect::<Result<_, _>>()?;
        Ok(plan)
    }

    /// The plan of one member: of one that comes later, or of one that is to be another from its
    /// next start on.
    ///
    /// # Errors
    ///
    /// [`PlanError`] when it cannot be what it is to be.
    pub fn member(&self, spec: MemberSpec) -> Result<MemberPlan, PlanError> {
        if let Some(host) = spec.planned_host() {
            host.check()?;
            if self.spec.faults.has_clock() && !host.entrance_words().is_empty() {
                return Err(PlanError::Contradiction {
                    one: "faults of clocks",
                    other: "a host that is entered",
                    because: "a program is given its clock when it is run, and what leads there is run first: leave one of the two out",
                });
            }
        }
        let files = self.spec.files(&self.certificates, &[&spec.name])?;
        let Some(files) = files.members.into_iter().next() else {
            return Err(PlanError::MemberCount { members: 0 });
        };
        let directory = self.directory.join(&spec.name);
        let mut member = MemberPlan {
            client_url: spec.client_url(self.security().clients()),
            client_listens: listening(self.security().clients(), spec.address.client),
            peer_url: spec.peer_url(self.security().peers()),
            peer_listens: listening(self.security().peers(), spec.address.peer),
            http_url: self.http_url(&spec.address, |linked| linked.http)?,
            http_listens: self.http_url(&spec.address, |_| None)?,
            data_directory: directory.join("data"),
            log: directory.join("etcd.log"),
            directory,
            files,
            clients: self.security().clients(),
            peers: self.security().peers(),
            arguments: Vec::new(),
            environment: Environment::default(),
            configuration_file: None,
            spec,
        };
        let path = member.directory.join("etcd.yaml");
        let settings = Settings::of(&member, self)?;
        let told = settings.told(self.spec.configuration, member.release(), &path)?;
        member.arguments = told.arguments;
        member.environment = Environment(environment(&member, self.timing()));
        member.environment.0.extend(told.environment);
        member.configuration_file = told.file;
        Ok(member)
    }

    /// Where `address` has a port of its own for it, or `elsewhere` on its network, if the fleet is to
    /// have them.
    fn http_url(
        &self,
        address: &Address,
        elsewhere: fn(Linked) -> Option<SocketAddr>,
    ) -> Result<Option<String>, PlanError> {
        match (self.spec.has_http_port(), address.http) {
            (false, _) => Ok(None),
            (true, Some(http)) => {
                let shown = address.linked.and_then(elsewhere).unwrap_or(http);
                Ok(Some(listening(self.security().clients(), shown)))
            }
            (true, None) => Err(PlanError::NoHttpPort { client: address.client }),
        }
    }

    /// What was wanted.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// How its links are secured.
    #[must_use]
    pub const fn security(&self) -> Security {
        self.spec.security
    }

    /// How fast its clocks tick.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.spec.timing
    }

    /// How often its leader shows itself; the same for members that come later.
    #[must_use]
    pub const fn heartbeat(&self) -> Duration {
        self.spec.timing.heartbeat(self.spec.weight())
    }

    /// How long its members wait for their leader; the same for members that come later.
    #[must_use]
    pub const fn election(&self) -> Duration {
        self.spec.timing.election(self.spec.weight())
    }

    /// What tells it apart from other fleets (`--initial-cluster-token`).
    #[must_use]
    pub fn token(&self) -> &OsStr {
        &self.token
    }

    /// The directory of all its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of its certificates and keys.
    #[must_use]
    pub fn certificates(&self) -> &Path {
        &self.certificates
    }

    /// The certificates that the fleet needs for these members, to be built: with whatever names and
    /// usages its [`TlsOptions`](super::TlsOptions) ask for.
    pub fn fleet<'a>(&self, members: impl IntoIterator<Item = &'a MemberPlan>) -> FleetBuilder {
        let options = self.spec.tls_options();
        // One name is enough to be let in by.
        let (clients, peers) = (options.client_hosts().first(), options.peer_hosts().first());
        let mut builder = Fleet::builder().layout(self.spec.layout).client_hosts(clients);
        for member in members {
            builder = builder.member(member.name(), member.spec.hosts().chain(peers.cloned()));
        }
        if let Some(name) = options.peer_names().first() {
            builder = builder.peer_common_name(name);
        }
        if options.has_separate_outgoing() {
            builder = builder.separate_outgoing();
        }
        builder
    }

    /// Where each of its certificates and keys is. Which are there, and used, is the fleet's
    /// [`security`](Self::security): see [`client_trusts`](Self::client_trusts) and
    /// [`client_shows`](Self::client_shows).
    #[must_use]
    pub const fn files(&self) -> &FleetFiles {
        &self.files
    }

    /// The file of the authority that a client has to trust; none where there is none.
    #[must_use]
    pub fn client_trusts(&self) -> Option<&Path> {
        self.security().clients().has_certificates().then_some(&*self.files.ca)
    }

    /// What a client has to show; none where it is asked for nothing.
    #[must_use]
    pub fn client_shows(&self) -> Option<&IdentityFiles> {
        (self.security().clients() == Protection::Mutual).then_some(&self.files.client)
    }

    /// Where its list of revoked certificates is; none where no member looks at one.
    #[must_use]
    pub fn revocation_files(&self) -> Option<RevocationFiles> {
        let has_list = self.spec.tls.has_revocation_list();
        has_list.then(|| RevocationFiles::in_directory(&self.certificates))
    }

    /// The members that it begins with, in the order of their names.
    #[must_use]
    pub fn members(&self) -> &[MemberPlan] {
        &self.members
    }

    /// The indices of the members in the order in which they must be started: first the first wave,
    /// and once it is past its questions to its peers, all of the second.
    ///
    /// A new member asks its peers, in the lexical order of their URLs and one second each, who is
    /// there (`etcdserver/cluster_util.go`, `isMemberBootstrapped` and
    /// `getClusterFromRemotePeers`). A peer that is bound but not serving yet costs the whole
    /// second, one that is not bound costs nothing. So the member that the others ask first goes
    /// first, alone; then they get their answer at once and ask nobody else.
    ///
    /// With a discovery there is one wave only: a member knows of no peer to ask until all have
    /// entered themselves, and by then all of them listen (`etcdserver/server.go`, from 3.6
    /// `etcdserver/bootstrap.go`: `JoinCluster` comes after the questions).
    #[must_use]
    pub fn waves(&self) -> [Vec<usize>; 2] {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|&index| &self.members[index].peer_url);
        let first = if self.spec.joining == Joining::Static { 1 } else { order.len() };
        let second = order.split_off(first.min(order.len()));
        [order, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tercet_pki::Layout;

    fn plan(version: &str, spec: &Spec) -> Plan {
        let addresses: Vec<_> = (0..spec.member_names().len() as u16)
            .map(|n| Address::loopback(23791 - n, 23801 - n))
            .collect();
        let release = Release::of(version.parse().unwrap()).unwrap();
        spec.plan(release, Path::new("/run/fleet"), &addresses).unwrap()
    }

    fn words(plan: &Plan, member: usize) -> String {
        let member = &plan.members()[member];
        member
            .environment()
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .chain(member.arguments().iter().map(|word| word.display().to_string()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_member_of_each_version() {
        insta::assert_snapshot!("arguments_3_5", words(&plan("3.5.1", &Spec::default()), 1));
        insta::assert_snapshot!("arguments_3_4", words(&plan("3.4.23", &Spec::default()), 1));
        let newer = words(&plan("3.7.1", &Spec::default()), 1);
        assert_eq!(newer, words(&plan("3.6.14", &Spec::default()), 1));
        assert_eq!(newer, words(&plan("3.5.1", &Spec::default()), 1));
        // An unknown future version is run like the newest known one.
        assert_eq!(newer, words(&plan("3.9.0", &Spec::default()), 1));
    }

    #[test]
    fn more_members_have_more_patience() {
        let election = |members| {
            let plan = plan("3.6.14", &Spec::default().members(members));
            let words = words(&plan, members - 1);
            words
                .split("--election-timeout=")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned)
        };
        assert_eq!(election(3).as_deref(), Some("50"));
        assert_eq!(election(4).as_deref(), Some("200"));
    }

    #[test]
    fn timing_and_layout_are_words_too() {
        let stock = Spec::default().timing(Timing::Stock).layout(Layout::Shared);
        insta::assert_snapshot!("arguments_stock_shared", words(&plan("3.5.1", &stock), 0));
    }

    #[test]
    fn a_fleet_is_told_apart_by_its_directory_or_by_what_is_said() {
        let token = |spec: Spec| plan("3.5.1", &spec).token().to_owned();
        assert_eq!(token(Spec::default()), "fleet");
        assert_eq!(token(Spec::default().token("blue")), "blue");
        let words = words(&plan("3.5.1", &Spec::default().token("blue")), 0);
        assert!(words.contains("--initial-cluster-token=blue"), "{words}");
        insta::assert_snapshot!(
            Spec::default().token("").validate().unwrap_err(),
            @r#""" cannot be the token of the fleet: it tells nothing apart"#
        );
    }

    #[test]
    fn files_are_those_of_the_security() {
        for security in Security::ALL {
            let plan = plan("3.5.1", &Spec::default().security(security));
            let files = (plan.client_trusts().is_some(), plan.client_shows().is_some());
            let expected = match security {
                Security::Plaintext | Security::Auto => (false, false),
                Security::ServerTls => (true, false),
                Security::ClientAuth | Security::Mutual => (true, true),
            };
            assert_eq!(files, expected, "{security}");
        }
    }

    #[test]
    fn a_member_is_planned_anew_from_its_own_spec() {
        let plan = plan("3.5.1", &Spec::default());
        let member = &plan.members()[1];
        assert_eq!(&plan.member(member.spec().clone()).unwrap(), member);
        let forced = member.spec().clone().flag("force-new-cluster", "true");
        let forced = plan.member(forced).unwrap();
        assert!(forced.arguments().contains(&"--force-new-cluster=true".into()));
        let again = forced.spec().clone().without_flag("force-new-cluster");
        assert_eq!(&plan.member(again).unwrap(), member);
        let quiet = plan.member(member.spec().clone().flag("log-level", "warn")).unwrap();
        let levels = |word: &&OsString| word.to_string_lossy().starts_with("--log-level");
        assert_eq!(
            quiet.arguments().iter().filter(levels).collect::<Vec<_>>(),
            ["--log-level=warn"]
        );
        let joining = plan
            .member(MemberSpec::new(
                "m4",
                Address::loopback(4, 5),
                member.release(),
                Entry::Joiner { initial_cluster: "m4=https://127.0.0.1:5".into() },
            ))
            .unwrap();
        assert!(joining.arguments().contains(&"--initial-cluster-state=existing".into()));
    }

    #[test]
    fn the_member_whose_peer_url_sorts_first_goes_first() {
        let plan = plan("3.5.1", &Spec::default());
        assert_eq!(plan.waves(), [vec![2], vec![1, 0]]);
        // Lexical, as etcd sorts, and not by number.
        let addresses = [Address::loopback(1, 9999), Address::loopback(2, 10000)];
        let plan = Spec::default()
            .members(2)
            .plan(plan.members()[0].release(), Path::new("/run/fleet"), &addresses)
            .unwrap();
        assert_eq!(plan.waves(), [vec![1], vec![0]]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        for members in [0, 10] {
            let error = Spec::default().members(members).validate().unwrap_err();
            assert_eq!(error, PlanError::MemberCount { members });
        }
        insta::assert_snapshot!(
            Spec::default().members(0).validate().unwrap_err(),
            @"a fleet of 0 members is not possible: use 1 to 9, best 1, 3 or 5 (an even number bears no more failures than the odd one below it)"
        );
        let gone = Release::of("3.6.14".parse().unwrap()).unwrap();
        let one = Spec::default().members(1).v2(true);
        insta::assert_snapshot!(
            one.plan(gone, Path::new("/x"), &[Address::loopback(1, 2)]).unwrap_err(),
            @"the second API cannot be had: etcd 3.6.14 has no --enable-v2, which is there until 3.5"
        );
        let release = Release::of(Release::OLDEST).unwrap();
        insta::assert_snapshot!(
            Spec::default().plan(release, Path::new("/x"), &[]).unwrap_err(),
            @"there must be one address for each member that is on no host of its own: members 3, addresses 0"
        );
    }
}
