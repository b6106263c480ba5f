//! What a member shows: its certificates, which it reads at every handshake, and the names of the
//! authorities that it has in memory, which it read when it started.

use std::time::{Duration, Instant};

use tercet_pki::IdentityFiles;
use tercet_pki::doctor::live::{Answer, Ending};
use tercet_pki::doctor::{Port, Url};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::RotateError;
use crate::cluster::{Cluster, Member};
use crate::diagnose::probe::{Probe, ProbeIdentity};
use crate::plan::Protection;

/// How long after an answer that is none the next question comes.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// What one port of a member has shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// The member's index.
    pub(super) index: usize,
    pub(super) port: Port,
    /// Where what it shows should be.
    pub(super) files: IdentityFiles,
    /// Its certificate, in DER.
    pub(super) leaf: Vec<u8>,
    /// The authorities that it asks for; `None` where it asks for no certificate.
    pub(super) authorities: Option<Vec<Vec<u8>>>,
}

/// Asks every port with certificates of every member that runs.
pub(super) async fn all(cluster: &Cluster) -> Result<Vec<Shown>, RotateError> {
    let mut questions = JoinSet::new();
    for member in cluster.members().filter(Member::is_running) {
        let plan = member.plan();
        let security = cluster.plan.security();
        for (port, url, protection, files) in [
            (Port::Client, plan.client_url(), security.clients(), plan.server_files()),
            (Port::Peer, plan.peer_url(), security.peers(), plan.peer_files()),
        ] {
            let (Some(files), Ok(url)) = (files, url.parse::<Url>()) else { continue };
            let question = Question {
                index: member.index(),
                port,
                files: files.clone(),
                probe: probe(cluster, url, port),
                asks_for: protection == Protection::Mutual,
            };
            let name = member.name().to_owned();
            let limit = cluster.ready_within;
            questions.spawn(async move { question.answer(limit).await.map_err(|end| (name, end)) });
        }
    }
    let mut shown = Vec::new();
    while let Some(answer) = questions.join_next().await {
        match answer {
            Ok(Ok(one)) => shown.push(one),
            Ok(Err((member, (port, ending)))) => {
                return Err(RotateError::NotShown { member, port, ending });
            }
            // A task ends otherwise only if its runtime does.
            Err(_) => {}
        }
    }
    shown.sort_by_key(|one| (one.index, one.port));
    Ok(shown)
}

/// With the fleet's client identity: who shows nothing is turned away, and that fills logs.
fn probe(cluster: &Cluster, url: Url, port: Port) -> Probe {
    let probe = Probe::new(url, port);
    let Some(files) = cluster.plan.client_shows() else { return probe };
    match ProbeIdentity::from_files(&files.certificate, &files.key) {
        Ok(identity) => probe.identity(identity),
        // What is asked is shown to those who are turned away as well.
        Err(_) => probe,
    }
}

/// The names of the authorities that a member has in memory, if it asks for any: those that each of
/// its ports shows. Ports that differ were filled from a file that changed in between, and say
/// nothing that can be relied on: then none is in memory for sure.
pub(super) fn in_memory(shown: &[Shown], index: usize) -> Option<Vec<Vec<u8>>> {
    let of_member = shown.iter().filter(|one| one.index == index);
    let mut lists = of_member.filter_map(|one| one.authorities.as_ref());
    let first = lists.next()?;
    let same = lists.all(|other| {
        first.iter().all(|name| other.contains(name))
            && other.iter().all(|name| first.contains(name))
    });
    Some(if same { first.clone() } else { Vec::new() })
}

struct Question {
    index: usize,
    port: Port,
    files: IdentityFiles,
    probe: Probe,
    asks_for: bool,
}

impl Question {
    /// Asks until the port answers: a member on a busy machine may need a second try.
    async fn answer(self, limit: Duration) -> Result<Shown, (Port, Ending)> {
        let begin = Instant::now();
        loop {
            let answer = self.probe.ask().await;
            let (leaf, authorities) = (leaf(&answer), names(&answer));
            if let Some(leaf) = leaf.filter(|_| authorities.is_some() || !self.asks_for) {
                let Self { index, port, files, .. } = self;
                return Ok(Shown { index, port, files, leaf, authorities });
            }
            if begin.elapsed() > limit {
                return Err((self.port, answer.ending));
            }
            sleep(ASK_EVERY).await;
        }
    }
}

fn leaf(answer: &Answer) -> Option<Vec<u8>> {
    answer.handshake.as_ref()?.chain.first().cloned()
}

fn names(answer: &Answer) -> Option<Vec<Vec<u8>>> {
    Some(answer.asks_for()?.iter().map(|name| name.der.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(index: usize, port: Port, authorities: Option<&[&str]>) -> Shown {
        let names = |all: &[&str]| all.iter().map(|name| name.as_bytes().to_vec()).collect();
        let files = IdentityFiles::at("a.crt", "a.key");
        Shown { index, port, files, leaf: Vec::new(), authorities: authorities.map(names) }
    }

    #[test]
    fn ports_that_differ_say_nothing() {
        let all = [
            shown(0, Port::Client, Some(&["old", "new"])),
            shown(0, Port::Peer, Some(&["new", "old"])),
            shown(1, Port::Client, Some(&["old", "new"])),
            shown(1, Port::Peer, Some(&["old"])),
            shown(2, Port::Client, None),
            shown(2, Port::Peer, Some(&["old"])),
            shown(3, Port::Client, None),
        ];
        assert_eq!(in_memory(&all, 0), Some(vec![b"old".to_vec(), b"new".to_vec()]));
        assert_eq!(in_memory(&all, 1), Some(Vec::new()));
        assert_eq!(in_memory(&all, 2), Some(vec![b"old".to_vec()]));
        assert_eq!(in_memory(&all, 3), None);
        assert_eq!(in_memory(&all, 4), None, "it is down");
    }
}
