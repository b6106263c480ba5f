//! One certificate, shown to someone who judges it.

use super::super::super::case::{Case, MemberCase, Port};
use super::super::super::document::Document;
use super::super::super::findings::{Found, Subject};
use crate::doctor::go::{Refusal, Usage, verify};
use crate::doctor::{Rule, Severity};
use crate::etcd::{Go, GoRange};
use crate::read::CertificateDetails;

/// Between whom a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// A member dials a member.
    Peer,
    /// A client that is known dials a member.
    Client,
    /// Whoever reads the URLs that a member advertises; what it trusts is not known.
    Anyone,
    /// The HTTP gateway of a member dials that member.
    Gateway,
}

/// One certificate, shown to someone who judges it.
#[derive(Clone, Debug)]
pub(super) struct Presentation<'c, 'd> {
    pub(super) link: Link,
    /// Who dials, in words: `infra1`, `the client`.
    pub(super) from: String,
    /// Who is dialled: `infra2`.
    pub(super) to: String,
    /// What is shown, the leaf first; never empty.
    pub(super) chain: &'c [CertificateDetails],
    /// The file of it.
    pub(super) document: &'c Document,
    /// The member that shows it; `None` is a client.
    pub(super) owner: Option<&'c MemberCase<'d>>,
    /// The port of that member it belongs to.
    pub(super) port: Port,
    /// The setting that names the file.
    pub(super) setting: String,
    /// Whom the other side trusts; `None` where that is not judged.
    pub(super) pool: Option<&'c [CertificateDetails]>,
    /// The file of those.
    pub(super) pool_document: Option<&'c Document>,
    /// The setting that names that file.
    pub(super) pool_setting: String,
    /// What the certificate is used for.
    pub(super) usage: Usage,
    /// What was dialled; `None` where no name is looked at.
    pub(super) host: Option<String>,
}

/// A presentation that is refused.
#[derive(Clone, Debug)]
pub(super) struct Refused<'p, 'c> {
    pub(super) presentation: &'p Presentation<'c, 'c>,
    pub(super) refusal: Refusal,
    /// The Go whose words are told.
    pub(super) go: Go,
    /// Whether all builds of this etcd refuse it, and not only those with a newer Go.
    pub(super) every_build: bool,
    /// Whether several members, or both ports of one, show the file: then it is nobody's.
    pub(super) is_shared: bool,
}

/// See [`Presentation::question`].
pub(super) type Question = (*const Document, Option<*const Document>, bool, Option<String>);

impl<'c> Presentation<'c, 'c> {
    pub(super) fn judge<'p>(&'p self, case: &Case<'_>) -> Option<Refused<'p, 'c>> {
        let GoRange { oldest, newest } = case.go;
        if let Err(refusal) = self.verdict(case.now, oldest) {
            return Some(Refused {
                presentation: self,
                refusal,
                go: oldest,
                every_build: true,
                is_shared: false,
            });
        }
        let refusal = self.verdict(case.now, newest).err()?;
        Some(Refused {
            presentation: self,
            refusal,
            go: newest,
            every_build: false,
            is_shared: false,
        })
    }

    pub(super) fn verdict(&self, now: time::OffsetDateTime, go: Go) -> Result<(), Refusal> {
        let host = self.host.as_deref();
        match self.pool {
            Some(pool) => verify(self.chain, pool, self.usage, host, now, go),
            // Whoever it is that trusts the leaf: its dates, its usages and its names remain.
            None => {
                let leaf = self.chain.get(..1).unwrap_or_default();
                verify(leaf, leaf, self.usage, host, now, go)
            }
        }
    }

    /// What its verdict depends on: the files, which are read once each, and what is dialled.
    pub(super) fn question(&self) -> Question {
        let chain = std::ptr::from_ref(self.document);
        let pool = self.pool.and(self.pool_document).map(std::ptr::from_ref);
        (chain, pool, self.usage == Usage::Server, self.host.clone())
    }

    pub(super) fn is_gateway(&self) -> bool {
        self.link == Link::Gateway
    }

    /// The leaf; there is always one.
    pub(super) fn leaf(&self) -> Option<&'c CertificateDetails> {
        self.chain.first()
    }

    /// What it is called: `The peer certificate of infra1`.
    pub(super) fn what(&self) -> String {
        match (self.owner, self.port) {
            (Some(member), Port::Peer) => format!("the peer certificate of {}", member.name),
            (Some(member), Port::Client) => format!("the server certificate of {}", member.name),
            (None, _) => "the certificate of the client".to_owned(),
        }
    }
}

impl Refused<'_, '_> {
    /// What it is called.
    pub(super) fn what(&self) -> String {
        if self.is_shared {
            "the certificate that several ports share".to_owned()
        } else {
            self.presentation.what()
        }
    }

    /// What is said today, by whoever refuses and by the other side.
    pub(super) fn today(&self, case: &Case<'_>) -> String {
        let Self { presentation, refusal, go, .. } = self;
        match (presentation.link, presentation.usage) {
            (Link::Gateway, _) => format!(
                "HTTP 503, code 14 for every request below /v3/; the member logs: {}",
                refusal.text_of_server(*go)
            ),
            (_, Usage::Client) => format!(
                "rejected connection: {}; the other side: {}",
                refusal.text_of_server(*go),
                alert(refusal, *go)
            ),
            (Link::Peer, Usage::Server) => {
                format!(
                    "{}; the other side: remote error: tls: bad certificate",
                    refusal.text_of_client(*go)
                )
            }
            (_, Usage::Server) if (case.etcd.major(), case.etcd.minor()) < (3, 5) => format!(
                "etcdctl says only: all SubConns are in TransientFailure; other clients: {}",
                refusal.text_of_client(*go)
            ),
            (_, Usage::Server) => format!(
                "transport: authentication handshake failed: {}",
                refusal.text_of_client(*go)
            ),
        }
    }

    /// An error, or a warning where only some builds or only the gateway fail.
    pub(super) fn severity(&self) -> Severity {
        if self.every_build && !self.presentation.is_gateway() {
            Severity::Error
        } else {
            Severity::Warning
        }
    }

    /// A finding about the file that is shown, as bad as it is.
    pub(super) fn found(
        &self,
        rule: Rule,
        case: &Case<'_>,
        meaning: String,
        fix: impl Into<String>,
    ) -> Found {
        let meaning = if self.every_build {
            meaning
        } else {
            format!(
                "{meaning} This depends on the build: etcd {} refuses it if it was built with {} or nearly as new a Go (see its first log lines).",
                case.etcd, self.go
            )
        };
        let new = match self.severity() {
            Severity::Error => Found::error,
            _ => Found::warning,
        };
        let found = new(rule, self.today(case), meaning, fix.into());
        let found = found
            .file(&self.presentation.document.path)
            .follows(Subject::File(self.presentation.document.path.clone()));
        let found = match self.presentation.pool_document {
            Some(pool) => found.follows(Subject::File(pool.path.clone())),
            None => found,
        };
        match self.presentation.owner.filter(|_| !self.is_shared) {
            Some(member) => found.member(member),
            None => found,
        }
    }
}

/// What the side whose certificate is refused sees in TLS 1.3; earlier it often is a reset.
/// Measured with Go 1.16, 1.19, 1.24 and 1.26.
fn alert(refusal: &Refusal, go: Go) -> &'static str {
    match refusal {
        Refusal::UnknownAuthority { .. } if go >= Go::new(21) => {
            "remote error: tls: unknown certificate authority"
        }
        Refusal::Expired { .. } | Refusal::NotYetValid { .. } if go >= Go::new(21) => {
            "remote error: tls: expired certificate"
        }
        _ => "remote error: tls: bad certificate",
    }
}

/// The links that are broken, in words, each once: `infra1 → infra2, infra1 → infra3`.
pub(super) fn links(refused: &[Refused<'_, '_>]) -> String {
    let mut said: Vec<String> = Vec::new();
    for Refused { presentation, .. } in refused {
        let link = match presentation.link {
            Link::Gateway => format!("the HTTP gateway of {}", presentation.to),
            _ => format!("{} → {}", presentation.from, presentation.to),
        };
        if !said.contains(&link) {
            said.push(link);
        }
    }
    let more = said.len().saturating_sub(6);
    said.truncate(6);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", said.join(", "))
}

/// `text` with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
