//! What is easily overlooked.

use std::error::Error;

use super::relations::Place;
use super::{Content, InspectedFile, Inventory};
use crate::read::{CertificateDetails, SignatureCheck};

/// How many notes are made; whoever has more has other worries.
const MAX_NOTES: usize = 200;

impl Inventory {
    /// Calls `see` for everything that was found, in order.
    pub(super) fn each<'a>(&'a self, mut see: impl FnMut(Place, &'a InspectedFile, &'a Content)) {
        for (file, inspected) in self.files.iter().enumerate() {
            for (content, found) in inspected.contents.iter().enumerate() {
                see(Place { file, content }, inspected, found);
            }
        }
    }

    /// A line for each thing that is easily overlooked.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let name = self.called(&file.path);
            notes.extend(open_key(file).map(|mode| {
                format!(
                    "{name}: it holds a key, and others than its owner can read it ({mode:04o})"
                )
            }));
            notes.extend(chain(file).map(|note| format!("{name}: {note}")));
            for (content, found) in file.contents.iter().enumerate() {
                let objection = match found {
                    Content::Certificate(certificate) => certificate.go_objects.as_ref(),
                    Content::Request(request) => request.go_objects.as_ref(),
                    Content::RevocationList(list) => list.go_objects.as_ref(),
                    Content::PrivateKey(_) | Content::Broken(_) => None,
                };
                let place = self.place(Place { file: index, content });
                notes.extend(objection.map(|go| {
                    let go = super::words::cut(&super::words::printable(go), 200);
                    format!("{place}: Go does not read it: {go}")
                }));
            }
            if notes.len() > MAX_NOTES {
                notes.truncate(MAX_NOTES);
                notes.push("… and more".to_owned());
                break;
            }
        }
        notes
    }

    /// A line for each thing that could not be read.
    pub(super) fn not_read(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for file in &self.files {
            for content in &file.contents {
                if let Content::Broken(error) = content {
                    let name = self.called(&file.path);
                    lines.push(format!("{name}: {}", with_causes(error)));
                }
            }
        }
        for unreadable in &self.unreadable {
            lines.push(format!("{}: {}", self.called(&unreadable.path), unreadable.why));
        }
        lines
    }
}

/// The permissions of a file with a key that more than its owner can read.
fn open_key(file: &InspectedFile) -> Option<u32> {
    let has_key = file.contents.iter().any(|it| matches!(it, Content::PrivateKey(_)));
    file.mode.filter(|mode| has_key && mode & 0o077 != 0)
}

/// What is wrong with the order of the certificates of one file, if they are a chain and not a
/// collection of authorities.
fn chain(file: &InspectedFile) -> Option<String> {
    let certificates: Vec<&CertificateDetails> = file
        .contents
        .iter()
        .filter_map(|content| match content {
            Content::Certificate(certificate) => Some(&**certificate),
            _ => None,
        })
        // No chain is longer.
        .take(16)
        .collect();
    let is_authority =
        |it: &CertificateDetails| it.basic_constraints.is_some_and(|limits| limits.authority);
    if certificates.len() < 2 || certificates.iter().all(|it| is_authority(it)) {
        return None;
    }
    if is_authority(certificates[0]) {
        return Some("its first certificate is an authority's; the leaf goes first".to_owned());
    }
    let signed = |child: &CertificateDetails, parent: &CertificateDetails| {
        child.issuer.der == parent.subject.der && child.signed_by(parent) != SignatureCheck::Invalid
    };
    let broken = certificates.windows(2).position(|pair| !signed(pair[0], pair[1]))?;
    Some(format!("certificate {} did not sign certificate {}", broken + 2, broken + 1))
}

/// An error and what led to it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    super::words::cut(&super::words::printable(&text), 400)
}
