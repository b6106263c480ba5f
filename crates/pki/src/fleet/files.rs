//! Where the files of a fleet are. Nothing here touches a disk.

use std::path::{Path, PathBuf};

use crate::issue::name::{self, NameError};
use crate::{Layout, WriteError};

/// Where an [`Identity`](crate::Identity) is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IdentityFiles {
    /// The chain: the leaf, then any intermediates. Mode 0644.
    pub certificate: PathBuf,
    /// The key of the leaf. Mode 0600.
    pub key: PathBuf,
}

impl IdentityFiles {
    /// `dir/stem.crt` and `dir/stem.key`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Stem`] if `stem` is empty or leads out of `dir`.
    pub fn new(dir: impl AsRef<Path>, stem: &str) -> Result<Self, WriteError> {
        if stem.is_empty() || stem.contains(['/', '\\', '\0']) {
            return Err(WriteError::Stem { stem: stem.to_owned() });
        }
        Ok(Self::named(dir.as_ref(), stem))
    }

    /// A pair at paths of one's own, where neither is named after the other.
    pub fn at(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into() }
    }

    pub(crate) fn named(dir: &Path, stem: &str) -> Self {
        Self { certificate: dir.join(format!("{stem}.crt")), key: dir.join(format!("{stem}.key")) }
    }
}

/// Where the identities of one member are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MemberFiles {
    /// The member's name.
    pub name: String,
    /// `--cert-file` and `--key-file`.
    pub server: IdentityFiles,
    /// `--peer-cert-file` and `--peer-key-file`.
    pub peer: IdentityFiles,
    /// What it shows where it is the one who dials; none where that is the same.
    pub outgoing: Option<OutgoingFiles>,
}

/// Where the identities are that a member shows where it is the one who dials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutgoingFiles {
    /// `--client-cert-file` and `--client-key-file`: through the gateway to its own client port.
    pub server: IdentityFiles,
    /// `--peer-client-cert-file` and `--peer-client-key-file`.
    pub peer: IdentityFiles,
}

impl OutgoingFiles {
    pub(crate) fn named(dir: &Path) -> Self {
        Self {
            server: IdentityFiles::named(dir, "server-client"),
            peer: IdentityFiles::named(dir, "peer-client"),
        }
    }
}

impl MemberFiles {
    /// The identities of the member called `name`, at paths of one's own.
    pub fn at(name: impl Into<String>, server: IdentityFiles, peer: IdentityFiles) -> Self {
        Self { name: name.into(), server, peer, outgoing: None }
    }
}

/// Where the files of a [`Fleet`](crate::Fleet) are.
///
/// | | [`Layout::PerMember`] | [`Layout::Shared`] |
/// |-|-|-|
/// | authority | `ca.crt` | `ca.crt` |
/// | client | `client.crt`, `client.key` | `client.crt`, `client.key` |
/// | another client | `NAME.crt`, `NAME.key` | `NAME.crt`, `NAME.key` |
/// | a member to its clients | `NAME/server.crt`, `NAME/server.key` | `server.crt`, `server.key` |
/// | a member to its peers | `NAME/peer.crt`, `NAME/peer.key` | `server.crt`, `server.key` |
/// | a member that dials itself, where that is another | `NAME/server-client.crt`, … | |
/// | a member that dials peers, where that is another | `NAME/peer-client.crt`, … | |
///
/// The authority's key is not among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FleetFiles {
    /// `--trusted-ca-file`, `--peer-trusted-ca-file`, and what a client trusts.
    pub ca: PathBuf,
    /// The identity of the client.
    pub client: IdentityFiles,
    /// Those of the other clients, in the order they were named.
    pub more_clients: Vec<IdentityFiles>,
    /// The members, in the order they were named.
    pub members: Vec<MemberFiles>,
}

impl FleetFiles {
    /// A fleet whose files are at paths of one's own, whoever wrote them.
    pub fn at(
        ca: impl Into<PathBuf>,
        client: IdentityFiles,
        members: impl IntoIterator<Item = MemberFiles>,
    ) -> Self {
        let (more_clients, members) = (Vec::new(), members.into_iter().collect());
        Self { ca: ca.into(), client, more_clients, members }
    }

    /// Where [`Fleet::write`](crate::Fleet::write) would write into `dir` for members of these
    /// names: for whoever plans before there is a certificate.
    ///
    /// # Errors
    ///
    /// A [`NameError`] as for [`FleetBuilder::build`](crate::FleetBuilder::build).
    pub fn layout<N: AsRef<str>>(
        dir: impl AsRef<Path>,
        layout: Layout,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, NameError> {
        let names: Vec<_> = names.into_iter().collect();
        name::members(names.iter().map(AsRef::as_ref))?;
        Ok(Self::of_checked(dir.as_ref(), layout, names.iter().map(AsRef::as_ref)))
    }

    /// The same for names that have been checked.
    pub(crate) fn of_checked<'a>(
        dir: &Path,
        layout: Layout,
        names: impl Iterator<Item = &'a str>,
    ) -> Self {
        let member = |name: &str| {
            let (server, peer) = match layout {
                Layout::PerMember => {
                    let dir = dir.join(name);
                    (IdentityFiles::named(&dir, "server"), IdentityFiles::named(&dir, "peer"))
                }
                Layout::Shared => {
                    let shared = IdentityFiles::named(dir, "server");
                    (shared.clone(), shared)
                }
            };
            MemberFiles { name: name.to_owned(), server, peer, outgoing: None }
        };
        Self {
            ca: dir.join("ca.crt"),
            client: IdentityFiles::named(dir, "client"),
            more_clients: Vec::new(),
            members: names.map(member).collect(),
        }
    }

    /// The same with separate identities for members that dial, as
    /// [`FleetBuilder::separate_outgoing`](crate::FleetBuilder::separate_outgoing) makes them: beside
    /// the others.
    #[must_use]
    pub fn with_outgoing(mut self) -> Self {
        for member in &mut self.members {
            let dir = member.server.key.parent().unwrap_or_else(|| Path::new(""));
            member.outgoing = Some(OutgoingFiles::named(dir));
        }
        self
    }

    /// The files of the member called `name`.
    pub fn member(&self, name: &str) -> Option<&MemberFiles> {
        self.members.iter().find(|member| member.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stem_stays_in_its_directory() {
        let files = IdentityFiles::new("d", "server").unwrap();
        assert_eq!(files.key, Path::new("d").join("server.key"));
        for stem in ["", "../server", "/server", "a\\b"] {
            let error = IdentityFiles::new("d", stem).unwrap_err();
            assert!(matches!(error, WriteError::Stem { .. }), "{stem:?}");
        }
    }

    #[test]
    fn layouts_are_known_before_there_is_a_certificate() {
        let files = |layout| FleetFiles::layout("pki", layout, ["a", "b"]).unwrap();
        let text = |identity: &IdentityFiles| {
            let slashed = |path: &Path| path.display().to_string().replace('\\', "/");
            format!("{} {}", slashed(&identity.certificate), slashed(&identity.key))
        };

        let per_member = files(Layout::PerMember);
        assert_eq!(per_member.ca, Path::new("pki").join("ca.crt"));
        assert_eq!(text(&per_member.client), "pki/client.crt pki/client.key");
        let b = per_member.member("b").unwrap();
        assert_eq!(text(&b.server), "pki/b/server.crt pki/b/server.key");
        assert_eq!(text(&b.peer), "pki/b/peer.crt pki/b/peer.key");

        let shared = files(Layout::Shared);
        for member in &shared.members {
            assert_eq!(text(&member.server), "pki/server.crt pki/server.key");
            assert_eq!(member.peer, member.server);
        }
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        let error = FleetFiles::layout("pki", Layout::PerMember, ["../a"]).unwrap_err();
        assert!(matches!(error, NameError::Character { character: '/', .. }));
    }
}
