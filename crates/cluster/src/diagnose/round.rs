//! All ports of a fleet, asked in the name of everybody who dials them.

use std::time::Duration;

use tercet_pki::doctor::go::{PeerVerdict, peer_address};
use tercet_pki::doctor::live::{Answer, Dialler, Ending};
use tercet_pki::doctor::{Client, Description, File, FileState, Member, Port, Url};
use tercet_pki::read::CertificateDetails;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Unseen;
use super::probe::{ANSWERS_WITHIN, IdentityError, PeerMember, Probe, ProbeIdentity};

/// For how long all ports of a fleet are asked at most. One that works answers in milliseconds;
/// where packets are dropped, each question takes its whole time.
pub const ROUND_WITHIN: Duration = Duration::from_secs(30);

/// How many questions are open at a time: a member that is under load shall not notice them.
const OPEN_MAX: usize = 8;

/// A port to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub url: Url,
    /// Which kind of port it is.
    pub port: Port,
    /// Whose, if that is known.
    pub member: Option<String>,
}

/// What ports answered.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Asked {
    /// The answers, in the order of the targets.
    pub answers: Vec<Answer>,
    /// The members that ports for peers know of, each port's with its place in
    /// [`answers`](Self::answers).
    pub members: Vec<(usize, Vec<PeerMember>)>,
    /// What could not be asked, and why.
    pub unseen: Vec<Unseen>,
}

/// Asks every target in the name of those who dial it: a port for clients in that of each client
/// that is described, a port for peers in that of each other member, with what it shows to its
/// peers. Where there is nobody, as someone without a certificate.
///
/// Nothing but the targets is dialled, eight at a time, and for [`ROUND_WITHIN`] at most. A refused
/// handshake leaves a line in the log of the member that refuses; nothing else is left, and nothing
/// is changed.
///
/// Cancel-safe: dropping the future closes all connections.
pub async fn ask_all(description: &Description, targets: &[Target]) -> Asked {
    let mut asked = Asked::default();
    let diallers = Diallers::of(description, &mut asked.unseen);
    let mut questions = Vec::new();
    for target in targets {
        for (dialler, identity) in diallers.of_target(target) {
            let mut probe = Probe::new(target.url.clone(), target.port).within(ANSWERS_WITHIN);
            if let Some(identity) = identity {
                probe = probe.identity(identity);
            }
            questions.push((probe, target.clone(), dialler));
        }
    }
    for (answer, members) in ask_each(questions, &mut asked.unseen).await {
        if let Some(members) = members {
            asked.members.push((asked.answers.len(), members));
        }
        asked.unseen.extend(from_elsewhere(&answer));
        asked.answers.push(answer);
    }
    asked
}

/// A port for peers looks where a certificate comes from. Shown from another host than its member's,
/// it may be refused for that alone, which says nothing of the member.
fn from_elsewhere(answer: &Answer) -> Option<Unseen> {
    let (Dialler::Member(name), Ending::Closed) = (&answer.dialler, &answer.ending) else {
        return None;
    };
    let (from, _) = answer.addresses?;
    let leaf = CertificateDetails::parse(answer.presented.first()?).ok()?;
    let is_named = peer_address(&leaf, from.ip()) == PeerVerdict::Accepted;
    if is_named || from.ip().to_canonical().is_loopback() {
        return None;
    }
    let whose = answer.member.clone().unwrap_or_else(|| answer.url.to_string());
    Some(Unseen::new(
        format!("whether {whose} lets {name} in"),
        format!("it looks at the address that a peer comes from, and here that is {}", from.ip()),
    ))
}

async fn ask_each(
    questions: Vec<(Probe, Target, Dialler)>,
    unseen: &mut Vec<Unseen>,
) -> Vec<(Answer, Option<Vec<PeerMember>>)> {
    let deadline = Instant::now() + ROUND_WITHIN;
    let room = std::sync::Arc::new(Semaphore::new(OPEN_MAX));
    // Dropped with this future, it ends its tasks.
    let mut tasks = JoinSet::new();
    for (index, (probe, target, dialler)) in questions.into_iter().enumerate() {
        let room = room.clone();
        tasks.spawn(async move {
            let place = target.url.to_string();
            let question = async {
                let _permit = room.acquire().await;
                probe.ask_members().await
            };
            let Ok((mut answer, members)) = timeout_at(deadline, question).await else {
                return (index, Err(place));
            };
            answer.member = target.member;
            answer.dialler = dialler;
            (index, Ok((answer, members)))
        });
    }
    let mut answers = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((index, Ok(answer))) => answers.push((index, answer)),
            Ok((_, Err(place))) => {
                let why = format!("all questions together took longer than {ROUND_WITHIN:?}");
                unseen.push(Unseen { what: place, why });
            }
            // A panic is ours, and no answer.
            Err(error) => {
                unseen.push(Unseen { what: "a port".to_owned(), why: error.to_string() });
            }
        }
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Those in whose names ports are dialled.
struct Diallers {
    clients: Vec<(Dialler, Option<ProbeIdentity>)>,
    members: Vec<(String, Option<ProbeIdentity>)>,
}

impl Diallers {
    fn of(description: &Description, unseen: &mut Vec<Unseen>) -> Self {
        let mut lacking = |error: IdentityError, who: &str| {
            let what = format!("whether {who} is let in");
            unseen.push(Unseen { what, why: error.to_string() });
        };
        let clients = description.clients.iter().map(|client| match of_client(client) {
            Ok(identity) => (Dialler::Client, identity),
            // What is said to someone without a certificate is not said to this one.
            Err(error) => {
                lacking(error, "the client");
                (Dialler::Nobody, None)
            }
        });
        let clients = clients.collect();
        let members = description.members.iter();
        let members = members
            .map(|member| {
                let name = member.settings.name.clone();
                let who = format!("{name} by the other members");
                let identity = of_member(member).unwrap_or_else(|error| {
                    lacking(error, &who);
                    None
                });
                (name, identity)
            })
            .collect();
        Self { clients, members }
    }

    fn of_target(&self, target: &Target) -> Vec<(Dialler, Option<ProbeIdentity>)> {
        let nobody = vec![(Dialler::Nobody, None)];
        match target.port {
            Port::Client if self.clients.is_empty() => nobody,
            Port::Client => self.clients.clone(),
            Port::Peer => {
                let others = self.members.iter().filter(|(name, identity)| {
                    identity.is_some() && target.member.as_ref() != Some(name)
                });
                let others: Vec<_> = others
                    .map(|(name, identity)| (Dialler::Member(name.clone()), identity.clone()))
                    .collect();
                if others.is_empty() { nobody } else { others }
            }
        }
    }
}

fn of_client(client: &Client) -> Result<Option<ProbeIdentity>, IdentityError> {
    match (&client.cert_file, &client.key_file) {
        (Some(chain), Some(key)) => identity(chain, key).map(Some),
        _ => Ok(None),
    }
}

/// What a member shows to its peers where it dials them.
fn of_member(member: &Member) -> Result<Option<ProbeIdentity>, IdentityError> {
    let peer = &member.settings.peer;
    let (chain, key) = match (&peer.client_cert_file, &peer.client_key_file) {
        (Some(chain), Some(key)) => (Some(chain), Some(key)),
        _ => (peer.cert_file.as_ref(), peer.key_file.as_ref()),
    };
    let find = |path: &std::path::PathBuf| member.files.iter().find(|file| file.path == *path);
    match (chain.and_then(find), key.and_then(find)) {
        (Some(chain), Some(key)) => identity(chain, key).map(Some),
        _ => Ok(None),
    }
}

fn identity(chain: &File, key: &File) -> Result<ProbeIdentity, IdentityError> {
    ProbeIdentity::from_pem(contents(chain)?, contents(key)?)
}

fn contents(file: &File) -> Result<&[u8], IdentityError> {
    let path = file.path.clone();
    match &file.state {
        FileState::Present { contents, .. } => Ok(contents),
        FileState::Unreadable(why) => Err(IdentityError::Unreadable { path, why: why.clone() }),
        _ => Err(IdentityError::Unreadable { path, why: "there is no such file".to_owned() }),
    }
}
