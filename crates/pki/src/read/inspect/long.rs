//! An inventory with everything that is known.

use std::fmt;

use time::OffsetDateTime;

use super::relations::{Place, Signer};
use super::{Content, Inventory, words};
use crate::read::{
    CertificateDetails, DistinguishedName, Encoding, NameConstraints, PrivateKeyDetails,
    RequestDetails, RevocationListDetails, SignatureCheck,
};

/// How much of one text is shown.
const TEXT: usize = 1000;

/// How many names of one certificate are shown.
const NAMES: usize = 200;

/// How many entries of a revocation list are shown.
const ENTRIES: usize = 50;

/// An [`Inventory`] with everything that is known, a paragraph for each thing.
#[derive(Clone, Copy, Debug)]
pub struct Long<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) now: OffsetDateTime,
}

impl fmt::Display for Long<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        self.inventory.each(|place, file, content| {
            let (kind, lines) = match content {
                Content::Certificate(it) => ("certificate", self.certificate(place, it)),
                Content::PrivateKey(it) => ("key", self.key(place, it)),
                Content::Request(it) => ("request", request(it)),
                Content::RevocationList(it) => ("revocation list", self.list(place, it)),
                Content::Broken(_) => return,
            };
            let mode = file.mode.map(|mode| format!(", mode {mode:04o}")).unwrap_or_default();
            let mut part = format!("{}: {kind}{mode}\n", self.inventory.place(place));
            for (name, value) in lines {
                part.push_str(&format!("  {name:<14}{value}\n"));
            }
            parts.push(part);
        });
        for (title, lines) in
            [("Notes", self.inventory.notes()), ("Not read", self.inventory.not_read())]
        {
            if !lines.is_empty() {
                parts.push(format!("{title}\n{}\n", lines.join("\n")));
            }
        }
        f.write_str(&parts.join("\n"))
    }
}

type Lines = Vec<(&'static str, String)>;

impl Long<'_> {
    fn certificate(&self, place: Place, it: &CertificateDetails) -> Lines {
        let mut lines = vec![
            ("subject", text(&it.subject)),
            ("issuer", self.signer(place, &it.issuer)),
            ("for", words::purpose(it)),
        ];
        if let Some(names) = &it.names {
            lines.push(("names", words::names(names, NAMES).join(", ")));
        }
        if let Some(usages) = it.key_usages {
            lines.push(("key usages", words::usages(usages)));
        }
        if let Some(constraints) = &it.name_constraints {
            lines.extend(name_constraints(constraints));
        }
        if !it.unhandled_critical.is_empty() {
            let list = words::cut(&it.unhandled_critical.join(", "), TEXT);
            lines.push(("critical", format!("{list}, which Go does not know")));
        }
        lines.extend([
            ("key", words::key(&it.public_key)),
            ("signed", words::signature(&it.signature_algorithm)),
            ("valid from", words::moment(it.not_before)),
            (
                "valid until",
                format!(
                    "{} ({})",
                    words::moment(it.not_after),
                    words::state(it.not_before, it.not_after, self.now)
                ),
            ),
            ("serial", words::cut(&words::number(&it.serial), TEXT)),
        ]);
        for (name, key) in [
            ("subject key", &it.subject_key_identifier),
            ("issuer's key", &it.authority_key_identifier),
        ] {
            lines.extend(key.as_ref().map(|key| (name, words::cut(&words::hex(key), TEXT))));
        }
        lines.push(("SHA-256", words::hex(&it.fingerprint)));
        lines
    }

    fn key(&self, place: Place, it: &PrivateKeyDetails) -> Lines {
        let kind = match &it.key {
            Some(kind) => words::key(kind),
            None => "encrypted: etcd reads no such key".to_owned(),
        };
        let owners: Vec<_> = self
            .inventory
            .relations
            .owners(place)
            .iter()
            .take(NAMES)
            .map(|owner| self.inventory.place(*owner))
            .collect();
        let owners = if owners.is_empty() { "nothing here".to_owned() } else { owners.join(", ") };
        vec![("key", kind), ("form", words::format(it.format).to_owned()), ("belongs to", owners)]
    }

    fn list(&self, place: Place, it: &RevocationListDetails) -> Lines {
        let form = match it.encoding {
            Encoding::Der => "DER",
            Encoding::Pem => "PEM, which etcd reads until 3.5",
            Encoding::PemAfterText => "PEM after other text, which no etcd reads",
        };
        let next = match it.next_update {
            Some(next) => format!(
                "{} ({})",
                words::moment(next),
                words::state(it.this_update, next, self.now)
            ),
            None => "not said".to_owned(),
        };
        let mut lines = vec![
            ("issuer", self.signer(place, &it.issuer)),
            ("form", form.to_owned()),
            ("signed", words::signature(&it.signature_algorithm)),
            ("made", words::moment(it.this_update)),
            ("next", next),
        ];
        lines.extend(
            it.number.as_ref().map(|number| ("number", words::cut(&words::number(number), TEXT))),
        );
        lines.extend(
            it.authority_key_identifier
                .as_ref()
                .map(|key| ("issuer's key", words::cut(&words::hex(key), TEXT))),
        );
        for entry in it.entries.iter().take(ENTRIES) {
            let serial = words::cut(&words::number(&entry.serial), TEXT);
            let reason = words::reason(entry.reason);
            lines.push(("revoked", format!("{serial} on {}, {reason}", entry.revoked_at.date())));
        }
        if it.entries.len() > ENTRIES {
            lines.push(("revoked", format!("and {} more", it.entries.len() - ENTRIES)));
        }
        lines
    }

    fn signer(&self, place: Place, issuer: &DistinguishedName) -> String {
        let issuer = text(issuer);
        match self.inventory.relations.signer(place) {
            Some(Signer::Itself) => "itself".to_owned(),
            Some(Signer::Here(here)) => {
                format!("{issuer}, which is {}", self.inventory.place(here))
            }
            Some(Signer::Namesake(other)) => {
                format!("{issuer}, but not {}, whose key is another", self.inventory.place(other))
            }
            None => format!("{issuer}, which is not here"),
        }
    }
}

fn request(it: &RequestDetails) -> Lines {
    let mut lines = vec![("subject", text(&it.subject))];
    if it.basic_constraints.is_some_and(|limits| limits.authority) {
        lines.push(("asks", "to be an authority".to_owned()));
    }
    if let Some(usages) = &it.extended_key_usages {
        lines.push(("for", words::extended(usages).join(", ")));
    }
    if let Some(names) = &it.names {
        lines.push(("names", words::names(names, NAMES).join(", ")));
    }
    if let Some(usages) = it.key_usages {
        lines.push(("key usages", words::usages(usages)));
    }
    let signed = words::signature(&it.signature_algorithm);
    let by = match it.signed_by_itself() {
        SignatureCheck::Valid => "by its own key",
        SignatureCheck::Invalid => "and not by its own key: refuse it",
        SignatureCheck::Unknown => "which cannot be checked here",
    };
    lines.extend([("key", words::key(&it.public_key)), ("signed", format!("{signed}, {by}"))]);
    lines
}

/// Both lists, where they say something.
fn name_constraints(it: &NameConstraints) -> Lines {
    let list =
        |dns: &[String], ip: &[(std::net::IpAddr, std::net::IpAddr)], more: [&[String]; 2]| {
            let words: Vec<String> = dns
                .iter()
                .map(|name| words::printable(name))
                .chain(ip.iter().map(|(network, mask)| format!("{network}/{}", prefix(*mask))))
                .chain(more.into_iter().flatten().map(|name| words::printable(name)))
                .take(NAMES)
                .collect();
            words::cut(&words.join(", "), TEXT)
        };
    [
        (
            "may sign",
            list(&it.permitted_dns, &it.permitted_ip, [&it.permitted_uri, &it.permitted_email]),
        ),
        (
            "may not sign",
            list(&it.excluded_dns, &it.excluded_ip, [&it.excluded_uri, &it.excluded_email]),
        ),
    ]
    .into_iter()
    .filter(|(_, words)| !words.is_empty())
    .collect()
}

/// The ones that a mask begins with.
fn prefix(mask: std::net::IpAddr) -> u32 {
    match mask {
        std::net::IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        std::net::IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    }
}

fn text(name: &DistinguishedName) -> String {
    if name.text.is_empty() { "(empty)".to_owned() } else { words::cut(&name.text, TEXT) }
}
