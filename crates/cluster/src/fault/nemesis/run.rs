//! A schedule, done to a fleet.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::act::{Act, Target};
use super::error::{NemesisError, StepError};
use super::journal::{Deed, Rampage};
use super::menu::can_spoil;
use super::schedule::{Schedule, Step};
use crate::cluster::{ATTEMPTS, Cluster, Member, Paused, StartError};
use crate::fault::{CertificateFault, ClockFault, DiskError, DiskFault, FaultError, LinkFault};

/// A fault that is under way: healed when dropped.
#[expect(dead_code, reason = "they are held, and not looked at")]
enum Guard<'a> {
    Paused(Paused<'a>),
    Certificate(CertificateFault<'a>),
    Disk(DiskFault),
    Clock(ClockFault),
    Links(LinkFault<'a>),
}

/// Refuses what cannot be done to this fleet, before anything is.
pub(super) fn check(schedule: &Schedule, cluster: &Cluster) -> Result<(), NemesisError> {
    let there = voters(cluster).len();
    if schedule.members() != there {
        return Err(NemesisError::OtherSize { members: schedule.members(), there });
    }
    let spec = cluster.plan().spec();
    let ready = spec.faults_ready_for();
    for step in schedule.steps() {
        let possible = match &step.act {
            Act::Spoil(..) if !can_spoil(spec) => Err(FaultError::NoCertificate {
                whose: "a member".to_owned(),
                security: cluster.plan().security(),
            }),
            act => match act.needs() {
                Some("links") if !ready.has_links() => Err("links"),
                Some("disk") if !ready.has_disk() => Err("disk"),
                Some("clock") if !ready.has_clock() => Err("clock"),
                _ => Ok(()),
            }
            .map_err(|kind| FaultError::NotReadyFor { kind }),
        };
        possible.map_err(|source| NemesisError::NotPossible { step: step.to_string(), source })?;
    }
    Ok(())
}

/// Those with a vote, in the order in which they came.
pub(super) fn voters(cluster: &Cluster) -> Vec<Member<'_>> {
    cluster.members().filter(|member| !member.is_learner()).collect()
}

/// Does it step by step; what is done to it is in the fleet's journal.
pub(super) async fn run(
    schedule: &Schedule,
    again: String,
    cluster: &Cluster,
) -> Result<Rampage, NemesisError> {
    check(schedule, cluster)?;
    let run = Run {
        cluster,
        begin: Instant::now(),
        place: cluster.journal.begin(again, schedule.clone()),
        // Whoever was taken down before stays so.
        ran: voters(cluster).into_iter().filter(Member::is_running).collect(),
    };
    for (index, step) in schedule.steps().iter().enumerate() {
        let done = run.step(index + 1, step).await;
        if done.is_err() {
            cluster.journal.change(run.place, |rampage| rampage.ended = Some("failed"));
        }
        done?;
    }
    cluster.journal.change(run.place, |rampage| rampage.ended = Some("all done"));
    Ok(cluster.journal.all().swap_remove(run.place))
}

struct Run<'a> {
    cluster: &'a Cluster,
    begin: Instant,
    place: usize,
    ran: Vec<Member<'a>>,
}

impl<'a> Run<'a> {
    async fn step(&self, number: usize, step: &Step) -> Result<(), NemesisError> {
        let name = || step.to_string();
        let members = self.resolve(&step.act).await.map_err(|error| match error {
            Unresolved::Leader(source) => NemesisError::NoLeader { number, step: name(), source },
            Unresolved::Start(source) => {
                NemesisError::NotReady { when: "before", number, step: name(), source }
            }
        })?;
        self.journal(|deeds, now| {
            deeds.push(Deed {
                step: step.clone(),
                members: members.iter().map(|member| member.name().to_owned()).collect(),
                begun: now,
                healed: None,
                ready: None,
            });
        });
        let guards = bring_about(self.cluster, &step.act, &members).await.map_err(|source| {
            NemesisError::Fault { number, step: name(), source: Box::new(source) }
        })?;
        sleep(step.lasts).await;
        drop(guards);
        self.journal(|deeds, now| {
            if let Some(deed) = deeds.last_mut() {
                deed.healed = Some(now);
            }
        });
        self.bring_back().await.map_err(|source| NemesisError::NotReady {
            when: "after",
            number,
            step: name(),
            source: Box::new(source),
        })?;
        self.journal(|deeds, now| {
            if let Some(deed) = deeds.last_mut() {
                deed.ready = Some(now);
            }
        });
        sleep(step.quiet).await;
        Ok(())
    }

    fn journal(&self, change: impl FnOnce(&mut Vec<Deed>, Duration)) {
        let now = self.begin.elapsed();
        self.cluster.journal.change(self.place, |rampage| change(&mut rampage.deeds, now));
    }

    /// Starts whoever is down that was not before, and waits until all that runs is ready.
    async fn bring_back(&self) -> Result<(), StartError> {
        let mut attempt = 1;
        loop {
            for member in self.ran.iter().filter(|member| !member.is_removed()) {
                if !member.is_running() {
                    member.start()?;
                }
            }
            match self.cluster.wait_until_ready().await {
                // What its disk did to it may come to light only now; and see `ATTEMPTS`.
                Err(StartError::Exited { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    /// Who is meant, by who leads now.
    async fn resolve(&self, act: &Act) -> Result<Vec<Member<'a>>, Unresolved> {
        let targets = act.targets();
        let by_role = |target: &Target| !matches!(target, Target::Member(_));
        let leader = match targets.iter().any(by_role) {
            true => Some(self.cluster.leader().await.map_err(Unresolved::Leader)?),
            false => None,
        };
        let voters = voters(self.cluster);
        let followers: Vec<_> = voters
            .iter()
            .filter(|member| leader.is_some_and(|leader| leader.index() != member.index()))
            .collect();
        let members = targets.iter().map(|target| match *target {
            Target::Leader => leader,
            Target::Follower(number) => followers.get(number - 1).map(|member| **member),
            Target::Member(number) => voters.get(number - 1).copied(),
        });
        // As many as were checked before anything was done, unless somebody else changes the fleet.
        members
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Unresolved::Start(Box::new(StartError::NoneRunning)))
    }
}

enum Unresolved {
    Leader(crate::cluster::LeaderError),
    Start(Box<StartError>),
}

/// Does it, to members in the order in which they are named.
async fn bring_about<'a>(
    cluster: &'a Cluster,
    act: &Act,
    members: &[Member<'a>],
) -> Result<Vec<Guard<'a>>, StepError> {
    let Some(&member) = members.first() else {
        // It is about all of them.
        return Ok(vec![Guard::Links(cluster.ring()?)]);
    };
    let last = members.last().copied().unwrap_or(member);
    Ok(vec![match act {
        Act::Kill(_) => {
            members.iter().try_for_each(|member| member.kill().map(drop))?;
            return Ok(Vec::new());
        }
        Act::Pause(_) => {
            let paused = members.iter().map(|member| member.pause().map(Guard::Paused));
            return Ok(paused.collect::<Result<_, _>>()?);
        }
        Act::Stop(_) => {
            member.stop().await?;
            return Ok(Vec::new());
        }
        Act::KillAt(_, point) => {
            member.kill_at(*point).await?;
            return Ok(Vec::new());
        }
        Act::Spoil(_, port, flaw) => {
            let fault = member.spoil_certificate(*port, *flaw)?;
            // Links that are there would not see it.
            member.start()?;
            Guard::Certificate(fault)
        }
        Act::SlowDisk(_, by) => Guard::Disk(member.slow_disk(*by)?),
        Act::FailDisk(_) => Guard::Disk(member.fail_disk(DiskError::Io)?),
        Act::FillDisk(_) => Guard::Disk(member.fill_disk()?),
        Act::ClockForward(_, by) => Guard::Clock(member.clock_forward(*by)?),
        Act::ClockBack(_, by) => Guard::Clock(member.clock_back(*by)?),
        Act::Cut(..) => Guard::Links(cluster.cut(member, last)?),
        Act::CutOneWay(..) => Guard::Links(cluster.cut_one_way(member, last)?),
        Act::Isolate(_) => Guard::Links(cluster.isolate(member)?),
        Act::SplitOff(_) => {
            let is_off = |one: &Member<'_>| members.iter().any(|off| off.index() == one.index());
            let others: Vec<_> = cluster.members().filter(|one| !is_off(one)).collect();
            Guard::Links(cluster.split(members, &others)?)
        }
        Act::SlowLink(_, _, by) => Guard::Links(cluster.slow(member, last, *by)?),
        Act::Ring => Guard::Links(cluster.ring()?),
        Act::Bridge(_) => Guard::Links(cluster.bridge(member)?),
    }])
}
