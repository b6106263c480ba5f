//! Keys that others can read: TLS026.

use super::super::case::{Case, word};
use super::super::findings::{Findings, Found, Subject};
use crate::doctor::Rule;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for document in &case.documents {
        let Some(mode) = document.mode.filter(|mode| mode & 0o077 != 0) else { continue };
        if !document.has_key() {
            continue;
        }
        let who = match (mode & 0o070 != 0, mode & 0o007 != 0) {
            (true, false) => "the group of the file",
            _ => "everyone on the machine",
        };
        let may = if mode & 0o044 != 0 { "read" } else { "change or run" };
        let path = document.path.display();
        findings.add(
            Found::warning(
                Rule::KeyReadable,
                "etcd says nothing about it",
                format!(
                    "The mode of {path} is {:04o}: {who} may {may} it, and whoever has the key can \
                     pass for its owner.",
                    mode & 0o7777
                ),
                format!("chmod 600 {}", word(&document.path)),
            )
            .file(&document.path)
            .field("mode")
            .follows(Subject::File(document.path.clone())),
        );
    }
}
