//! An inventory as tables.

use std::fmt;

use time::OffsetDateTime;

use super::grid::Grid;
use super::relations::{Place, Signer};
use super::{Content, Inventory, words};
use crate::read::{CertificateDetails, DistinguishedName, Encoding};

/// How much of a subject a table shows.
const NAME_WIDTH: usize = 48;

/// How many names a table shows of one certificate.
const NAMES: usize = 16;

/// How many bytes of a fingerprint tell certificates apart.
const FINGERPRINT_BYTES: usize = 6;

/// An [`Inventory`] as tables: certificates, keys, requests, revocation lists; then what is easily
/// overlooked, and what could not be read.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) now: OffsetDateTime,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut certificates = Grid::new(
            "Certificates",
            &[
                "FILE",
                "MODE",
                "SUBJECT",
                "FOR",
                "NAMES",
                "KEY",
                "VALID UNTIL",
                "ISSUER",
                "FINGERPRINT",
                "SERIAL",
            ],
        );
        let mut keys = Grid::new("Keys", &["FILE", "MODE", "KEY", "FORM", "BELONGS TO"]);
        let mut requests =
            Grid::new("Requests", &["FILE", "MODE", "SUBJECT", "FOR", "NAMES", "KEY"]);
        let mut lists = Grid::new(
            "Revocation lists",
            &["FILE", "MODE", "ISSUER", "FORM", "NUMBER", "MADE", "NEXT", "REVOKED"],
        );
        self.inventory.each(|place, file, content| {
            let start = [vec![self.inventory.place(place)], vec![words::mode(file.mode)]];
            let add = |grid: &mut Grid, cells: Vec<Vec<String>>| {
                grid.row(start.iter().cloned().chain(cells).collect());
            };
            match content {
                Content::Certificate(certificate) => {
                    add(&mut certificates, self.certificate(place, certificate));
                }
                Content::PrivateKey(key) => {
                    let kind = match &key.key {
                        Some(kind) => words::key(kind),
                        None => "encrypted".to_owned(),
                    };
                    let form = words::format(key.format).to_owned();
                    let owners = self.inventory.relations.owners(place);
                    let owners = owners.iter().map(|owner| self.inventory.place(*owner));
                    add(&mut keys, vec![vec![kind], vec![form], owners.take(NAMES).collect()]);
                }
                Content::Request(request) => {
                    let names = request.names.as_ref();
                    let usages = request.extended_key_usages.as_deref().unwrap_or_default();
                    add(
                        &mut requests,
                        vec![
                            vec![subject(&request.subject)],
                            words::extended(usages),
                            names.map(|names| words::names(names, NAMES)).unwrap_or_default(),
                            vec![words::key(&request.public_key)],
                        ],
                    );
                }
                Content::RevocationList(list) => {
                    let form = match list.encoding {
                        Encoding::Der => "DER",
                        Encoding::Pem | Encoding::PemAfterText => "PEM",
                    };
                    let next = list
                        .next_update
                        .map(|next| words::validity(list.this_update, next, self.now));
                    add(
                        &mut lists,
                        vec![
                            vec![self.signer(place, &list.issuer)],
                            vec![form.to_owned()],
                            list.number.iter().map(|number| words::number(number)).collect(),
                            vec![list.this_update.date().to_string()],
                            next.into_iter().collect(),
                            vec![list.entries.len().to_string()],
                        ],
                    );
                }
                Content::Broken(_) => {}
            }
        });
        let mut parts: Vec<String> = [certificates, keys, requests, lists]
            .iter()
            .filter(|grid| !grid.is_empty())
            .map(ToString::to_string)
            .collect();
        for (title, lines) in
            [("Notes", self.inventory.notes()), ("Not read", self.inventory.not_read())]
        {
            if !lines.is_empty() {
                parts.push(format!("{title}\n{}\n", lines.join("\n")));
            }
        }
        if parts.is_empty() {
            parts.push(
                "There is no certificate, key, request or revocation list here.\n".to_owned(),
            );
        }
        f.write_str(&parts.join("\n"))
    }
}

impl Table<'_> {
    fn certificate(&self, place: Place, certificate: &CertificateDetails) -> Vec<Vec<String>> {
        let names = certificate.names.as_ref();
        vec![
            vec![subject(&certificate.subject)],
            vec![words::purpose(certificate)],
            names.map(|names| words::names(names, NAMES)).unwrap_or_default(),
            vec![words::key(&certificate.public_key)],
            vec![words::validity(certificate.not_before, certificate.not_after, self.now)],
            vec![self.signer(place, &certificate.issuer)],
            vec![words::hex(&certificate.fingerprint[..FINGERPRINT_BYTES])],
            vec![words::cut(&words::number(&certificate.serial), NAME_WIDTH)],
        ]
    }

    fn signer(&self, place: Place, issuer: &DistinguishedName) -> String {
        match self.inventory.relations.signer(place) {
            Some(Signer::Itself) => "itself".to_owned(),
            Some(Signer::Here(_)) | None => subject(issuer),
            Some(Signer::Namesake(other)) => {
                format!("{} (not {})", subject(issuer), self.inventory.place(other))
            }
        }
    }
}

fn subject(name: &DistinguishedName) -> String {
    // Its text has no characters that disturb already.
    words::cut(&name.text, NAME_WIDTH)
}
