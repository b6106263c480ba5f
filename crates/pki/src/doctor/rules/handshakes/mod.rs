//! Every handshake that a fleet makes, judged as its etcd does: TLS001 to TLS010, TLS015 to TLS021,
//! TLS040.
//!
//! A handshake has two sides, and each shows a certificate that the other judges: a
//! [`Presentation`]. All of them are gathered first and judged by [`go::verify`]; then those that
//! are refused for one reason are told once, with all the links that they break.
//!
//! An error is what breaks a link between members or a client that is known. That the HTTP gateway
//! cannot dial its own member (TLS015) is a warning: members and gRPC clients work.
//!
//! [`go::verify`]: crate::doctor::go::verify

mod dates;
mod demand;
pub(super) mod fix;
mod gather;
mod loopback;
pub(super) mod names;
mod peers;
mod presentation;
mod scheme;
mod trust;
mod usage;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::case::{Case, Port};
use super::super::findings::Findings;
use crate::doctor::go::Refusal;
use presentation::{Presentation, Refused};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    scheme::check(case, findings);
    demand::check(case, findings);
    loopback::check(case, findings);
    names::check(case, findings);

    let presentations = gather::all(case);
    peers::check(case, &presentations, findings);
    let mut groups: BTreeMap<Reason, Vec<Refused<'_, '_>>> = BTreeMap::new();
    // Members of one fleet are judged by the same authorities over and over.
    let mut judged: HashMap<_, Option<Refused<'_, '_>>> = HashMap::new();
    for presentation in &presentations {
        let refused = match judged.entry(presentation.question()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let refused = presentation.judge(case);
                if refused.is_none() {
                    dates::outlived(case, presentation, findings);
                }
                new.insert(refused).clone()
            }
        };
        if let Some(refused) = refused {
            let refused = Refused { presentation, ..refused };
            groups.entry(reason(&refused)).or_default().push(refused);
        }
    }
    // What breaks a link breaks the gateway too, and is told there.
    let broken: BTreeSet<_> = groups.keys().filter(|(.., gateway)| !gateway).map(of_file).collect();
    groups.retain(|key, _| !key.4 || !broken.contains(&of_file(key)));
    for refused in groups.values_mut() {
        let is_shared = refused.iter().any(|other| holder(other) != holder(&refused[0]));
        refused.iter_mut().for_each(|refused| refused.is_shared = is_shared);
        let Some(first) = refused.first() else { continue };
        let found = match &first.refusal {
            Refusal::Expired { .. } | Refusal::NotYetValid { .. } => dates::refused(case, refused),
            Refusal::CommonNameOnly { .. } | Refusal::HostNotNamed { .. } => {
                names::refused(case, refused)
            }
            Refusal::UnknownAuthority { .. } => trust::refused(case, refused),
            Refusal::IncompatibleUsage { .. } => usage::refused(case, refused),
            // There is nothing to judge, or rules of files say it.
            Refusal::NoCertificate | Refusal::Unreadable { .. } => None,
            _ => trust::other(case, refused),
        };
        if let Some(found) = found {
            findings.add(found);
        }
    }
    dates::loose(case, &presentations, findings);
}

/// Whose file it is.
fn holder(refused: &Refused<'_, '_>) -> (Option<usize>, Port) {
    let Presentation { owner, port, .. } = refused.presentation;
    (owner.map(|member| member.index), *port)
}

/// What makes two refusals one finding: the file and the kind of fault, and what else it is about.
type Reason = (std::path::PathBuf, u8, Vec<u8>, Option<std::path::PathBuf>, bool);

/// The file and its fault, whoever meets it.
fn of_file(reason: &Reason) -> (std::path::PathBuf, u8, Vec<u8>) {
    (reason.0.clone(), reason.1, reason.2.clone())
}

fn reason(refused: &Refused<'_, '_>) -> Reason {
    let Presentation { document, pool_document, .. } = refused.presentation;
    let pool = pool_document.map(|pool| pool.path.clone());
    let (kind, about, pool) = match &refused.refusal {
        Refusal::Expired { culprit, .. } => (0, culprit.fingerprint.to_vec(), None),
        Refusal::NotYetValid { culprit, .. } => (1, culprit.fingerprint.to_vec(), None),
        Refusal::CommonNameOnly { .. } => (2, Vec::new(), None),
        Refusal::HostNotNamed { host, dns, ip } => {
            (2 + names::kind(host, dns, ip), Vec::new(), None)
        }
        Refusal::UnknownAuthority { .. } => (5, Vec::new(), pool),
        Refusal::IncompatibleUsage { culprit, .. } => (6, culprit.fingerprint.to_vec(), None),
        other => (7, other.text(refused.go).into_bytes(), pool),
    };
    // An authority that expired is the same fault, whichever file shows what it signed.
    let authority = matches!(
        &refused.refusal,
        Refusal::Expired { culprit, .. } | Refusal::NotYetValid { culprit, .. }
            if culprit.role != crate::doctor::go::Role::Leaf
    );
    let path = if authority { std::path::PathBuf::new() } else { document.path.clone() };
    // What fails the gateway alone is no error, and stays apart; a date fails everybody.
    let gateway = kind > 1 && refused.presentation.is_gateway();
    (path, kind, about, pool, gateway)
}
