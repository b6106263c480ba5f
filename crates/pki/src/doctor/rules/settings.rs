//! Settings that etcd does not have, refuses or ignores: TLS031, TLS032.
//!
//! What is missing because a setting was not understood is said in its meaning; the rules that
//! would find the same from the other end are chained to it.

use super::super::case::{Case, MemberCase, Port};
use super::super::findings::{Findings, Found, Subject};
use crate::doctor::{Origin, Problem, Rule};
use crate::etcd::Version;

/// Settings without which a port is open to more than was meant.
const PROTECTING: [&str; 13] = [
    "trusted-ca-file",
    "peer-trusted-ca-file",
    "ca-file",
    "peer-ca-file",
    "client-cert-auth",
    "peer-client-cert-auth",
    "client-crl-file",
    "peer-crl-file",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
    "client-cert-allowed-hostname",
    "cipher-suites",
    "tls-min-version",
];

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        for problem in &member.settings.problems {
            let found = match problem {
                Problem::Unknown { setting, instead, versions, today, refused } => unknown(
                    case,
                    member,
                    &Unknown {
                        setting,
                        instead: instead.as_deref(),
                        versions,
                        today,
                        refused: *refused,
                    },
                ),
                Problem::Shadowed { variable, flag } => shadowed(case, variable, flag),
                Problem::Ignored { setting, because } => ignored(member, setting, because),
                Problem::Invalid { setting, value, today, fix } => {
                    invalid(member, setting, value, today, fix)
                }
            };
            findings.add(found.member(member));
        }
        two_kinds_of_names(case, member, findings);
    }
}

/// Common names or host names, but not both (`baseConfig` in `client/pkg/transport/listener.go`).
/// Measured on 3.4.23, 3.5.1 and 3.6.14; several of a kind, and the plural, are from 3.5.15 on.
fn two_kinds_of_names(case: &Case<'_>, member: &MemberCase<'_>, findings: &mut Findings) {
    let side = &member.peer;
    let (names, hosts) = (&side.settings.allowed_common_names, &side.settings.allowed_hostnames);
    let is_read = member.listens_with_tls(Port::Peer) && !side.is_automatic();
    let (Some(name), Some(host)) = (names.first(), hosts.first()) else { return };
    if !is_read {
        return;
    }
    let today = if case.etcd < Version::new(3, 5, 15) {
        format!(
            "AllowedCN and AllowedHostname are mutually exclusive (cn={name:?}, hostname={host:?})"
        )
    } else {
        let go =
            |all: &[String]| all.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join(" ");
        format!(
            "AllowedCNs and AllowedHostnames are mutually exclusive (cns=[{}], hostnames=[{}])",
            go(names),
            go(hosts)
        )
    };
    let (first, second) =
        (member.setting("peer-cert-allowed-cn"), member.setting("peer-cert-allowed-hostname"));
    findings.add(
        Found::error(
            Rule::SettingConflict,
            today,
            format!(
                "{first} and {second} are both set, and etcd takes one of them. It does not start."
            ),
            format!("leave {second} out, or {first}"),
        )
        .member(member)
        .field(second),
    );
}

struct Unknown<'a> {
    setting: &'a str,
    instead: Option<&'a str>,
    versions: &'a str,
    today: &'a str,
    refused: bool,
}

fn unknown(case: &Case<'_>, member: &MemberCase<'_>, unknown: &Unknown<'_>) -> Found {
    let Unknown { setting, instead, versions, today, refused } = *unknown;
    let flag = flag_of(setting);
    let meant = instead.map_or_else(|| meant_by(&flag).to_owned(), flag_of);
    let since = match (versions, instead) {
        ("", None) => "no version has such a setting".to_owned(),
        ("", Some(_)) => "no version has it there".to_owned(),
        (versions, _) => format!("only etcd {versions} has it"),
    };
    let lacks = lack(member, &meant);
    let mut meaning = format!("etcd {} has no {setting} ({since}). ", case.etcd);
    meaning.push_str(if refused {
        "It does not start."
    } else {
        "It starts, and goes on as if the setting were not there."
    });
    if let Some(lack) = &lacks {
        meaning.push(' ');
        meaning.push_str(lack);
    }
    let fix = match instead {
        Some(instead) => format!("write {instead} instead of {setting}"),
        None => format!("leave {setting} out"),
    };
    let found = if refused || lacks.is_some() || is_protecting(&meant) {
        Found::error(Rule::UnknownSetting, today, meaning, fix)
    } else {
        Found::warning(Rule::UnknownSetting, today, meaning, fix)
    };
    found.field(setting).causes(Subject::Setting(member.index, meant))
}

/// What the member is without, now that a setting says nothing.
fn lack(member: &MemberCase<'_>, flag: &str) -> Option<String> {
    let side = if flag.starts_with("peer-") { &member.peer } else { &member.client };
    let without_authority = side.settings.trusted_ca_file.is_none();
    let who = side.port.name();
    match flag.strip_prefix("peer-").unwrap_or(flag) {
        "trusted-ca-file" if without_authority && side.settings.client_cert_auth => Some(format!(
            "Without it {} checks the certificates of {who}s against the public authorities of the \
             machine.",
            member.setting_of(side, "client-cert-auth"),
        )),
        "trusted-ca-file" if without_authority => {
            Some(format!("Without it nobody's certificate is asked for: any {who} is let in."))
        }
        "client-cert-auth" if without_authority && !side.settings.client_cert_auth => {
            Some(format!("Without it nobody's certificate is asked for: any {who} is let in."))
        }
        "client-crl-file" | "crl-file" if side.settings.crl_file.is_none() => {
            Some("Without it revoked certificates are accepted.".to_owned())
        }
        _ => None,
    }
}

/// The flag that a setting of any language is about: `--ca-file`, `ETCD_CA_FILE` and
/// `client-transport-security.ca-file` are all `ca-file`.
fn flag_of(setting: &str) -> String {
    let setting = setting.split('=').next().unwrap_or(setting).trim();
    if let Some(variable) = setting.strip_prefix("ETCD_") {
        return variable.to_ascii_lowercase().replace('_', "-");
    }
    let plain = setting.trim_start_matches('-');
    let (section, key) = plain.rsplit_once('.').unwrap_or(("", plain));
    match (section, key) {
        ("peer-transport-security", "allowed-cn") => "peer-cert-allowed-cn".to_owned(),
        ("peer-transport-security", "allowed-hostname") => "peer-cert-allowed-hostname".to_owned(),
        ("client-transport-security", "allowed-hostname") => {
            "client-cert-allowed-hostname".to_owned()
        }
        ("peer-transport-security", key) if !key.starts_with("peer-") => format!("peer-{key}"),
        _ => key.to_owned(),
    }
}

/// The flag of today that an old one was.
fn meant_by(flag: &str) -> &str {
    match flag {
        "ca-file" => "trusted-ca-file",
        "peer-ca-file" => "peer-trusted-ca-file",
        other => other,
    }
}

fn is_protecting(flag: &str) -> bool {
    PROTECTING.contains(&flag)
}

fn shadowed(case: &Case<'_>, variable: &str, flag: &str) -> Found {
    // Measured on 3.4.23, 3.5.1 and 3.6.14.
    let today = if (case.etcd.major(), case.etcd.minor()) < (3, 5) {
        format!(
            "conflicting environment variable \"{variable}\" is shadowed by corresponding \
             command-line flag (either unset environment variable or disable flag)"
        )
    } else {
        format!(
            "conflicting environment variable is shadowed by corresponding command-line flag \
             (either unset environment variable or disable flag)) {variable}"
        )
    };
    Found::error(
        Rule::SettingConflict,
        today,
        format!("{variable} is set and so is {flag}, and etcd does not choose: it does not start."),
        format!("unset {variable}, or leave {flag} out"),
    )
    .field(flag)
}

fn ignored(member: &MemberCase<'_>, setting: &str, because: &str) -> Found {
    let flag = flag_of(setting);
    let lacks = is_protecting(&flag).then(|| lack(member, meant_by(&flag))).flatten();
    let today = "etcd says nothing about it".to_owned();
    let mut meaning = format!("{setting} has no effect: {}.", because.trim_end_matches('.'));
    if let Some(lack) = &lacks {
        meaning.push(' ');
        meaning.push_str(lack);
    }
    let fix = match (member.settings.origin, &member.settings.config_file) {
        (Origin::ConfigFile | Origin::CommandLine, Some(file)) => {
            let there = super::super::case::yaml_key(meant_by(&flag));
            format!("write `{there}` into {}, and leave {setting} out", file.display())
        }
        _ => format!("leave {setting} out, or what makes etcd ignore it"),
    };
    let found = if lacks.is_some() {
        Found::error(Rule::SettingConflict, today, meaning, fix)
    } else {
        Found::warning(Rule::SettingConflict, today, meaning, fix)
    };
    found.field(setting).causes(Subject::Setting(member.index, meant_by(&flag).to_owned()))
}

fn invalid(member: &MemberCase<'_>, setting: &str, value: &str, today: &str, fix: &str) -> Found {
    let flag = flag_of(setting);
    let rule = match flag.as_str() {
        "cipher-suites" | "tls-min-version" | "tls-max-version" => Rule::ProtocolMismatch,
        _ => Rule::UnknownSetting,
    };
    let meaning = if value.is_empty() {
        format!("etcd does not start with {setting} as it is written.")
    } else {
        format!("etcd does not take {value:?} as {setting}, and does not start.")
    };
    Found::error(rule, today, meaning, fix)
        .field(setting)
        .causes(Subject::Setting(member.index, flag))
}
