//! What a member shows: its certificates, which it reads at every handshake, and the names of the
//! authorities that it has in memory, which it read when it started.

use std::time::{Duration, Instant};

use tercet_pki::IdentityFiles;
use tercet_pki::doctor::live::Answer;
use tercet_pki::doctor::{Port, Url};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::RotateError;
use crate::cluster::{Cluster, Member, Proxy};
use crate::diagnose::probe::{Probe, ProbeIdentity};
use crate::plan::Protection;

/// How long after an answer that is none the next question comes.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// What one port of a member, or of a proxy, has shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// The name of the member or the proxy.
    pub(super) holder: String,
    pub(super) port: Port,
    /// Where what it shows should be.
    pub(super) files: IdentityFiles,
    /// Its certificate, in DER.
    pub(super) leaf: Vec<u8>,
    /// The authorities that it asks for; `None` where it asks for no certificate.
    pub(super) authorities: Option<Vec<Vec<u8>>>,
}

/// Asks every port with certificates of every member and proxy that runs.
pub(super) async fn all(cluster: &Cluster) -> Result<Vec<Shown>, RotateError> {
    let mut all = Vec::new();
    for member in cluster.members().filter(Member::is_running) {
        let plan = member.plan();
        let security = cluster.plan.security();
        for (port, url, protection, files) in [
            (Port::Client, plan.direct_client_url(), security.clients(), plan.server_files()),
            (Port::Peer, plan.direct_peer_url(), security.peers(), plan.peer_files()),
        ] {
            let (Some(files), Ok(url)) = (files, url.parse::<Url>()) else { continue };
            all.push(Question {
                holder: member.name().to_owned(),
                port,
                files: files.clone(),
                probe: probe(cluster, url, port),
                asks_for: protection == Protection::Mutual,
            });
        }
    }
    for proxy in cluster.proxies().filter(Proxy::is_running) {
        let (Some(files), Ok(url)) = (&proxy.files().server, proxy.endpoint().parse::<Url>())
        else {
            continue;
        };
        all.push(Question {
            holder: proxy.name().to_owned(),
            port: Port::Client,
            files: files.clone(),
            probe: probe(cluster, url, Port::Client),
            asks_for: cluster.plan.security().clients() == Protection::Mutual,
        });
    }
    let mut answers = JoinSet::new();
    for question in all {
        answers.spawn(question.answer(cluster.ready_within));
    }
    let mut shown = Vec::new();
    // A task ends without an answer only if its runtime does.
    while let Some(answer) = answers.join_next().await {
        shown.extend(answer.ok().transpose()?);
    }
    shown.sort_by(|one, other| (&one.holder, one.port).cmp(&(&other.holder, other.port)));
    Ok(shown)
}

/// With the fleet's client identity: who shows nothing is turned away, and that fills logs.
fn probe(cluster: &Cluster, url: Url, port: Port) -> Probe {
    let probe = Probe::new(url, port).handshake_only();
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
pub(super) fn in_memory(shown: &[Shown], holder: &str) -> Option<Vec<Vec<u8>>> {
    let of_holder = shown.iter().filter(|one| one.holder == holder);
    let mut lists = of_holder.filter_map(|one| one.authorities.as_ref());
    let first = lists.next()?;
    let same = lists.all(|other| {
        first.iter().all(|name| other.contains(name))
            && other.iter().all(|name| first.contains(name))
    });
    Some(if same { first.clone() } else { Vec::new() })
}

struct Question {
    holder: String,
    port: Port,
    files: IdentityFiles,
    probe: Probe,
    asks_for: bool,
}

impl Question {
    /// Asks until the port answers: a member on a busy machine may need a second try.
    async fn answer(self, limit: Duration) -> Result<Shown, RotateError> {
        let begin = Instant::now();
        loop {
            let answer = self.probe.ask().await;
            let (leaf, authorities) = (leaf(&answer), names(&answer));
            if let Some(leaf) = leaf.filter(|_| authorities.is_some() || !self.asks_for) {
                let Self { holder, port, files, .. } = self;
                return Ok(Shown { holder, port, files, leaf, authorities });
            }
            if begin.elapsed() > limit {
                let Self { holder, port, .. } = self;
                return Err(RotateError::NotShown { holder, port, ending: answer.ending });
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

    fn shown(holder: &str, port: Port, authorities: Option<&[&str]>) -> Shown {
        let names = |all: &[&str]| all.iter().map(|name| name.as_bytes().to_vec()).collect();
        let files = IdentityFiles::at("a.crt", "a.key");
        let (holder, leaf) = (holder.to_owned(), Vec::new());
        Shown { holder, port, files, leaf, authorities: authorities.map(names) }
    }

    #[test]
    fn ports_that_differ_say_nothing() {
        let all = [
            shown("m0", Port::Client, Some(&["old", "new"])),
            shown("m0", Port::Peer, Some(&["new", "old"])),
            shown("m1", Port::Client, Some(&["old", "new"])),
            shown("m1", Port::Peer, Some(&["old"])),
            shown("m2", Port::Client, None),
            shown("m2", Port::Peer, Some(&["old"])),
            shown("m3", Port::Client, None),
        ];
        assert_eq!(in_memory(&all, "m0"), Some(vec![b"old".to_vec(), b"new".to_vec()]));
        assert_eq!(in_memory(&all, "m1"), Some(Vec::new()));
        assert_eq!(in_memory(&all, "m2"), Some(vec![b"old".to_vec()]));
        assert_eq!(in_memory(&all, "m3"), None);
        assert_eq!(in_memory(&all, "m4"), None, "it is down");
    }
}
