//! What certificates are for: TLS015, TLS016, TLS017, TLS040.

use super::super::super::case::{Case, Port};
use super::super::super::findings::Found;
use super::super::words::subject;
use super::presentation::{Link, Presentation, Refused, links, sentence};
use super::{fix, trust};
use crate::doctor::Rule;
use crate::doctor::go::{Refusal, Role, Usage};
use crate::etcd::Version;

pub(super) fn refused(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let Refusal::IncompatibleUsage { usage, culprit } = &first.refusal else { return None };
    let presentation = first.presentation;
    let leaf = presentation.leaf()?;
    let (missing, does) = match usage {
        Usage::Server => ("serverAuth", "be dialled"),
        Usage::Client => ("clientAuth", "dial"),
    };
    let rule = rule(presentation);
    let what = sentence(&first.what());
    let who = links(refused);
    if culprit.role != Role::Leaf {
        let meaning = format!(
            "The authority {} has a list of extended key usages without {missing}, which holds for \
             all that it signed: {} is no certificate to {does} with. It fails: {who}.",
            culprit.subject,
            subject(leaf),
        );
        let fix = "issue the authority again without extended key usages, or with serverAuth and \
                   clientAuth, and what it signed anew";
        return Some(first.found(rule, case, meaning, fix).field("extendedKeyUsage"));
    }
    let name = subject(leaf);
    let path = presentation.document.path.display();
    let effect = match (presentation.link, presentation.usage) {
        (Link::Gateway, _) => {
            "The HTTP gateway dials its own member with this certificate, so that every REST request \
             (/v3/…) fails; etcdctl and other gRPC clients work."
                .to_owned()
        }
        (Link::Peer, _) => format!(
            "Links work in one direction only, and the member calls itself healthy all the same. It \
             fails: {who}."
        ),
        _ => format!("It fails: {who}."),
    };
    let meaning = format!(
        "{what} ({name}, {path}) is not meant to {does} with: its extended key usages lack \
         {missing}. {effect}"
    );
    let pool = trust::pool_path(presentation);
    let mut command = fix::reissue(presentation, &[], pool);
    if presentation.is_gateway()
        && case.etcd >= Version::new(3, 5, 0)
        && let Some(member) = presentation.owner
    {
        command = format!(
            "{command}\nor give the gateway a certificate of its own: {} and {}",
            member.setting_to("client-cert-file", "client.crt"),
            member.setting_to("client-key-file", "client.key"),
        );
    }
    Some(first.found(rule, case, meaning, command).field("extendedKeyUsage"))
}

fn rule(presentation: &Presentation<'_, '_>) -> Rule {
    match (presentation.link, presentation.port, presentation.usage) {
        (Link::Gateway, ..) => Rule::ServerNotClient,
        (_, Port::Peer, _) => Rule::PeerUsageMissing,
        (_, Port::Client, Usage::Client) => Rule::ClientNotClient,
        (_, Port::Client, Usage::Server) => Rule::ServerNotServer,
    }
}
