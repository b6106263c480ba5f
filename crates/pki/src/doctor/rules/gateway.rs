//! What the HTTP gateway makes of settings that are sound without it: a common name that was to log
//! a client in (TLS030), and names of hosts that are allowed (TLS032).

use super::super::case::{Case, Port};
use super::super::findings::{Findings, Found};
use crate::doctor::{Rule, Url};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    common_names(case, findings);
    allowed_hosts(case, findings);
}

/// Whether etcd has authentication turned on is not in its settings, so this is a note. Source:
/// `server/embed/serve.go` (`accessController.ServeHTTP`).
fn common_names(case: &Case<'_>, findings: &mut Findings) {
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

/// The gateway dials its own member with the settings of the server, does not verify whom it meets,
/// and so has no verified chain to find an allowed name in: nobody passes, whatever the certificate
/// names. Source: `grpcGatewayDial` in `server/embed/etcd.go`, `baseConfig` in
/// `client/pkg/transport/listener.go`; measured with 3.4.23, 3.5.1, 3.6.14 and 3.7.1.
fn allowed_hosts(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        let side = &member.client;
        if !member.settings.grpc_gateway
            || !member.listens_with_tls(Port::Client)
            || side.is_automatic()
            || side.settings.allowed_hostnames.is_empty()
        {
            continue;
        }
        let setting = member.setting("client-cert-allowed-hostname");
        findings.add(
            Found::warning(
                Rule::SettingConflict,
                "HTTP 503, code 14 for every request below /v3/: transport: authentication handshake \
                 failed: client certificate authentication failed",
                format!(
                    "With {setting}, the HTTP gateway does not reach its own member, whatever names \
                     its certificate has: every REST request (/v3/…) fails. etcdctl and other gRPC \
                     clients work."
                ),
                format!(
                    "if nobody uses the gateway, set {}; else leave {setting} out, and limit who may \
                     do what with users and roles",
                    member.setting_to("enable-grpc-gateway", "false")
                ),
            )
            .member(member)
            .field(setting),
        );
    }
}
