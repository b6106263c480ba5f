//! A file, read once, and what etcd finds in it for each of its uses.

use std::path::PathBuf;

use time::OffsetDateTime;

use super::description::PERMISSION_DENIED;
use super::{File, FileState};
use crate::read::{
    Block, CertificateDetails, PrivateKeyDetails, ReadError, RevocationListDetails, pem,
    revocation_list,
};

/// How many PEM blocks of a file are looked at; a bundle of all public authorities has 150.
pub(crate) const BLOCKS_MAX: usize = 1000;

/// A file, read once, for whatever it may be used.
#[derive(Debug)]
pub(crate) struct Document {
    /// As the settings name it.
    pub(crate) path: PathBuf,
    /// Whether there is anything to judge.
    pub(crate) presence: Presence,
    /// Its Unix permissions.
    pub(crate) mode: Option<u32>,
    /// When it was last changed.
    pub(crate) modified: Option<OffsetDateTime>,
    /// The certificates of its PEM blocks called that, in order; without those that are broken.
    pub(crate) certificates: Vec<CertificateDetails>,
    /// The first PEM block called a private key, which is the one that etcd takes; `None` where it
    /// is none.
    pub(crate) key: Option<PrivateKeyDetails>,
    /// What is in it as a revocation list, be it PEM or DER.
    pub(crate) revocation_list: Result<RevocationListDetails, ReadError>,
    /// All its PEM blocks.
    pub(crate) parts: Vec<Part>,
    /// What it is where it is DER and not PEM. etcd reads of these only revocation lists.
    pub(crate) der: Option<Der>,
    /// How long it is.
    pub(crate) bytes: usize,
}

/// Whether a file is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Missing,
    /// And why not.
    Unreadable(String),
    /// And how much; etcd would read it.
    TooBig(String),
    Present,
}

/// A PEM block.
#[derive(Debug)]
pub(crate) struct Part {
    /// `CERTIFICATE`, `EC PRIVATE KEY`.
    pub(crate) label: String,
    /// The line that it begins in, from 1.
    pub(crate) line: usize,
    /// What Go says where this is read as a certificate, as it does with every block of a file of
    /// authorities; `None` if it is one.
    pub(crate) no_certificate: Option<String>,
    /// Whether it can be understood all the same, and only newer Gos refuse it.
    pub(crate) readable: bool,
}

/// What a file in DER is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Der {
    Certificate,
    Key,
    RevocationList,
}

/// Why etcd cannot use a file, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What Go says.
    pub(crate) today: String,
    /// The line of the block that it is about.
    pub(crate) line: Option<usize>,
    /// Whether it can be understood all the same: Go before 1.17 was not so strict.
    pub(crate) is_objection: bool,
}

impl Document {
    pub(crate) fn read(file: &File) -> Self {
        let mut document = Self {
            path: file.path.clone(),
            presence: Presence::Present,
            mode: None,
            modified: None,
            certificates: Vec::new(),
            key: None,
            revocation_list: Err(ReadError::Nothing { what: "revocation list" }),
            parts: Vec::new(),
            der: None,
            bytes: 0,
        };
        match &file.state {
            FileState::Missing => document.presence = Presence::Missing,
            FileState::Unreadable(why) => document.presence = Presence::Unreadable(why.clone()),
            FileState::Present { contents, mode, modified } => {
                document.mode = *mode;
                document.modified = *modified;
                document.bytes = contents.len();
                document.take(contents);
            }
        }
        document
    }

    fn take(&mut self, contents: &[u8]) {
        let blocks = match pem::blocks(contents) {
            Ok(blocks) => blocks,
            Err(error) => {
                self.presence = Presence::TooBig(error.to_string());
                return;
            }
        };
        self.revocation_list = revocation_list(contents);
        if blocks.is_empty() {
            self.der = if CertificateDetails::parse(contents).is_ok() {
                Some(Der::Certificate)
            } else if PrivateKeyDetails::parse(contents).is_ok() {
                Some(Der::Key)
            } else {
                self.revocation_list.is_ok().then_some(Der::RevocationList)
            };
        }
        for block in blocks.iter().take(BLOCKS_MAX) {
            self.take_block(block);
        }
    }

    fn take_block(&mut self, block: &Block) {
        let parsed = CertificateDetails::parse(&block.contents);
        let no_certificate = match &parsed {
            Ok(certificate) => certificate.go_objects.clone(),
            Err(ReadError::Malformed { go, .. }) => Some(go.clone()),
            Err(_) => Some("x509: malformed certificate".to_owned()),
        };
        let readable = parsed.is_ok();
        if let (true, Ok(certificate)) = (block.is_certificate(), parsed)
            && !self.certificates.iter().any(|known| known.fingerprint == certificate.fingerprint)
        {
            self.certificates.push(certificate);
        }
        if block.is_private_key() && self.first_key().is_none() {
            self.key = PrivateKeyDetails::from_block(block).ok();
        }
        let label = block.label.clone();
        self.parts.push(Part { label, line: block.line, no_certificate, readable });
    }

    /// Whether there is a file that we may not read, though others may.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(&self.presence, Presence::Unreadable(why) if why == PERMISSION_DENIED)
    }

    /// Whether there is a file that could be read.
    pub(crate) fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }

    /// What etcd shows where this is a `--cert-file`: the leaf first. Empty where it shows nothing.
    pub(crate) fn chain(&self) -> &[CertificateDetails] {
        if is_broken(self.chain_fault()) { &[] } else { &self.certificates }
    }

    /// What etcd trusts where this is a `--trusted-ca-file`. Empty where it is refused.
    pub(crate) fn pool(&self) -> &[CertificateDetails] {
        if is_broken(self.pool_fault()) { &[] } else { &self.certificates }
    }

    /// Why this is no `--cert-file`. Source: `crypto/tls` (`X509KeyPair`).
    pub(crate) fn chain_fault(&self) -> Option<Fault> {
        let first = self.parts.iter().find(|part| part.label == "CERTIFICATE");
        match first {
            Some(first) => {
                let today = first.no_certificate.clone()?;
                Some(Fault { today, line: Some(first.line), is_objection: first.readable })
            }
            None => Some(Fault {
                today: self.no_block("certificate", "CERTIFICATE"),
                line: None,
                is_objection: false,
            }),
        }
    }

    /// Why this is no `--key-file`, whatever the certificate. Source: as above.
    pub(crate) fn key_fault(&self) -> Option<Fault> {
        match self.first_key() {
            None => {
                let today = match self.parts.as_slice() {
                    [only] if only.label == "CERTIFICATE" => {
                        "tls: found a certificate rather than a key in the PEM for the private key"
                            .to_owned()
                    }
                    _ => self.no_block("key", "PRIVATE KEY"),
                };
                Some(Fault { today, line: None, is_objection: false })
            }
            Some(line) => {
                let usable = self.key.as_ref().is_some_and(|key| !key.encrypted);
                (!usable).then(|| Fault {
                    today: "tls: failed to parse private key".to_owned(),
                    line: Some(line),
                    is_objection: false,
                })
            }
        }
    }

    /// Why this is no `--trusted-ca-file`; a file without any block is one, without authorities.
    /// Source: `client/pkg/tlsutil/tlsutil.go` (`NewCertPool`).
    pub(crate) fn pool_fault(&self) -> Option<Fault> {
        self.parts.iter().find_map(|part| {
            let today = part.no_certificate.clone()?;
            Some(Fault { today, line: Some(part.line), is_objection: part.readable })
        })
    }

    /// The line of the first block that Go takes for a key.
    fn first_key(&self) -> Option<usize> {
        let is_key = |label: &str| label == "PRIVATE KEY" || label.ends_with(" PRIVATE KEY");
        self.parts.iter().find(|part| is_key(&part.label)).map(|part| part.line)
    }

    /// Whether there is a block in it that is called a private key.
    pub(crate) fn has_key(&self) -> bool {
        self.first_key().is_some() || self.der == Some(Der::Key)
    }

    /// What Go says when it does not find a block.
    fn no_block(&self, input: &str, block: &str) -> String {
        let labels: Vec<_> = self.parts.iter().map(|part| part.label.as_str()).collect();
        match (labels.as_slice(), input) {
            ([], _) => format!("tls: failed to find any PEM data in {input} input"),
            ([only], "certificate") if only.ends_with("PRIVATE KEY") => {
                "tls: failed to find certificate PEM data in certificate input, but did find a \
                 private key; PEM inputs may have been switched"
                    .to_owned()
            }
            (_, "certificate") => format!(
                "tls: failed to find \"{block}\" PEM block in certificate input after skipping PEM \
                 blocks of the following types: [{}]",
                labels.join(" ")
            ),
            _ => format!(
                "tls: failed to find PEM block with type ending in \"{block}\" in key input after \
                 skipping PEM blocks of the following types: [{}]",
                labels.join(" ")
            ),
        }
    }

    /// What is in it, for sentences: `2 certificates and a key`, `nothing`.
    pub(crate) fn holds(&self) -> String {
        match (self.der, self.parts.as_slice()) {
            (Some(Der::Certificate), _) => "a certificate in DER".to_owned(),
            (Some(Der::Key), _) => "a private key in DER".to_owned(),
            (Some(Der::RevocationList), _) => "a revocation list in DER".to_owned(),
            (None, []) if self.bytes == 0 => "nothing".to_owned(),
            (None, []) => format!("{} bytes that are not PEM", self.bytes),
            (None, parts) => {
                let mut kinds: Vec<(&str, usize)> = Vec::new();
                for part in parts {
                    match kinds.iter_mut().find(|(label, _)| *label == part.label) {
                        Some((_, count)) => *count += 1,
                        None => kinds.push((&part.label, 1)),
                    }
                }
                let kinds: Vec<_> = kinds
                    .iter()
                    .take(5)
                    .map(|(label, count)| format!("{count} × {label}"))
                    .collect();
                kinds.join(", ")
            }
        }
    }
}

fn is_broken(fault: Option<Fault>) -> bool {
    fault.is_some_and(|fault| !fault.is_objection)
}
