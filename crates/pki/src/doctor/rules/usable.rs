//! Files that are not what etcd reads there, and keys that are encrypted: TLS034, TLS013.

use super::super::case::{Case, word};
use super::super::document::{Der, Document, Fault, Presence};
use super::super::findings::{Findings, Found, Subject};
use super::words::command;
use crate::doctor::Rule;
use crate::etcd::Go;

/// What a file is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Chain,
    Key,
    Authorities,
}

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        if side.is_automatic() || !member.opens(side) {
            continue;
        }
        for (flag, document) in side.documents() {
            let usage = match flag.strip_prefix("peer-").unwrap_or(&flag) {
                "cert-file" | "client-cert-file" => Use::Chain,
                "key-file" | "client-key-file" => Use::Key,
                "trusted-ca-file" => Use::Authorities,
                _ => continue,
            };
            let setting = member.setting(&flag);
            let effect = "etcd does not start";
            if let Some(found) = judge(case, document, usage, &setting, effect) {
                findings.add(found.member(member));
            }
        }
    }
    for client in &case.clients {
        for (flag, document) in client.documents() {
            let usage = match flag {
                "--cert" => Use::Chain,
                "--key" => Use::Key,
                _ => Use::Authorities,
            };
            let effect = "the client does not start";
            if let Some(found) = judge(case, document, usage, flag, effect) {
                findings.add(found);
            }
        }
    }
    for document in &case.loose {
        too_big(document, findings);
    }
}

fn too_big(document: &Document, findings: &mut Findings) {
    if let Presence::TooBig(why) = &document.presence {
        findings.add(
            Found::note(
                Rule::FileUnusable,
                "etcd reads files of any size",
                format!("{} was not looked at: {why}.", document.path.display()),
                "nothing, if it is no file of certificates",
            )
            .file(&document.path),
        );
    }
}

fn judge(
    case: &Case<'_>,
    document: &Document,
    usage: Use,
    setting: &str,
    effect: &str,
) -> Option<Found> {
    if !document.is_present() {
        return None;
    }
    let fault = match usage {
        Use::Chain => document.chain_fault(),
        Use::Key => document.key_fault(),
        Use::Authorities => document.pool_fault(),
    }?;
    let encrypted = document.key.as_ref().is_some_and(|key| key.encrypted);
    // It may still have the lenient parser of Go before 1.17.
    if fault.is_objection && case.go.oldest < Go::new(17) {
        return Some(objected(document, setting, fault));
    }
    let found = if usage == Use::Key && encrypted {
        encrypted_key(document, setting, effect, fault)
    } else {
        unusable(document, usage, setting, effect, fault)
    };
    Some(found.file(&document.path).field(setting).causes(Subject::File(document.path.clone())))
}

/// A certificate that only newer Gos refuse to read.
fn objected(document: &Document, setting: &str, fault: Fault) -> Found {
    let path = document.path.display();
    let line = fault.line.unwrap_or_default();
    Found::warning(
        Rule::FileUnusable,
        format!("nothing, or {}, depending on the build", fault.today),
        format!(
            "Newer Gos do not read the certificate in line {line} of {path}: an etcd built with one \
             of them does not start with it, and a newer etcd is."
        ),
        "issue it again",
    )
    .file(&document.path)
    .field(setting)
}

fn encrypted_key(document: &Document, setting: &str, effect: &str, fault: Fault) -> Found {
    let (path, plain) = (word(&document.path), word(&plain_name(document)));
    Found::error(
        Rule::KeyEncrypted,
        fault.today,
        format!(
            "The key in {} ({setting}) is encrypted. etcd asks for no password and takes none: \
             {effect}.",
            document.path.display()
        ),
        command(
            "write it without a password",
            &format!("(umask 077; openssl pkey -in {path} -out {plain})"),
            &format!("and name {plain}"),
        ),
    )
}

/// Beside the encrypted key, never over it: a failed conversion must not cost the key.
fn plain_name(document: &Document) -> std::path::PathBuf {
    let mut name = document.path.file_stem().unwrap_or_default().to_os_string();
    name.push(".plain.key");
    document.path.with_file_name(name)
}

fn unusable(document: &Document, usage: Use, setting: &str, effect: &str, fault: Fault) -> Found {
    let path = document.path.display();
    let file = word(&document.path);
    let holds = document.holds();
    let line = fault.line.map(|line| format!(" (the block in line {line})")).unwrap_or_default();
    let block_of_key = document.has_key();
    let (meaning, fix) = match (usage, document.der) {
        (Use::Chain | Use::Authorities, Some(Der::Certificate)) => (
            format!("{path} holds a certificate in DER, and etcd reads PEM: {effect}."),
            command(
                "write it as PEM",
                &format!("openssl x509 -inform DER -in {file} -out {file}.pem"),
                &format!("and name {file}.pem"),
            ),
        ),
        (Use::Key, Some(Der::Key)) => (
            format!("{path} holds a private key in DER, and etcd reads PEM: {effect}."),
            command(
                "write it as PEM",
                &format!("(umask 077; openssl pkey -inform DER -in {file} -out {file}.pem)"),
                &format!("and name {file}.pem"),
            ),
        ),
        (Use::Chain, _) if document.certificates.is_empty() && block_of_key => (
            format!(
                "{path} is given as {setting} and holds a private key ({holds}); perhaps the \
                 certificate and the key have changed places: {effect}."
            ),
            format!("name the file of the certificate as {setting}"),
        ),
        (Use::Key, _) if !document.certificates.is_empty() && !block_of_key => (
            format!(
                "{path} is given as {setting} and holds a certificate and no key ({holds}): \
                 {effect}."
            ),
            format!("name the file of the private key as {setting}"),
        ),
        (Use::Authorities, _) if block_of_key => (
            format!(
                "{path} is given as {setting}, and not everything in it is a certificate{line}: it \
                 holds {holds}. etcd reads every block as one: {effect}. The key of an authority \
                 does not belong on a member at all."
            ),
            command(
                "take the certificate out",
                &format!("openssl x509 -in {file} -out {file}.crt"),
                &format!("name {file}.crt, and take the key away"),
            ),
        ),
        (Use::Key, _) => (
            format!(
                "{path} is given as {setting} and holds no key that Go reads{line}: it holds \
                     {holds}; {effect}."
            ),
            format!(
                "openssl pkey -in {file} -noout says what OpenSSL makes of it; if it is broken, \
                     issue a new key and certificate"
            ),
        ),
        _ => (
            format!(
                "{path} is given as {setting} and is no PEM file of certificates{line}: it \
                     holds {holds}; {effect}."
            ),
            format!(
                "openssl x509 -in {file} -noout -text says what OpenSSL makes of it; write the \
                     certificates there as PEM"
            ),
        ),
    };
    let today = if fault.line.is_some() && usage != Use::Key {
        format!("{} (built with Go before 1.17: asn1: structure error)", fault.today)
    } else {
        fault.today
    };
    Found::error(Rule::FileUnusable, today, meaning, fix)
}
