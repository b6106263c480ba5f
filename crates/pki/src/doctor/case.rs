//! A description with every file read exactly once, so that rules are short.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use time::OffsetDateTime;

use super::document::Document;
use super::findings::Subject;
use super::live::AnswerCase;
use super::{Description, File, Origin, Settings, TlsSettings, Url};

pub(crate) use super::Port;
use crate::etcd::{Go, GoRange, Release, Version};
use crate::read::CertificateDetails;

/// How many members are looked at; etcd advises seven at most. Those after them are not judged.
pub(crate) const MEMBERS_MAX: usize = 100;

/// How many clients are looked at.
pub(crate) const CLIENTS_MAX: usize = 100;

/// How many files that belong to nobody are looked at.
pub(crate) const LOOSE_MAX: usize = 1000;

/// How many answers are looked at: those of nine members, each asked by all others and a client, are
/// fewer than two hundred.
pub(crate) const ANSWERS_MAX: usize = 2000;

/// What is judged, with every file parsed once.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) etcd: Version,
    /// The Go releases that this etcd may be built with.
    pub(crate) go: GoRange,
    pub(crate) now: OffsetDateTime,
    pub(crate) members: Vec<MemberCase<'a>>,
    pub(crate) clients: Vec<ClientCase<'a>>,
    /// What belongs to nobody in particular.
    pub(crate) loose: Vec<Rc<Document>>,
    /// Every file, each once, whoever names it.
    pub(crate) documents: Vec<Rc<Document>>,
    /// What ports answered.
    pub(crate) answers: Vec<AnswerCase<'a>>,
}

/// A member.
#[derive(Debug)]
pub(crate) struct MemberCase<'a> {
    /// Its place in [`Case::members`].
    pub(crate) index: usize,
    /// `--name`.
    pub(crate) name: &'a str,
    pub(crate) settings: &'a Settings,
    /// When its process started, where one is running.
    pub(crate) started: Option<OffsetDateTime>,
    /// What clients meet.
    pub(crate) client: Side<'a>,
    /// What peers meet.
    pub(crate) peer: Side<'a>,
}

/// The TLS of one kind of port of a member, with its files.
///
/// A document is `None` where the setting is not made, and where nobody looked at the file.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) port: Port,
    pub(crate) settings: &'a TlsSettings,
    /// `--cert-file`.
    pub(crate) certificate: Option<Rc<Document>>,
    /// `--key-file`.
    pub(crate) key: Option<Rc<Document>>,
    /// `--client-cert-file`.
    pub(crate) outgoing_certificate: Option<Rc<Document>>,
    /// `--client-key-file`.
    pub(crate) outgoing_key: Option<Rc<Document>>,
    /// `--trusted-ca-file`.
    pub(crate) trusted: Option<Rc<Document>>,
    /// `--client-crl-file`.
    pub(crate) revocation: Option<Rc<Document>>,
}

/// A client.
#[derive(Debug)]
pub(crate) struct ClientCase<'a> {
    pub(crate) urls: &'a [Url],
    /// `--cacert`.
    pub(crate) trusted: Option<Rc<Document>>,
    /// `--cert`.
    pub(crate) certificate: Option<Rc<Document>>,
    /// `--key`.
    pub(crate) key: Option<Rc<Document>>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(description: &'a Description) -> Self {
        let mut shelf = Shelf::default();
        let members = description.members.iter().take(MEMBERS_MAX).enumerate();
        let members: Vec<_> = members
            .map(|(index, member)| MemberCase {
                index,
                name: &member.settings.name,
                settings: &member.settings,
                started: member.started,
                client: Side::new(Port::Client, &member.settings.client, &member.files, &mut shelf),
                peer: Side::new(Port::Peer, &member.settings.peer, &member.files, &mut shelf),
            })
            .collect();
        let clients = description.clients.iter().take(CLIENTS_MAX);
        let clients = clients
            .map(|client| ClientCase {
                urls: &client.urls,
                trusted: client.trusted_ca_file.as_ref().map(|file| shelf.document(file)),
                certificate: client.cert_file.as_ref().map(|file| shelf.document(file)),
                key: client.key_file.as_ref().map(|file| shelf.document(file)),
            })
            .collect();
        let loose = description.loose.iter().take(LOOSE_MAX);
        let loose = loose.map(|file| shelf.document(file)).collect();
        let Description { etcd, go, now, .. } = description;
        // Of an etcd older than any that is known, the oldest Go.
        let any = GoRange { oldest: Go::new(12), newest: Go::NEWEST_KNOWN };
        let built = || Release::of(*etcd).map_or(any, Release::go);
        let go = go.map_or_else(built, GoRange::exactly);
        let answers = description.answers.iter().take(ANSWERS_MAX);
        let answers = answers.map(|answer| AnswerCase::new(answer, &members)).collect();
        let documents = shelf.all;
        Self { etcd: *etcd, go, now: *now, members, clients, loose, documents, answers }
    }

    /// Both sides of every member.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (&MemberCase<'a>, &Side<'a>)> {
        self.members.iter().flat_map(|member| member.sides().map(move |side| (member, side)))
    }
}

impl<'a> MemberCase<'a> {
    /// What clients meet, and what peers meet.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Side<'a>> {
        [&self.client, &self.peer].into_iter()
    }

    /// The URLs that are listened on, of this kind of port; those for HTTP alone among the
    /// clients'.
    pub(crate) fn listen_urls(&self, port: Port) -> impl Iterator<Item = &'a Url> {
        let (urls, http): (&[Url], &[Url]) = match port {
            Port::Client => {
                (&self.settings.listen_client_urls, &self.settings.listen_client_http_urls)
            }
            Port::Peer => (&self.settings.listen_peer_urls, &[]),
        };
        urls.iter().chain(http)
    }

    /// Whether etcd opens the files of this side: those of peers always, those of clients only
    /// where it listens with TLS (measured). Where no URLs are known, it is taken to.
    pub(crate) fn opens(&self, side: &Side<'_>) -> bool {
        let settings = self.settings;
        side.port == Port::Peer
            || settings.origin == Origin::Directory
            || self.listen_urls(Port::Client).chain(&settings.listen_metrics_urls).any(Url::is_tls)
    }

    /// Whether it listens with TLS on this kind of port. Where no URLs are known, it is taken to.
    pub(crate) fn listens_with_tls(&self, port: Port) -> bool {
        self.settings.origin == Origin::Directory || self.listen_urls(port).any(Url::is_tls)
    }

    /// A setting of one side in the language of the member; `base` is as for [`Side::flag`].
    pub(crate) fn setting_of(&self, side: &Side<'_>, base: &str) -> String {
        self.setting(&side.flag(base))
    }

    /// What the setting of a side is as a subject of findings.
    pub(crate) fn subject_of(&self, side: &Side<'_>, base: &str) -> Subject {
        Subject::Setting(self.index, side.flag(base))
    }

    /// A setting in the language of the member: `--peer-cert-file`, or
    /// `peer-transport-security.cert-file`. `flag` is the flag without dashes.
    pub(crate) fn setting(&self, flag: &str) -> String {
        match self.settings.origin {
            Origin::CommandLine | Origin::Directory => format!("--{flag}"),
            Origin::ConfigFile => yaml_key(flag),
        }
    }

    /// A setting with its value, as one would write it: `--peer-cert-file=peer.crt`, or
    /// `peer-transport-security.cert-file: peer.crt`.
    pub(crate) fn setting_to(&self, flag: &str, value: &str) -> String {
        match self.settings.origin {
            Origin::CommandLine | Origin::Directory => format!("--{flag}={value}"),
            Origin::ConfigFile => format!("{}: {value}", yaml_key(flag)),
        }
    }
}

/// The key of a flag in a configuration file, with its section before a dot.
/// Source: `server/embed/config.go` (`configJSON`, `securityConfig`).
pub(crate) fn yaml_key(flag: &str) -> String {
    const SECTION: [&str; 7] = [
        "cert-file",
        "key-file",
        "client-cert-file",
        "client-key-file",
        "client-cert-auth",
        "trusted-ca-file",
        "auto-tls",
    ];
    match flag {
        "peer-cert-allowed-cn" => return "peer-transport-security.allowed-cn".to_owned(),
        "peer-cert-allowed-hostname" => {
            return "peer-transport-security.allowed-hostname".to_owned();
        }
        "client-cert-allowed-hostname" => {
            return "client-transport-security.allowed-hostname".to_owned();
        }
        _ => {}
    }
    let (section, key) = match flag.strip_prefix("peer-") {
        Some(key) => ("peer-transport-security", key),
        None => ("client-transport-security", flag),
    };
    if SECTION.contains(&key) { format!("{section}.{key}") } else { flag.to_owned() }
}

impl<'a> Side<'a> {
    fn new(
        port: Port,
        settings: &'a TlsSettings,
        files: &'a [File],
        shelf: &mut Shelf<'a>,
    ) -> Self {
        let mut find = |path: &Option<PathBuf>| {
            let path = path.as_deref().filter(|path| !path.as_os_str().is_empty())?;
            let file = files.iter().find(|file| file.path == path)?;
            Some(shelf.document(file))
        };
        Self {
            port,
            settings,
            certificate: find(&settings.cert_file),
            key: find(&settings.key_file),
            outgoing_certificate: find(&settings.client_cert_file),
            outgoing_key: find(&settings.client_key_file),
            trusted: find(&settings.trusted_ca_file),
            revocation: find(&settings.crl_file),
        }
    }

    /// The flag of this side without dashes: `cert-file` is `peer-cert-file` for peers, and the
    /// list is `client-crl-file` or `peer-crl-file`.
    pub(crate) fn flag(&self, base: &str) -> String {
        match (self.port, base) {
            (Port::Client, "crl-file") => "client-crl-file".to_owned(),
            (Port::Client, _) => base.to_owned(),
            (Port::Peer, _) => format!("peer-{base}"),
        }
    }

    /// The files of this side that were looked at, each with its flag.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (String, &Rc<Document>)> {
        [
            ("cert-file", &self.certificate),
            ("key-file", &self.key),
            ("client-cert-file", &self.outgoing_certificate),
            ("client-key-file", &self.outgoing_key),
            ("trusted-ca-file", &self.trusted),
            ("crl-file", &self.revocation),
        ]
        .into_iter()
        .filter_map(|(flag, document)| Some((self.flag(flag), document.as_ref()?)))
    }

    /// Whether etcd makes a certificate of its own: only where none is given.
    /// Source: `server/embed/config.go` (`ClientSelfCert`, `PeerSelfCert`).
    pub(crate) fn is_automatic(&self) -> bool {
        self.settings.auto_tls
            && self.settings.cert_file.is_none()
            && self.settings.key_file.is_none()
    }

    /// Whether it demands a certificate of whoever dials: an authority alone does.
    /// Source: `client/pkg/transport/listener.go` (`ServerConfig`).
    pub(crate) fn demands_certificate(&self) -> bool {
        !self.is_automatic()
            && (self.settings.trusted_ca_file.is_some() || self.settings.client_cert_auth)
    }

    /// What it shows to those who dial it: the leaf first, as etcd takes them from the file. Empty
    /// where there is none, or it is unusable.
    pub(crate) fn served(&self) -> &[CertificateDetails] {
        self.certificate.as_ref().map_or(&[], |document| document.chain())
    }

    /// The file of what it shows where it dials itself.
    pub(crate) fn dialling(&self) -> Option<&Rc<Document>> {
        if self.settings.client_cert_file.is_some() {
            self.outgoing_certificate.as_ref()
        } else {
            self.certificate.as_ref()
        }
    }

    /// What it shows where it dials: `--client-cert-file`, and `--cert-file` without that.
    pub(crate) fn shown(&self) -> &[CertificateDetails] {
        self.dialling().map_or(&[], |document| document.chain())
    }

    /// The certificates of `--trusted-ca-file`; `None` where there is no such file, and those of
    /// the machine count.
    pub(crate) fn pool(&self) -> Option<&[CertificateDetails]> {
        self.trusted.as_ref().map(|document| document.pool())
    }
}

impl ClientCase<'_> {
    /// What it shows.
    pub(crate) fn shown(&self) -> &[CertificateDetails] {
        self.certificate.as_ref().map_or(&[], |document| document.chain())
    }

    /// What it trusts; `None` is the authorities of the machine.
    pub(crate) fn pool(&self) -> Option<&[CertificateDetails]> {
        self.trusted.as_ref().map(|document| document.pool())
    }

    /// Its files that were looked at, each with its flag of etcdctl.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&'static str, &Rc<Document>)> {
        [("--cacert", &self.trusted), ("--cert", &self.certificate), ("--key", &self.key)]
            .into_iter()
            .filter_map(|(flag, document)| Some((flag, document.as_ref()?)))
    }
}

/// The documents that were read, so that a shared file is read once.
#[derive(Default)]
struct Shelf<'a> {
    all: Vec<Rc<Document>>,
    by_path: HashMap<&'a Path, Vec<(&'a File, Rc<Document>)>>,
}

impl<'a> Shelf<'a> {
    /// Two members on two machines may have different files at one path, so what is in them counts
    /// too.
    fn document(&mut self, file: &'a File) -> Rc<Document> {
        let known = self.by_path.entry(&file.path).or_default();
        if let Some((_, document)) = known.iter().find(|(known, _)| *known == file) {
            return Rc::clone(document);
        }
        let document = Rc::new(Document::read(file));
        known.push((file, Rc::clone(&document)));
        self.all.push(Rc::clone(&document));
        document
    }
}

/// `path` as a word of a shell's command line.
pub(crate) fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
