//! How a fleet is broken while it is watched, and whether its watches feel it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tercet_client::{Observer, WatchResumed};
use tercet_harness::{Cluster, End, LinkPolicy, Member, Result};

use crate::exact::{Heard, History};
use crate::scribes::Scribes;
use crate::support::PATIENCE;

/// Where the only watch of a client is, and how often it went on after it had lost its stream.
#[derive(Default)]
pub(crate) struct Resumed {
    times: AtomicUsize,
    tokens: AtomicUsize,
    on: Mutex<String>,
}

impl Resumed {
    pub(crate) fn begin(&self, endpoint: &str) {
        endpoint.clone_into(&mut self.on.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn times(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }

    /// How often its client was given a token.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens.load(Ordering::Relaxed)
    }

    fn on(&self) -> String {
        self.on.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn more_often_than(&self, before: usize) {
        let resumed = async {
            while self.times() <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, resumed).await.expect("the watch feels it, and goes on");
    }
}

impl Observer for Resumed {
    fn token_refreshed(&self, _: &str) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
    }

    fn watch_resumed(&self, watch: &WatchResumed<'_>) {
        self.begin(watch.endpoint);
        self.times.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is done to a fleet, mostly to that member which the watches are on.
#[derive(Clone, Copy)]
enum Way {
    Kill,
    Reset,
    IsolateLeader,
    CutLink,
    Pause,
    NewCertificates,
    KillLeader,
    Isolate,
    Compact,
}

const WAYS: [Way; 9] = [
    Way::Kill,
    Way::Reset,
    Way::IsolateLeader,
    Way::CutLink,
    Way::Pause,
    Way::NewCertificates,
    Way::KillLeader,
    Way::Isolate,
    Way::Compact,
];
/// Those that end the stream of a watch each time: a token is looked at when it goes on.
const WAYS_WITH_USERS: [Way; 5] =
    [Way::Kill, Way::Reset, Way::NewCertificates, Way::Isolate, Way::Compact];

/// What a fleet is broken with.
pub(crate) struct Breaks<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) scribes: &'a Scribes,
    pub(crate) resumed: &'a Resumed,
    pub(crate) heard: &'a Heard,
}

impl Breaks<'_> {
    /// Breaks the fleet in one way after another, without users and with users, until enough is
    /// written. Returns how often, and how many of these end the stream of a watch.
    pub(crate) async fn break_everything(
        &self,
        history: &mut History,
        goal: usize,
    ) -> Result<(usize, usize)> {
        let (mut breaks, mut felt) = (0, 0);
        while breaks < WAYS.len() + WAYS_WITH_USERS.len() || self.scribes.changes() < goal {
            let way = breaks % (WAYS.len() + WAYS_WITH_USERS.len());
            let owner = self.cluster.client().await?;
            if way == WAYS.len() {
                owner.auth_enable().await?;
            } else if way == 0 && breaks > 0 {
                owner.auth_disable().await?;
            }
            let (users, way) = match way.checked_sub(WAYS.len()) {
                None => (false, WAYS[way]),
                Some(way) => (true, WAYS_WITH_USERS[way]),
            };
            felt += usize::from(self.broken(way, users, history).await?);
            breaks += 1;
            self.some(goal / 32).await;
            // What is broken next, it feels.
            self.heard.by_first_more().await;
        }
        Ok((breaks, felt))
    }

    async fn some(&self, changes: usize) {
        self.scribes.wait_for(self.scribes.changes() + changes).await;
    }

    /// Returns whether it ends the stream of the watch that is counted: then it has resumed.
    async fn broken(&self, way: Way, users: bool, history: &mut History) -> Result<bool> {
        let (cluster, before) = (self.cluster, self.resumed.times());
        let on = self.resumed.on();
        let watched = cluster.members().find(|member| member.client_url() == on);
        let watched = watched.expect("it is on a member");
        let leader = cluster.leader().await?;
        let leads = watched.index() == leader.index();
        let some = async || self.some(24).await;
        let resumes = async || self.resumed.more_often_than(before).await;
        let felt = match way {
            Way::Kill => {
                let down = watched.kill()?;
                some().await;
                resumes().await;
                down.restart().await?;
                true
            }
            // Streams are reset, and new ones refused.
            Way::Reset => {
                if users {
                    outlive_a_token().await;
                }
                let tokens = self.resumed.tokens();
                let reset = cluster.impose_both_ways(End::Clients, watched, LinkPolicy::RESET)?;
                some().await;
                resumes().await;
                drop(reset);
                let got = self.resumed.tokens() - tokens;
                assert!(!users || got > 0, "the one that it had is old");
                true
            }
            Way::IsolateLeader => {
                let isolated = cluster.isolate(leader)?;
                some().await;
                if leads {
                    resumes().await;
                }
                drop(isolated);
                leads
            }
            // The leader does not hear it any more; or it leads, and one that follows neither hears
            // it nor is heard.
            Way::CutLink => {
                let cut = if leads {
                    cluster.cut(leader, leader.others()[0])?
                } else {
                    cluster.cut_one_way(watched, leader)?
                };
                some().await;
                drop(cut);
                false
            }
            Way::Pause => {
                let paused = watched.pause()?;
                some().await;
                drop(paused);
                false
            }
            // Connections that are open stay, and so new certificates are seen by nobody until
            // all of them are gone.
            Way::NewCertificates => {
                cluster.rotate_leaves().await?;
                let reset = cluster.members().map(|member| {
                    cluster.impose_both_ways(End::Clients, member, LinkPolicy::RESET)
                });
                drop(reset.collect::<Result<Vec<_>, _>>()?);
                resumes().await;
                true
            }
            Way::KillLeader => {
                let down = leader.kill()?;
                some().await;
                if leads {
                    resumes().await;
                }
                down.restart().await?;
                leads
            }
            // It says to the watch that it knows no leader.
            Way::Isolate => {
                let isolated = cluster.isolate(watched)?;
                some().await;
                resumes().await;
                drop(isolated);
                true
            }
            Way::Compact => {
                self.compacted(watched, history).await?;
                resumes().await;
                true
            }
        };
        cluster.wait_until_ready().await?;
        Ok(felt)
    }

    /// What watches that hear nothing any more were told before is compacted away, and nothing that
    /// they still have to be told.
    async fn compacted(&self, watched: Member<'_>, history: &mut History) -> Result<()> {
        // Whoever is on it goes on as if nothing had happened, until all its connections are
        // aborted at the end.
        let cut = self.cluster.cut(End::Clients, watched)?;
        self.some(24).await;
        let told = self.heard.by_all();
        let other = watched.others()[0].client().await?;
        history.read_to(&other, told).await?;
        other.compact(told).await?;
        drop(cut);
        Ok(())
    }
}

/// Longer than a token holds of which no use is made, by the server's clock.
async fn outlive_a_token() {
    tokio::time::sleep(Duration::from_millis(2_500)).await;
}
