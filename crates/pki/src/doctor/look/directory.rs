//! A directory of certificates, without a word about who uses them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::roles::{self, Kind, Pair, Role};
use super::{LookError, Looked, Place, client, file, with_files};
use crate::doctor::{File, Origin, Settings, TlsSettings};

/// How many certificates, keys and lists are looked at, in the directory and those below it; and how
/// many directories.
pub(super) const FILES: usize = 1000;

/// What the certificates in `directory` seem to be for, by their names, and all of them as files.
///
/// - `ca.*` is the authority; `peer-ca.*` that of peers, where there is one.
/// - `server.*` is what clients of a member meet, `peer.*` what its peers meet; where there is only
///   one of them it is for both. So it is in [`Layout::Shared`](crate::Layout), in the flat
///   directories that tutorials make with openssl, and in kubeadm's `/etc/kubernetes/pki/etcd`.
/// - A directory below with any of these is a member of that name, as in
///   [`Layout::PerMember`](crate::Layout); its authority is its own, or that above.
/// - `member1.pem` with `member1-key.pem`, as cfssl's guides have them, is a member; `server.pem`
///   beside it is for the clients of each.
/// - `client.*` and `NAME-client.*` are clients, where there are their keys and an authority.
/// - Where a directory `etcd` stands beside kubeadm's `apiserver-etcd-client.*`, that is its only
///   client: all else beside it is of Kubernetes, which has an authority of its own. Given
///   `etcd` itself, that client is looked for above it.
/// - Of two authorities `server-ca.*` and `client-ca.*`, each is for what it is called by.
/// - Everything else is judged by itself.
///
/// Members are taken to ask for certificates where there is an authority to check them by. They
/// have no URLs: nobody said any.
///
/// # Errors
///
/// [`LookError::Unreadable`]; [`LookError::Empty`] if nothing there is a certificate, a key or a
/// revocation list by its name; and [`LookError::TooMany`] of them.
pub fn directory(directory: &Path) -> Result<Looked, LookError> {
    let too_many = || LookError::TooMany { path: directory.to_owned() };
    let mut left = FILES;
    let top = Listing::of(directory, &mut left)
        .map_err(|source| LookError::Unreadable { path: directory.to_owned(), source })?
        .ok_or_else(too_many)?;
    if top.directories.len() > FILES {
        return Err(too_many());
    }
    let mut below = Vec::new();
    for path in &top.directories {
        // What cannot be listed is not ours: `lost+found`, another's data directory.
        if let Ok(listing) = Listing::of(path, &mut left) {
            let listing = listing.ok_or_else(too_many)?;
            if !listing.is_empty() {
                below.push((path, listing));
            }
        }
    }
    if top.is_empty() && below.is_empty() {
        return Err(LookError::Empty { path: directory.to_owned() });
    }
    let place = Place::here(Path::new(""));
    let mut looked = Looked::default();
    let mut used: Vec<PathBuf> = Vec::new();
    let mut add = |looked: &mut Looked, name: &str, files: MemberFiles<'_>| {
        let member = with_files(settings(name, files), &place);
        used.extend(member.files.iter().map(|file| file.path.clone()));
        looked.members.push(member);
    };
    for (path, listing) in &below {
        let (server, peer) = (listing.first(Role::Server), listing.first(Role::Peer));
        let member = listing.first(Role::Member);
        if let Some((server, peer)) = either(server.or(member), peer.or(member)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let authorities = if listing.of_servers().is_some() { listing } else { &top };
            let (authority, mut peer_authority) =
                (authorities.of_clients(), authorities.of_peers());
            if listing.first(Role::PeerAuthority).is_none() {
                peer_authority = top.first(Role::PeerAuthority).or(peer_authority);
            }
            add(&mut looked, &name, MemberFiles { server, peer, authority, peer_authority });
        }
    }
    let (authority, peer_authority) = (top.of_clients(), top.of_peers());
    let (server, peer) = (top.first(Role::Server), top.first(Role::Peer));
    let named: Vec<_> = top.all(Role::Member).collect();
    if named.is_empty()
        && let Some((server, peer)) = either(server, peer)
    {
        add(&mut looked, &server.stem, MemberFiles { server, peer, authority, peer_authority });
    }
    for member in named {
        let (server, peer) = (server.unwrap_or(member), peer.unwrap_or(member));
        add(&mut looked, &member.stem, MemberFiles { server, peer, authority, peer_authority });
    }
    // kubeadm's, from above: what is beside the directory is of Kubernetes, but for one client.
    let kubernetes =
        top.pairs.iter().find(|(_, pair)| pair.stem == KUBERNETES_CLIENT).and_then(|(_, pair)| {
            let etcd = below.iter().find(|(path, _)| path.ends_with("etcd"));
            etcd.map(|(_, listing)| (listing, pair))
        });
    let top_clients = kubernetes.is_none().then_some(&top);
    let kubeadms = (directory.file_name().is_some_and(|name| name == "etcd"))
        .then(|| beside(directory, KUBERNETES_CLIENT))
        .flatten();
    let listings = top_clients.into_iter().chain(below.iter().map(|(_, listing)| listing));
    for (listing, pair) in listings
        .flat_map(|listing| listing.all(Role::Client).map(move |pair| (listing, pair)))
        .chain(kubeadms.as_ref().map(|pair| (&top, pair)))
        .chain(kubernetes)
    {
        // Nobody said whom it trusts, or where its key is: it is judged by itself.
        let authority = listing.of_servers().or_else(|| top.of_servers());
        let (Some(authority), Some(_)) = (authority, &pair.key) else { continue };
        let trusted = Some(authority.certificate.as_path());
        looked.clients.push(client(
            Vec::new(),
            trusted,
            Some(&pair.certificate),
            pair.key.as_deref(),
        ));
        used.push(pair.certificate.clone());
        used.extend(pair.key.clone());
        used.extend(trusted.map(Path::to_owned));
    }
    let everything = top.files.iter().chain(below.iter().flat_map(|(_, listing)| &listing.files));
    looked.loose = everything
        .filter(|path| !used.contains(path))
        .map(|path| file(path))
        .collect::<Vec<File>>();
    Ok(looked)
}

/// kubeadm's certificate for Kubernetes as a client of etcd.
const KUBERNETES_CLIENT: &str = "apiserver-etcd-client";

/// What a member has.
#[derive(Clone, Copy)]
struct MemberFiles<'a> {
    server: &'a Pair,
    peer: &'a Pair,
    authority: Option<&'a Pair>,
    peer_authority: Option<&'a Pair>,
}

/// Each, or the other in its place.
fn either<'a>(one: Option<&'a Pair>, other: Option<&'a Pair>) -> Option<(&'a Pair, &'a Pair)> {
    Some((one.or(other)?, other.or(one)?))
}

fn settings(name: &str, files: MemberFiles<'_>) -> Settings {
    let mut settings = Settings::new(Origin::Directory);
    name.clone_into(&mut settings.name);
    settings.listen_peer_urls.clear();
    settings.listen_client_urls.clear();
    settings.advertise_peer_urls.clear();
    settings.advertise_client_urls.clear();
    let tls = |pair: &Pair, authority: Option<&Pair>| TlsSettings {
        cert_file: Some(pair.certificate.clone()),
        key_file: pair.key.clone(),
        trusted_ca_file: authority.map(|pair| pair.certificate.clone()),
        client_cert_auth: authority.is_some(),
        ..TlsSettings::default()
    };
    settings.client = tls(files.server, files.authority);
    settings.peer = tls(files.peer, files.peer_authority.or(files.authority));
    settings
}

/// A pair in the directory above.
fn beside(directory: &Path, stem: &str) -> Option<Pair> {
    let above = directory.parent()?;
    let certificate = above.join(format!("{stem}.crt"));
    let key = above.join(format!("{stem}.key"));
    let key = key.is_file().then_some(key);
    certificate.is_file().then(|| Pair { stem: stem.to_owned(), certificate, key })
}

/// The files of one directory that are ours by their names.
#[derive(Debug, Default)]
struct Listing {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    pairs: Vec<(Option<Role>, Pair)>,
}

impl Listing {
    /// Nothing if there are more than `left`.
    fn of(directory: &Path, left: &mut usize) -> std::io::Result<Option<Self>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                paths.push(path);
            } else if roles::kind(&path).is_some() {
                let Some(less) = left.checked_sub(1) else { return Ok(None) };
                *left = less;
                paths.push(path);
            }
        }
        // The order of a directory is anybody's; a report has one.
        paths.sort();
        let mut listing = Self::default();
        let mut keys = BTreeMap::new();
        let mut certificates = Vec::new();
        for path in paths {
            if path.is_dir() {
                listing.directories.push(path);
                continue;
            }
            match roles::kind(&path) {
                Some(Kind::Certificate(stem)) => certificates.push((stem, path.clone())),
                Some(Kind::Key(stem)) => {
                    keys.entry(stem).or_insert_with(|| path.clone());
                }
                Some(Kind::RevocationList) => {}
                None => continue,
            }
            listing.files.push(path);
        }
        let pairs = certificates.into_iter().map(|(stem, certificate)| {
            let key = keys.get(&stem).cloned();
            (roles::role(&stem), Pair { stem, certificate, key })
        });
        listing.pairs = pairs.collect();
        Ok(Some(listing))
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn all(&self, role: Role) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(move |(of, _)| *of == Some(role)).map(|(_, pair)| pair)
    }

    fn first(&self, role: Role) -> Option<&Pair> {
        self.all(role).next()
    }

    /// The authority called so, or any.
    fn authority(&self, name: &str) -> Option<&Pair> {
        let named = |pair: &&Pair| pair.stem.to_ascii_lowercase().replace('_', "-").ends_with(name);
        self.all(Role::Authority).find(named).or_else(|| self.first(Role::Authority))
    }

    /// Whom clients trust.
    fn of_servers(&self) -> Option<&Pair> {
        self.authority("server-ca")
    }

    /// Whom servers trust.
    fn of_clients(&self) -> Option<&Pair> {
        self.authority("client-ca")
    }

    /// Whom peers trust; those with one certificate for all are servers.
    fn of_peers(&self) -> Option<&Pair> {
        self.first(Role::PeerAuthority).or_else(|| self.of_servers())
    }
}
