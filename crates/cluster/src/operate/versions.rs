//! Which versions a fleet is of.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::course::Course;
use super::error::{Cause, OperateError, Step};
use super::leader::{heir, lead};
use crate::binary::Version;
use crate::cluster::{Cluster, Member};
use crate::http::Request;

/// How long a member may take to say its version; it asks nobody for that.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How long after a question the next one follows.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// The versions that one member says, at its `/version`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberVersions {
    /// The member's name.
    pub member: String,
    /// That of the etcd that runs it.
    pub server: Version,
    /// The minor version that the whole fleet acts as, as this member has heard: the oldest of its
    /// members', or older. None before it has heard of any.
    pub cluster: Option<Version>,
    /// The minor version that its files are written for; none before etcd 3.6.
    pub storage: Option<Version>,
}

impl Cluster {
    /// The versions that each running member says, in the order of the members: that of its etcd,
    /// that of the fleet, and that of its files.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when one of them does not answer.
    pub async fn versions(&self) -> Result<Vec<MemberVersions>, OperateError> {
        let course = Course::beside_others(self, "asking for versions");
        let mut versions = Vec::new();
        for member in self.members().filter(Member::is_running) {
            let said = ask(member).await;
            versions
                .push(said.map_err(|cause| course.failed(Step::Versions, Some(member), cause))?);
        }
        Ok(versions)
    }

    /// The minor version that the fleet acts as, as its leader has it: 3.5.0 when the oldest of its
    /// members is of 3.5, whichever release of it. It follows the members by up to four seconds
    /// (`server/etcdserver/server.go`, `monitorVersionInterval`).
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when nobody leads, or the leader does not answer.
    pub async fn cluster_version(&self) -> Result<Version, OperateError> {
        let course = Course::beside_others(self, "asking for the fleet's version");
        let begin = Instant::now();
        loop {
            let leader = self.leader().await;
            let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
            let failed = |cause| course.failed(Step::Versions, Some(leader), cause);
            if let Some(version) = ask(leader).await.map_err(failed)?.cluster {
                return Ok(version);
            }
            // A new fleet has none for a moment.
            let elapsed = begin.elapsed();
            if elapsed >= self.ready_within {
                return Err(failed(Cause::NotSeen { elapsed }));
            }
            sleep(ASK_EVERY).await;
        }
    }
}

/// Asks one member.
pub(super) async fn ask(member: Member<'_>) -> Result<MemberVersions, Cause> {
    let base = member.plan().direct_http_url();
    let url = format!("{base}/version");
    let request = Request { method: "GET", url: &url, form: None };
    let tls = member.cluster().client_tls()?;
    let answer = request.send(tls.as_ref(), ANSWER_WITHIN).await?;
    let not_versions = || Cause::NoVersions { url: url.clone(), said: answer.body.clone() };
    let said: serde_json::Value = serde_json::from_str(&answer.body).map_err(|_| not_versions())?;
    // "not_decided" until there is one.
    let version = |name: &str| said.get(name)?.as_str()?.parse::<Version>().ok();
    Ok(MemberVersions {
        member: member.name().to_owned(),
        server: version("etcdserver").ok_or_else(not_versions)?,
        cluster: version("etcdcluster"),
        storage: version("storage"),
    })
}

/// What is waited for, of every running member.
pub(super) type Reached = fn(&MemberVersions, Version) -> bool;

/// Waits until each running member has reached `version`.
///
/// The leader looks at the members' versions when it has just come to lead, and every four seconds
/// (`server/etcdserver/server.go`, `monitorVersionInterval`; from 3.6 on `monitorClusterVersions`).
/// So it is not waited for: another one is made to lead, which costs milliseconds.
pub(super) async fn wait_for(
    course: &Course<'_>,
    version: Version,
    reached: Reached,
) -> Result<(), (Step, Cause)> {
    let cluster = course.cluster;
    let begin = Instant::now();
    let mut handed_over = false;
    loop {
        let mut late = Vec::new();
        let mut silent = None;
        for member in cluster.members().filter(Member::is_running) {
            match ask(member).await {
                Ok(said) if reached(&said, version) => {}
                Ok(said) => late.push(said),
                // It may next time, and be of that version.
                Err(cause) => silent = Some(cause),
            }
        }
        let elapsed = begin.elapsed();
        let is_over = elapsed >= cluster.ready_within;
        match silent {
            None if late.is_empty() => return Ok(()),
            Some(cause) if is_over && late.is_empty() => return Err((Step::Versions, cause)),
            _ if is_over => {
                return Err((Step::Versions, Cause::Versions { wanted: version, late, elapsed }));
            }
            _ => {}
        }
        if !handed_over {
            handed_over = true;
            let leader = cluster.leader().await.map_err(|error| (Step::Leader, error.into()))?;
            if let Some(heir) = heir(cluster, leader).await {
                // Without it, it only takes longer.
                let _ = lead(course, heir).await;
            }
        }
        sleep(ASK_EVERY).await;
    }
}

/// Whether the fleet is of the minor version of `version`, as this member has heard.
pub(super) fn cluster_is(said: &MemberVersions, version: Version) -> bool {
    said.cluster.is_some_and(|cluster| cluster.minor() == version.minor())
}

/// Whether it is at least of that.
pub(super) fn cluster_is_at_least(said: &MemberVersions, version: Version) -> bool {
    said.cluster.is_some_and(|cluster| cluster.minor() >= version.minor())
}

/// Whether the fleet is of the minor version of `version`, and this member's files are, if it says.
pub(super) fn files_are(said: &MemberVersions, version: Version) -> bool {
    cluster_is(said, version)
        && said.storage.is_none_or(|storage| storage.minor() == version.minor())
}
