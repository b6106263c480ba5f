//! An answer, with everything in it read once.

use super::{Answer, Dialler, Ending};
use crate::doctor::case::{MemberCase, Side};
use crate::doctor::{Port, Url};
use crate::read::CertificateDetails;

/// An answer, with everything in it read once.
#[derive(Debug)]
pub(crate) struct AnswerCase<'a> {
    pub(crate) answer: &'a Answer,
    /// Whose port it is, among the members that are described.
    pub(crate) member: Option<usize>,
    /// What the port showed, the leaf first; up to what cannot be read.
    pub(crate) shown: Vec<CertificateDetails>,
    /// What the dialler had to show; up to what cannot be read.
    pub(crate) presented: Vec<CertificateDetails>,
}

impl<'a> AnswerCase<'a> {
    pub(crate) fn new(answer: &'a Answer, members: &[MemberCase<'_>]) -> Self {
        let read = |chain: &[Vec<u8>]| -> Vec<CertificateDetails> {
            chain.iter().map_while(|der| CertificateDetails::parse(der).ok()).collect()
        };
        let shown = answer.handshake.as_ref().map_or_else(Vec::new, |seen| read(&seen.chain));
        let member = match &answer.member {
            Some(name) => members.iter().find(|member| member.name == name),
            None => members.iter().find(|member| has(member, answer.port, &answer.url)),
        };
        let member = member.map(|member| member.index);
        Self { answer, member, shown, presented: read(&answer.presented) }
    }

    /// What its findings call whoever has the port: the member's name, or else the URL.
    pub(crate) fn name(&self) -> String {
        self.answer.member.clone().unwrap_or_else(|| self.answer.url.to_string())
    }

    /// The port, for sentences: `the peer port of m1 (https://127.0.0.1:2380)`.
    pub(crate) fn place(&self) -> String {
        let Answer { url, port, member, .. } = self.answer;
        match member {
            Some(member) => format!("the {port} port of {member} ({url})"),
            None => format!("the {port} port {url}"),
        }
    }

    /// Whoever dialled, as one says whose certificate it is: `the peer certificate of m1`.
    pub(crate) fn certificate(&self) -> String {
        match &self.answer.dialler {
            Dialler::Member(name) => format!("the peer certificate of {name}"),
            _ => "the certificate of the client".to_owned(),
        }
    }

    /// Whether the port got far enough in TLS to turn this dialler away.
    pub(crate) fn is_refused(&self) -> bool {
        self.answer.ending.is_refusal() && self.answer.handshake.is_some()
    }

    /// Whether it let the dialler in, as far as can be seen from outside.
    pub(crate) fn is_let_in(&self) -> bool {
        matches!(self.answer.ending, Ending::Accepted | Ending::Silent)
    }
}

/// Whether the member listens at this URL, or says so.
fn has(member: &MemberCase<'_>, port: Port, url: &Url) -> bool {
    let settings = member.settings;
    let advertised = match port {
        Port::Client => &settings.advertise_client_urls,
        Port::Peer => &settings.advertise_peer_urls,
    };
    let mut known = member.listen_urls(port).chain(advertised);
    known.any(|known| known.host == url.host && known.port == url.port)
}

impl<'a> MemberCase<'a> {
    /// Its side of this kind of port.
    pub(crate) fn side(&self, port: Port) -> &Side<'a> {
        match port {
            Port::Client => &self.client,
            Port::Peer => &self.peer,
        }
    }
}
