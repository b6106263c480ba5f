//! Keys that others can read: TLS026.

use super::super::case::{Case, word};
use super::super::findings::{Findings, Found, Subject};
use super::words::command;
use crate::doctor::Rule;

/// Write and run for the group, and anything for everyone. That a group may read a key is how etcd
/// is let to one that belongs to root.
const OPEN: u32 = 0o037;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for document in &case.documents {
        let Some(mode) = document.mode.filter(|mode| mode & OPEN != 0) else { continue };
        if !document.has_key() {
            continue;
        }
        let who = match (mode & 0o030 != 0, mode & 0o007 != 0) {
            (true, false) => "the group of the file",
            _ => "everyone on the machine",
        };
        let may = if mode & 0o004 != 0 { "read" } else { "change or run" };
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
                command(
                    "let nobody else read it",
                    &format!("chmod 600 {}", word(&document.path)),
                    "",
                ),
            )
            .file(&document.path)
            .field("mode")
            .follows(Subject::File(document.path.clone())),
        );
    }
}
