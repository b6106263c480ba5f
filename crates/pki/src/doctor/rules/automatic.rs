//! Automatic TLS: TLS029.

use super::super::case::{Case, Port};
use super::super::findings::{Findings, Found};
use super::words::list;
use crate::doctor::Rule;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        let settings = side.settings;
        if !settings.auto_tls || !member.listens_with_tls(side.port) {
            continue;
        }
        let setting = member.setting_of(side, "auto-tls");
        if !side.is_automatic() {
            findings.add(
                Found::warning(
                    Rule::SettingConflict,
                    match side.port {
                        Port::Client => "ignoring client auto TLS since certs given",
                        Port::Peer => "ignoring peer auto TLS since certs given",
                    },
                    format!(
                        "{setting} is on and a certificate is given: the certificate counts, \
                             and {setting} does nothing."
                    ),
                    format!("leave {setting} out"),
                )
                .member(member)
                .field(setting),
            );
            continue;
        }
        let allowed_names = match side.port {
            Port::Client => "client-cert-allowed-hostname",
            Port::Peer => "peer-cert-allowed-hostname",
        };
        let dropped = [
            (settings.client_cert_auth, side.flag("client-cert-auth")),
            (settings.trusted_ca_file.is_some(), side.flag("trusted-ca-file")),
            (settings.crl_file.is_some(), side.flag("crl-file")),
            (!settings.allowed_common_names.is_empty(), "peer-cert-allowed-cn".to_owned()),
            (!settings.allowed_hostnames.is_empty(), allowed_names.to_owned()),
        ];
        let dropped: Vec<_> = dropped
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| member.setting(&flag))
            .collect();
        let life = if (case.etcd.major(), case.etcd.minor()) >= (3, 5) {
            "The certificate is good for as many years as --self-signed-cert-validity says (one), \
             and is never made again"
        } else {
            "The certificate is good for one year, and is never made again"
        };
        let weak = format!(
            "{setting} encrypts and authenticates nobody: whoever can reach the port is let in, and \
             whoever stands between can read along. {life}: after that, links and clients fail \
             until the files in the data directory's `fixtures` are removed."
        );
        let fix = format!(
            "leave {setting} out, and set {} and {}",
            member.setting_of(side, "cert-file"),
            member.setting_of(side, "key-file"),
        );
        let found = if dropped.is_empty() {
            Found::warning(Rule::AutomaticTls, "etcd says nothing about it", weak, fix)
        } else {
            Found::error(
                Rule::AutomaticTls,
                "etcd says nothing about it, and lets everybody in",
                format!(
                    "{setting} takes the place of every other setting of the {} port: {} {} \
                     without effect. {weak}",
                    side.port.name(),
                    list(&dropped),
                    if dropped.len() == 1 { "is" } else { "are" },
                ),
                fix,
            )
        };
        findings.add(
            found.member(member).field(setting).causes(member.subject_of(side, "client-cert-auth")),
        );
    }
}
