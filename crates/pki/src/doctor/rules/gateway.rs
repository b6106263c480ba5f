//! A common name that was to log a client in, over HTTP: TLS030.

use super::super::case::Case;
use super::super::findings::{Findings, Found};
use crate::doctor::{Rule, Url};

/// Whether etcd has authentication turned on is not in its settings, so this is a note. Source:
/// `server/embed/serve.go` (`accessController.ServeHTTP`).
pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let asks = case.members.iter().any(|member| {
        member.settings.grpc_gateway
            && member.client.settings.client_cert_auth
            && !member.client.is_automatic()
    });
    if !asks {
        return;
    }
    let is_gateway = |url: &Url| url.is_tls() && url.path.starts_with("/v3");
    for client in &case.clients {
        let Some(leaf) = client.shown().first() else { continue };
        let (name, Some(url)) =
            (&leaf.subject.common_name, client.urls.iter().find(|url| is_gateway(url)))
        else {
            continue;
        };
        let Some(document) = client.certificate.as_ref().filter(|_| !name.is_empty()) else {
            continue;
        };
        findings.add(
            Found::note(
                Rule::CommonNameOverGateway,
                "with authentication on: 400 CommonName of client sending a request against gateway \
                 will be ignored and not used as expected",
                format!(
                    "The client's certificate has the common name {name:?}, and it dials the HTTP \
                     gateway ({url}). Over gRPC the common name is the user; over the gateway etcd \
                     refuses such a request once authentication is on."
                ),
                "use a certificate without a common name there, and log in with a password and a \
                 token; or speak gRPC",
            )
            .file(&document.path)
            .field("subject"),
        );
    }
}
