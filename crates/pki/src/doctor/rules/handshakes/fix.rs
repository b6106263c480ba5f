//! Commands that mend a certificate.

use std::path::{Path, PathBuf};

use super::super::super::case::{MemberCase, Port, word};
use super::presentation::{Link, Presentation};
use super::trust;
use crate::doctor::go::Usage;
use crate::read::{CertificateDetails, ExtendedKeyUsage};

/// Issues the certificate again with its key, its names and those that are missing, and the usages
/// that it has and needs. `<(…)` is bash's.
pub(super) fn reissue(
    presentation: &Presentation<'_, '_>,
    hosts: &[String],
    pool: Option<&Path>,
) -> String {
    let Some(leaf) = presentation.leaf() else { return String::new() };
    let document = &presentation.document.path;
    let key = key_of(presentation).unwrap_or_else(|| document.with_extension("key"));
    let authority = pool.map_or_else(|| PathBuf::from("ca.crt"), Path::to_owned);
    let authority_key = authority.with_extension("key");
    let names = names(leaf, hosts);
    let names = if names.is_empty() { String::new() } else { format!("subjectAltName={names}\\n") };
    let common_name = &leaf.subject.common_name;
    let plain = !common_name.is_empty()
        && common_name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.: *".contains(c));
    let subject = if plain { format!("/CN={common_name}") } else { "/".to_owned() };
    format!(
        "openssl req -new -key {} -subj '{subject}' | openssl x509 -req -CA {} -CAkey {} \
         -CAcreateserial -days 365 -sha256 -extfile <(printf \
         '{names}extendedKeyUsage={}\\nbasicConstraints=CA:FALSE\\n') -out {}",
        word(&key),
        word(&authority),
        word(&authority_key),
        usages(leaf, presentation),
        word(document),
    )
}

/// The same for the server certificate of a member.
pub(super) fn reissue_server<'c>(member: &'c MemberCase<'c>, hosts: &[String]) -> String {
    let side = &member.client;
    let Some(document) = side.certificate.as_deref() else { return String::new() };
    let presentation = Presentation {
        link: Link::Anyone,
        from: String::new(),
        to: String::new(),
        chain: side.served(),
        document,
        owner: Some(member),
        port: Port::Client,
        setting: String::new(),
        pool: None,
        pool_document: None,
        pool_setting: String::new(),
        usage: Usage::Server,
        host: None,
    };
    reissue(&presentation, hosts, trust::pool_path(&presentation))
}

/// The key that the member or the client was given with it.
fn key_of(presentation: &Presentation<'_, '_>) -> Option<PathBuf> {
    let member = presentation.owner?;
    let side = member.sides().find(|side| side.port == presentation.port)?;
    let settings = side.settings;
    let path = &presentation.document.path;
    if settings.cert_file.as_ref() == Some(path) {
        settings.key_file.clone()
    } else {
        settings.client_key_file.clone()
    }
}

fn names(leaf: &CertificateDetails, hosts: &[String]) -> String {
    let known = leaf.names.clone().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    let plain = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*:".contains(&byte))
            && !name.is_empty()
    };
    let ip = known.ip.iter().map(ToString::to_string);
    for host in known.dns.iter().cloned().chain(ip).chain(hosts.iter().cloned()) {
        if !plain(&host) {
            continue;
        }
        let kind = if host.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
        let name = format!("{kind}:{host}");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

/// A member's certificates serve for both, whatever shows it: peers dial each other, and the
/// gateway dials its member.
fn usages(leaf: &CertificateDetails, presentation: &Presentation<'_, '_>) -> &'static str {
    let has = |usage: &ExtendedKeyUsage| {
        leaf.extended_key_usages.as_ref().is_some_and(|usages| usages.contains(usage))
    };
    match (presentation.owner, presentation.usage) {
        (Some(_), _) => "serverAuth,clientAuth",
        (None, Usage::Client) if has(&ExtendedKeyUsage::ServerAuth) => "serverAuth,clientAuth",
        (None, _) => "clientAuth",
    }
}
