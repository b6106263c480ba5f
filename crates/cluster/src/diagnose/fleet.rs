//! The diagnosis of a fleet that we run: its plans, files, processes and logs are known.

use std::sync::PoisonError;
use std::time::SystemTime;

use tercet_pki::doctor::{Description, Finding, Member as Described, Port, Rule, examine, look};
use tercet_pki::etcd::Go;
use tokio::time::Instant;

use super::logs::{self, Log};
use super::round::{Asked, Target, ask_all};
use super::{Diagnosis, Unseen};
use crate::cluster::{Cluster, Member};
use crate::plan::{Protection, Security};

/// How often files that change while ports are asked are looked at again.
const ATTEMPTS: usize = 3;

impl Cluster {
    /// Says what is wrong with the fleet's TLS: asks the client port and the peer port of every
    /// member, each peer port in the name of every other member and with its certificate, and lays
    /// the answers beside the files, the settings and the logs. What is wrong is said once, at its
    /// cause; of a sound fleet there is no finding.
    ///
    /// What the fleet was asked for is no finding: that nobody proves anything with
    /// [`Security::Auto`](crate::Security::Auto), say. That a member is down is one.
    ///
    /// It waits for nothing to become better, changes nothing, and a fleet under load does not
    /// notice it: there are eight connections at a time at most, each for a handshake and one
    /// question. A member that refuses one logs that as it logs all that it refuses. It takes
    /// milliseconds, and half a minute at most.
    ///
    /// Cancel-safe.
    pub async fn diagnose(&self) -> Diagnosis {
        let begin = Instant::now();
        let mut attempt = 1;
        loop {
            let before = Sight::of(self);
            let targets = targets(self);
            let members = self.members();
            let mut logs: Vec<_> =
                members.map(|member| Log::new(member.name(), member.log())).collect();
            let mut asked = ask_all(&before.description, &targets).await;
            logs::add_logged(&mut logs, &mut asked.answers).await;
            // A certificate that was renewed between the two looks like another one.
            let after = Sight::of(self);
            if attempt < ATTEMPTS && after.has_changed_since(&before) {
                attempt += 1;
                continue;
            }
            let go: Vec<_> = logs.iter().map(|log| log.go).collect();
            return after.judged(self, asked, &go, begin);
        }
    }
}

/// What is seen of a fleet without asking it.
struct Sight {
    description: Description,
    unseen: Vec<Unseen>,
}

impl Sight {
    fn of(cluster: &Cluster) -> Self {
        // Of members of several versions the oldest is thought of: what it has, all have.
        let versions = cluster.members().map(|member| member.binary().version());
        let oldest = versions.min().unwrap_or_else(|| cluster.binary().version());
        // Not while a key is another's than the certificate beside it.
        let _whole = cluster.changing_files.read().unwrap_or_else(PoisonError::into_inner);
        let mut description = Description::new(oldest, SystemTime::now().into());
        let mut unseen = Vec::new();
        for member in cluster.members() {
            match described(&member) {
                Ok(described) => description.members.push(described),
                Err(error) => unseen.push(Unseen {
                    what: format!("what {} was told", member.name()),
                    why: error.to_string(),
                }),
            }
        }
        let plan = cluster.plan();
        if plan.security().clients() != Protection::None {
            let identity = plan.client_shows();
            description.clients.push(look::client(
                Vec::new(),
                plan.client_trusts(),
                identity.map(|identity| identity.certificate.as_path()),
                identity.map(|identity| identity.key.as_path()),
            ));
        }
        Self { description, unseen }
    }

    fn has_changed_since(&self, before: &Self) -> bool {
        let files = |sight: &Self| {
            let members = sight.description.members.iter();
            members.map(|member| (member.files.clone(), member.started)).collect::<Vec<_>>()
        };
        files(self) != files(before)
    }
}

impl Sight {
    fn judged(
        mut self,
        cluster: &Cluster,
        asked: Asked,
        go: &[Option<Go>],
        begin: Instant,
    ) -> Diagnosis {
        // What all of them were built with, if it is one.
        if let Some(Some(first)) = go.first()
            && go.iter().all(|other| *other == Some(*first))
        {
            self.description.go = Some(*first);
        }
        self.description.answers = asked.answers;
        let mut findings = examine(&self.description);
        findings.retain(|finding| !is_wanted(cluster.plan().security(), finding));
        let mut unseen = self.unseen;
        unseen.extend(asked.unseen);
        let answers = self.description.answers;
        Diagnosis { findings, answers, unseen, took: begin.elapsed() }
    }
}

/// Whether it only says of the fleet what it was asked to be.
fn is_wanted(security: Security, finding: &Finding) -> bool {
    match finding.rule {
        Rule::AutomaticTls => security == Security::Auto,
        Rule::PlaintextListener => {
            [security.clients(), security.peers()].contains(&Protection::None)
        }
        Rule::PeersUnauthenticated => security.peers() != Protection::Mutual,
        _ => false,
    }
}

/// What a member was told: by its process where that can be looked at, or else by its plan, which is
/// what it will be told at its next start.
fn described(member: &Member<'_>) -> Result<Described, look::LookError> {
    let version = member.binary().version();
    let running = member.pid().map(|pid| look::process(pid, version));
    if let Some(Ok(described)) = running {
        return Ok(described);
    }
    let plan = member.plan();
    let environment = plan.environment().iter().cloned();
    look::arguments(plan.arguments(), environment, plan.directory(), version)
}

/// Both ports of every member, also of those that are down.
fn targets(cluster: &Cluster) -> Vec<Target> {
    let members = cluster.members();
    let ports = members.flat_map(|member| {
        let name = member.name().to_owned();
        let plan = member.plan();
        let urls = [(plan.direct_client_url(), Port::Client), (plan.direct_peer_url(), Port::Peer)];
        urls.map(|(url, port)| {
            let url = url.parse().ok()?;
            Some(Target { url, port, member: Some(name.clone()) })
        })
    });
    ports.flatten().collect()
}
