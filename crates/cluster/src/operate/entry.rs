//! How a member comes in, and is taken back if it does not.

use std::fs;
use std::io;
use std::path::PathBuf;

use tercet_client::{ErrorKind, MemberListResponse};
use tercet_pki::Layout;

use super::course::Course;
use super::downgrade::NEXT_CLUSTER_VERSION_COMPATIBLE;
use super::error::{Cause, OperateError, OperateRefusal, Step};
use super::promote::give_vote;
use super::roster::{Voters, agree, initial_cluster, number};
use crate::binary::Binary;
use crate::cluster::{Cluster, Member, MemberCell, Role, Standing, StartError, make_directory};
use crate::plan::{Address, Entry, MemberHost, MemberPlan, MemberSpec, PlanError, Spec};

/// What a member comes in as.
pub(super) struct Newcomer {
    pub(super) binary: Binary,
    pub(super) place: Place,
    pub(super) wanted: Role,
}

/// Where a member comes in.
pub(super) enum Place {
    /// On this machine.
    Here(Address),
    /// On a host, under the host's name for it.
    On(MemberHost),
    /// On a host that another member had, under a name of its own.
    Instead(MemberHost),
}

impl Place {
    /// Where the other members are not, or would not find it.
    fn check(&self, cluster: &Cluster) -> Result<(), OperateRefusal> {
        let on_hosts = !cluster.plan.spec().planned_hosts().is_empty();
        match self {
            Self::Here(_) if on_hosts => Err(OperateRefusal::NoHost),
            Self::On(_) | Self::Instead(_) if !on_hosts => Err(OperateRefusal::HostsUnreached),
            Self::On(host) if is_taken(cluster, host.member()) => {
                Err(OperateRefusal::NameTaken { member: host.member().to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Plans a member, makes its certificates and its place among the others; its ports it is given by
/// the caller. The fleet knows nothing of it yet; from here on it is
/// [entering](super::roster::entering).
pub(super) fn make<'a>(
    course: &Course<'a>,
    newcomer: Newcomer,
) -> Result<Member<'a>, OperateError> {
    let cluster = course.cluster;
    let Newcomer { binary, place, wanted } = newcomer;
    place.check(cluster)?;
    let members = cluster.indices().len() + 1;
    if members > Spec::MOST_MEMBERS {
        return Err(OperateRefusal::TooMany { members }.into());
    }
    // Whom it joins is known for sure only when the fleet has been told of it.
    let entry = Entry::Joiner { initial_cluster: String::new() };
    let release = binary.release();
    let spec = match place {
        Place::Here(address) => MemberSpec::new(next_name(cluster), address, release, entry),
        Place::On(host) => MemberSpec::on(host, release, entry),
        Place::Instead(host) => {
            let address = host.address();
            MemberSpec::new(next_name(cluster), address, release, entry).moved_to(host)
        }
    };
    let spec = match takes_newer_files(cluster, &binary) {
        true => spec.flag(NEXT_CLUSTER_VERSION_COMPATIBLE, "true"),
        false => spec,
    };
    let failed = |step, error: StartError| course.failed(step, None, error);
    let hosts = check_hosts(cluster, &spec);
    let plan = hosts.and_then(|()| cluster.plan.member(spec));
    let plan = plan.map_err(|error| failed(Step::Plan, error.into()))?;
    make_directory(&plan).map_err(|error| failed(Step::Certificates, error))?;
    let files = Files { paths: vec![plan.directory().to_owned()], kept: false };
    let files = write_certificates(cluster, &plan, files);
    let files = files.map_err(|cause| course.failed(Step::Certificates, None, cause))?;
    let cell = MemberCell::new(plan, binary, Vec::new());
    // The first has nobody who could outvote one that does not come up, and take it back.
    let alone = Voters::of(cluster).all == 1;
    let now = if alone { Role::Learner } else { wanted };
    cell.stand(Standing::Entering { now, wanted });
    let index = cluster.cells.push(cell);
    files.keep();
    Ok(Member::new(cluster, index))
}

/// Whether one that this etcd runs has to take files of the next minor version: it gets the log of
/// the others, and they do.
fn takes_newer_files(cluster: &Cluster, etcd: &Binary) -> bool {
    let minor = |etcd: &Binary| etcd.version().minor();
    let mut alike = cluster.members().filter(|member| minor(member.binary()) == minor(etcd));
    alike.any(|member| member.plan().spec().has_flag(NEXT_CLUSTER_VERSION_COMPATIBLE))
}

/// Has the fleet know a member that is entering, starts it, and waits until it is ready and has the
/// role that it was to have. Whatever fails: it is taken back, but its ports stay held.
pub(super) async fn bring_in(course: &Course<'_>, member: Member<'_>) -> Result<(), OperateError> {
    match try_to_bring_in(course, member).await {
        Ok(()) => Ok(()),
        Err((step, cause)) => {
            // Before its log is cut off from what led to it.
            let why = course.seen(step, Some(member), cause);
            match take_back(course, member).await {
                Ok(()) => Err(why.now()),
                Err(cause) => Err(why.not_undone(&cause)),
            }
        }
    }
}

async fn try_to_bring_in(course: &Course<'_>, member: Member<'_>) -> Result<(), (Step, Cause)> {
    let cluster = course.cluster;
    let cell = cluster.cell(member.index());
    let Standing::Entering { mut now, wanted } = cell.standing() else { return Ok(()) };
    let list = enroll(course, member, now).await.map_err(|cause| (Step::Enroll, cause))?;
    let entry = Entry::Joiner { initial_cluster: initial_cluster(cluster, &list) };
    let plan = cluster.plan.member(member.plan().spec().clone().entry(entry));
    let plan = plan.map_err(|error| (Step::Plan, StartError::from(error).into()))?;
    cell.install(plan, member.binary().clone());
    member.restart().await.map_err(|error| (Step::Ready, error.into()))?;
    if now != wanted {
        give_vote(course, member).await?;
        now = wanted;
    }
    cell.stand(Standing::Belongs(now));
    reread_certificates(cluster).map_err(|cause| (Step::Certificates, cause))
}

/// Tells the fleet of it. Returns all members, itself among them.
async fn enroll(
    course: &Course<'_>,
    member: Member<'_>,
    role: Role,
) -> Result<MemberListResponse, Cause> {
    let url = member.peer_url();
    let reached = |list: &MemberListResponse| number(list, member).is_some().then(|| list.clone());
    agree(course, 0, reached, |client, _| async move {
        let added = match role {
            Role::Voter => client.member_add([url]).await,
            Role::Learner => client.member_add_learner([url]).await,
        };
        match added {
            // Its number is made of its URL and the second of its coming
            // (`server/etcdserver/api/membership/member.go`, `computeMemberID`), and one who was
            // there in this very second has gone with that number: the next second has another.
            Err(error) if error.kind() == ErrorKind::MemberNotFound => Ok(()),
            result => result.map(drop),
        }
    })
    .await
}

/// Ends a member that did not come in, and has the fleet forget it.
async fn take_back(course: &Course<'_>, member: Member<'_>) -> Result<(), Cause> {
    member.end()?;
    expel(course, member).await?;
    let cell = course.cluster.cell(member.index());
    cell.stand(Standing::Removed { was: cell.standing().role() });
    delete_data(member)?;
    reread_certificates(course.cluster)
}

/// Has the fleet forget a member, if it knows it.
pub(super) async fn expel(course: &Course<'_>, member: Member<'_>) -> Result<(), Cause> {
    let gone = |list: &MemberListResponse| number(list, member).is_none().then_some(());
    // Taken out a while ago, it is counted as long as it is not known.
    let unsure = usize::from(!member.is_learner());
    agree(course, unsure, gone, |client, list| async move {
        let Some(id) = number(&list, member) else { return Ok(()) };
        client.member_remove(id).await.map(drop)
    })
    .await
}

/// Deletes what it kept. Its log and its certificates stay: somebody may want to look.
pub(super) fn delete_data(member: Member<'_>) -> Result<(), Cause> {
    let path = member.data_directory();
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Cause::Data { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// `m4` for the fourth that there ever was, and so on.
fn next_name(cluster: &Cluster) -> String {
    let cells = cluster.cells.count();
    let names = (cells + 1..).map(|number| format!("m{number}"));
    names.into_iter().find(|name| !is_taken(cluster, name)).unwrap_or_default()
}

/// Whether a member has that name, or had it: its files are still there.
fn is_taken(cluster: &Cluster, name: &str) -> bool {
    cluster.cells.iter().any(|(_, cell)| cell.plan().name() == name)
}

/// Refuses a host that cannot be beside those of the members that there are.
fn check_hosts(cluster: &Cluster, newcomer: &MemberSpec) -> Result<(), PlanError> {
    let specs = cluster.members().map(|member| member.plan().spec());
    let hosts = specs.chain([newcomer]).filter_map(MemberSpec::planned_host).cloned();
    MemberHost::check_places(&hosts.collect::<Vec<_>>())
}

/// Files and directories that are removed again unless they are kept.
struct Files {
    paths: Vec<PathBuf>,
    kept: bool,
}

impl Files {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.kept {
            for path in &self.paths {
                // The error that brought us here is the one to report.
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// Writes what a member shows, signed by the fleet's authority as that of the others is: where all
/// share one certificate there is nothing to write.
fn write_certificates(
    cluster: &Cluster,
    member: &MemberPlan,
    mut files: Files,
) -> Result<Files, Cause> {
    let plan = &cluster.plan;
    if uses_certificates(cluster) && plan.spec().certificate_layout() != Layout::Shared {
        let authority = cluster.identities().authority().clone();
        let newcomers = plan.fleet([member]).authority(authority).build()?;
        files.paths.push(plan.certificates().join(member.name()));
        newcomers.write_member(plan.certificates(), member.name())?;
    }
    Ok(files)
}

fn uses_certificates(cluster: &Cluster) -> bool {
    let security = cluster.plan.security();
    security.clients().has_certificates() || security.peers().has_certificates()
}

/// Has the fleet's own picture of its certificates name those that belong to it now.
pub(super) fn reread_certificates(cluster: &Cluster) -> Result<(), Cause> {
    let plan = &cluster.plan;
    if uses_certificates(cluster) {
        let names = cluster.members().map(|member| member.name());
        let (directory, current) = (plan.certificates(), cluster.identities());
        let again = current.read_again(directory, current.authority().clone(), names)?;
        cluster.identities.replace(again);
    }
    Ok(())
}
