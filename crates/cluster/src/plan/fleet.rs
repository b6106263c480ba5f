//! The plan of a whole fleet.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tercet_pki::{FleetFiles, MemberFiles};

use super::arguments::{arguments, environment};
use super::spec::{PlanError, Spec};
use super::timing::Timing;
use crate::binary::Release;

/// Where one member listens, and is found by clients and by the other members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where clients come.
    pub client: SocketAddr,
    /// Where the other members come.
    pub peer: SocketAddr,
}

impl Address {
    /// Two ports on 127.0.0.1.
    #[must_use]
    pub const fn loopback(client_port: u16, peer_port: u16) -> Self {
        const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { client: SocketAddr::new(HOST, client_port), peer: SocketAddr::new(HOST, peer_port) }
    }
}

/// A fleet, decided in full: what to run, with which words, on which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    release: Release,
    timing: Timing,
    certificates: PathBuf,
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
        let names = spec.member_names();
        let certificates = directory.join("pki");
        let files = FleetFiles::layout(&certificates, spec.layout, &names)?;
        let mut members: Vec<_> = names
            .iter()
            .zip(addresses)
            .zip(&files.members)
            .map(|((name, address), files)| MemberPlan::new(name, address, directory, files))
            .collect();
        let fleet = FleetWide {
            release,
            timing: spec.timing,
            authority: &files.ca,
            // Whoever is on these ports later has another token, and is told apart by it: etcd
            // refuses a peer of another cluster ("request cluster ID mismatch").
            token: directory.file_name().map_or_else(|| "tercet".into(), OsString::from),
            initial_cluster: members
                .iter()
                .map(|member| format!("{}={}", member.name, member.peer_url))
                .collect::<Vec<_>>()
                .join(","),
        };
        for member in &mut members {
            member.arguments = arguments(member, &fleet);
            member.environment = environment(&fleet);
        }
        Ok(Self { release, timing: spec.timing, certificates, files, members })
    }

    /// What runs it.
    #[must_use]
    pub const fn release(&self) -> Release {
        self.release
    }

    /// How fast its clocks tick.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// The directory of its certificates and keys.
    #[must_use]
    pub fn certificates(&self) -> &Path {
        &self.certificates
    }

    /// Where each of its certificates and keys is.
    #[must_use]
    pub const fn files(&self) -> &FleetFiles {
        &self.files
    }

    /// Its members, in the order of their names.
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
    #[must_use]
    pub fn waves(&self) -> [Vec<usize>; 2] {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by_key(|&index| &self.members[index].peer_url);
        let second = order.split_off(1.min(order.len()));
        [order, second]
    }
}

/// One member of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlan {
    name: String,
    client_url: String,
    peer_url: String,
    data_directory: PathBuf,
    log: PathBuf,
    files: MemberFiles,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl MemberPlan {
    fn new(name: &str, address: &Address, directory: &Path, files: &MemberFiles) -> Self {
        Self {
            name: name.to_owned(),
            client_url: format!("https://{}", address.client),
            peer_url: format!("https://{}", address.peer),
            data_directory: directory.join(name).join("data"),
            log: directory.join(name).join("etcd.log"),
            files: files.clone(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Its name (`--name`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers clients.
    #[must_use]
    pub fn client_url(&self) -> &str {
        &self.client_url
    }

    /// Where it answers the other members.
    #[must_use]
    pub fn peer_url(&self) -> &str {
        &self.peer_url
    }

    /// Where it keeps its data (`--data-dir`).
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// Where all that it prints goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its certificates and keys.
    #[must_use]
    pub const fn files(&self) -> &MemberFiles {
        &self.files
    }

    /// What etcd is called with, without the program itself.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The whole environment that it runs in. Nothing is inherited: an option given both by flag
    /// and by an `ETCD_*` variable is fatal to etcd (`pkg/flags/flag.go`).
    #[must_use]
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }
}

/// What all members of a fleet have in common.
pub(super) struct FleetWide<'a> {
    pub(super) release: Release,
    pub(super) timing: Timing,
    pub(super) authority: &'a Path,
    pub(super) token: OsString,
    pub(super) initial_cluster: String,
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
    fn timing_and_layout_are_words_too() {
        let stock = Spec::default().timing(Timing::Stock).layout(Layout::Shared);
        insta::assert_snapshot!("arguments_stock_shared", words(&plan("3.5.1", &stock), 0));
    }

    #[test]
    fn the_member_whose_peer_url_sorts_first_goes_first() {
        let plan = plan("3.5.1", &Spec::default());
        assert_eq!(plan.waves(), [vec![2], vec![1, 0]]);
        // Lexical, as etcd sorts, and not by number.
        let addresses = [Address::loopback(1, 9999), Address::loopback(2, 10000)];
        let plan = Spec::default()
            .members(2)
            .plan(plan.release(), Path::new("/run/fleet"), &addresses)
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
        let release = Release::of(Release::OLDEST).unwrap();
        insta::assert_snapshot!(
            Spec::default().plan(release, Path::new("/x"), &[]).unwrap_err(),
            @"3 members need 3 addresses, but 0 were given"
        );
    }
}
