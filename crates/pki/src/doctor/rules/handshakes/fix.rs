//! Commands that mend a certificate.

use std::path::{Path, PathBuf};

use super::super::super::case::{Case, MemberCase, Side, word};
use super::super::super::document::Document;
use super::super::words::{command, list};
use super::presentation::{Link, Presentation};
use super::trust;
use crate::doctor::go::Usage;
use crate::read::{CertificateDetails, ExtendedKeyUsage};

/// In how many files who signed a certificate is looked for, when there are many such certificates.
const SEARCHED: usize = 100;

/// Issues the certificate again with its key, its names and those that are missing, and the usages
/// that it has and needs.
pub(super) fn reissue(
    presentation: &Presentation<'_, '_>,
    hosts: &[String],
    pool: Option<&Path>,
) -> String {
    let Some(leaf) = presentation.leaf() else { return String::new() };
    let document = &presentation.document.path;
    let key = key_of(presentation).unwrap_or_else(|| document.with_extension("key"));
    let known = leaf.names.iter().flat_map(|names| &names.dns).cloned();
    let known = known.chain(leaf.names.iter().flat_map(|names| &names.ip).map(ToString::to_string));
    let known: Vec<_> = known.collect();
    let new: Vec<_> = hosts.iter().filter(|host| !known.contains(host)).cloned().collect();
    let before = if new.is_empty() {
        "issue it again with the key it has".to_owned()
    } else {
        format!("issue it again with the key it has, and {} among its names", list(&new))
    };
    let authority = pool.map_or_else(|| PathBuf::from("ca.crt"), Path::to_owned);
    let issue = Issue { leaf, document, key: &key, new_key: false, authority: &authority };
    command(&before, &issue.command(hosts, usages(leaf, presentation)), "")
}

/// The same for what a member shows on one of its ports.
pub(super) fn reissue_of<'c>(
    member: &'c MemberCase<'c>,
    side: &'c Side<'c>,
    hosts: &[String],
) -> String {
    let Some(document) = side.certificate.as_deref() else { return String::new() };
    let presentation = Presentation {
        link: Link::Anyone,
        from: String::new(),
        to: String::new(),
        chain: side.served(),
        document,
        owner: Some(member),
        port: side.port,
        setting: String::new(),
        pool: None,
        pool_document: None,
        pool_setting: String::new(),
        usage: Usage::Server,
        host: None,
    };
    reissue(&presentation, hosts, trust::pool_path(&presentation))
}

/// Issues a certificate again that nobody shows here, or whoever shows it; with a new key where the
/// old one is what is wrong with it.
pub(in super::super) fn again(
    case: &Case<'_>,
    document: &Document,
    leaf: &CertificateDetails,
    new_key: bool,
) -> String {
    let path = &document.path;
    let mut sides = case.sides().map(|(_, side)| side.settings);
    let of_member = sides.find(|settings| settings.cert_file.as_ref() == Some(path));
    let key = of_member.and_then(|settings| settings.key_file.clone());
    let key = key.unwrap_or_else(|| path.with_extension("key"));
    let signer = (case.documents.len() <= SEARCHED).then(|| trust::signer(case, leaf)).flatten();
    let authority = signer.map_or_else(|| PathBuf::from("ca.crt"), |(by, _)| by.path.clone());
    let usages = leaf.extended_key_usages.as_deref().unwrap_or_default();
    let server = of_member.is_some() || usages.contains(&ExtendedKeyUsage::ServerAuth);
    let usages = if server { "serverAuth,clientAuth" } else { "clientAuth" };
    let before = if new_key {
        "issue it again with a new key, and its extensions"
    } else {
        "issue it again with the key and the names it has"
    };
    // A name that only the common name says is one that Go does not look at.
    let hosts = (server && leaf.names.is_none()).then(|| leaf.subject.common_name.clone());
    let issue = Issue { leaf, document: path, key: &key, new_key, authority: &authority };
    command(before, &issue.command(hosts.as_slice(), usages), "")
}

/// What a certificate is issued again from, and where it is written.
struct Issue<'a> {
    leaf: &'a CertificateDetails,
    document: &'a Path,
    key: &'a Path,
    new_key: bool,
    authority: &'a Path,
}

impl Issue<'_> {
    /// `<(…)` is bash's.
    fn command(&self, hosts: &[String], usages: &str) -> String {
        let names = names(self.leaf, hosts);
        let names =
            if names.is_empty() { String::new() } else { format!("subjectAltName={names}\\n") };
        let common_name = &self.leaf.subject.common_name;
        let plain = !common_name.is_empty()
            && common_name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.: *".contains(c));
        let subject = if plain { format!("/CN={common_name}") } else { "/".to_owned() };
        let key = word(self.key);
        let key = if self.new_key {
            format!("-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key}")
        } else {
            format!("-key {key}")
        };
        format!(
            "openssl req -new {key} -subj '{subject}' | openssl x509 -req -CA {} -CAkey {} \
             -CAcreateserial -days 365 -sha256 -extfile <(printf \
             '{names}extendedKeyUsage={usages}\\nbasicConstraints=CA:FALSE\\n') -out {}",
            word(self.authority),
            word(&self.authority.with_extension("key")),
            word(self.document),
        )
    }
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
