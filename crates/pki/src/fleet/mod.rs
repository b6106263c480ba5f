//! The identities of a whole fleet.

use std::path::Path;

#[cfg(feature = "read")]
mod again;
mod builder;
#[cfg(feature = "read")]
pub(crate) mod chain;
#[cfg(feature = "read")]
mod directory;
mod files;
#[cfg(feature = "read")]
mod recover;
mod write;

pub use builder::{FleetBuilder, FleetError};
#[cfg(feature = "read")]
pub use directory::{
    AddOptions, Due, ExtendError, FleetDirectory, FleetLoadError, PairState, Reason, Renewal,
    RenewalOptions, RevocationFiles, RevokeError, Role, StoredIdentity,
};
pub use files::{FleetFiles, IdentityFiles, MemberFiles, OutgoingFiles};
#[cfg(feature = "read")]
pub use recover::Recovery;
pub use write::{AUTHORITY_KEY_FILE, WriteOptions};

use crate::disk::{Access, Draft};
use crate::{Authority, Identity, IssueError, Leaf, WriteError};

/// What every certificate of a member names, before the member's own hosts.
///
/// A fleet on one machine needs `127.0.0.1` even where its URLs say otherwise, since that is where
/// its members dial from (see [`Leaf::peer`]); and on any machine an operator dials `localhost`.
pub const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The common name of [`Fleet::client`].
///
/// Not `root`: with authentication on, the common name is the user, and a test that expects to be
/// turned away would be let in. Whoever wants that issues `Leaf::client("root")`.
pub const CLIENT_COMMON_NAME: &str = "client";

/// The common name of the one certificate that members share in [`Layout::Shared`].
pub const SHARED_COMMON_NAME: &str = "server";

/// Who has which certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Each member has one certificate for its clients and one for its peers, with its own hosts
    /// and its name as the common name. What a fleet on several machines should have.
    #[default]
    PerMember,
    /// All members have the same certificate, for clients and peers alike, with the hosts of all:
    /// what tutorials do on one machine.
    Shared,
}

/// An authority, the identities of all members, and one client or more.
///
/// [`FleetFiles`] shows how they are laid out on disk.
#[derive(Debug)]
pub struct Fleet {
    authority: Authority,
    client: Identity,
    /// Other clients, by name.
    more_clients: Vec<(String, Identity)>,
    /// The members' names; never empty.
    names: Vec<String>,
    members: Members,
}

#[derive(Debug)]
enum Members {
    /// In the order of the names.
    PerMember(Vec<Own>),
    Shared(Identity),
}

/// What one member has for itself.
#[derive(Debug)]
struct Own {
    server: Identity,
    peer: Identity,
    outgoing: Option<Outgoing>,
}

/// What it shows where it is the one who dials.
#[derive(Debug)]
struct Outgoing {
    server: Identity,
    peer: Identity,
}

/// One member of a [`Fleet`], and its identities.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    name: &'a str,
    server: &'a Identity,
    peer: &'a Identity,
    outgoing: Option<&'a Outgoing>,
}

impl Fleet {
    /// A fleet of these members, one certificate each for clients and peers, all on this machine:
    /// they name [`LOOPBACK_HOSTS`] and no other. [`Fleet::builder`] knows more.
    ///
    /// # Errors
    ///
    /// As [`FleetBuilder::build`].
    pub fn generate<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, FleetError> {
        Self::builder().members(names).build()
    }

    /// A fleet to be described.
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// Who signed everything in the fleet.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A client of the fleet, called [`CLIENT_COMMON_NAME`].
    pub fn client(&self) -> &Identity {
        &self.client
    }

    /// The clients that were named with [`FleetBuilder::client`], in that order.
    pub fn more_clients(&self) -> impl Iterator<Item = (&str, &Identity)> {
        self.more_clients.iter().map(|(name, identity)| (name.as_str(), identity))
    }

    /// Who has which certificate.
    pub fn layout(&self) -> Layout {
        match self.members {
            Members::PerMember(_) => Layout::PerMember,
            Members::Shared(_) => Layout::Shared,
        }
    }

    /// The members, in the order they were named.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.names.iter().enumerate().map(|(index, name)| match &self.members {
            Members::PerMember(members) => {
                let Own { server, peer, outgoing } = &members[index];
                Member { name, server, peer, outgoing: outgoing.as_ref() }
            }
            Members::Shared(identity) => {
                Member { name, server: identity, peer: identity, outgoing: None }
            }
        })
    }

    /// The member called `name`.
    pub fn member(&self, name: &str) -> Option<Member<'_>> {
        self.members().find(|member| member.name == name)
    }

    /// Whether members have identities of their own for where they dial
    /// ([`FleetBuilder::separate_outgoing`]).
    pub fn has_outgoing(&self) -> bool {
        self.members().any(|member| member.outgoing.is_some())
    }

    /// Issues one more identity: another client, or one that is wrong.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity, IssueError> {
        self.authority.issue(leaf)
    }

    /// Where [`Fleet::write`] writes, without writing.
    pub fn files(&self, dir: impl AsRef<Path>) -> FleetFiles {
        let names = self.names.iter().map(String::as_str);
        let clients = self.more_clients.iter().map(|(name, _)| name);
        let mut files = FleetFiles::of_checked(dir.as_ref(), self.layout(), names);
        files.more_clients = clients.map(|name| IdentityFiles::named(dir.as_ref(), name)).collect();
        if self.has_outgoing() {
            files = files.with_outgoing();
        }
        files
    }

    /// Writes everything but the authority's key into `dir`, as [`FleetFiles`] lays it out:
    /// certificates 0644, keys 0600, directories that are made 0700.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if any of the files is there, [`WriteError::Io`] if the file system
    /// refuses. Either way everything that was written before is removed again.
    pub fn write(&self, dir: impl AsRef<Path>) -> Result<FleetFiles, WriteError> {
        let dir = dir.as_ref();
        let files = self.files(dir);
        let mut draft = Draft::default();
        draft.directory(dir)?;
        draft.file(&files.ca, Access::Anyone, self.authority.certificate_pem())?;
        self.client.draft(&mut draft, &files.client)?;
        for ((_, client), files) in self.more_clients.iter().zip(&files.more_clients) {
            client.draft(&mut draft, files)?;
        }
        let members = match &self.members {
            Members::PerMember(_) => usize::MAX,
            // The files of the first member are those of all.
            Members::Shared(_) => 1,
        };
        for (member, files) in self.members().zip(&files.members).take(members) {
            member.draft(&mut draft, files)?;
        }
        draft.keep();
        Ok(files)
    }

    /// Writes what the member called `name` shows, and nothing else: for one that comes to a fleet
    /// whose other files are there. In [`Layout::Shared`] that is nothing.
    ///
    /// ```
    /// use tercet_pki::Fleet;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// # let dir = scratch.path().join("pki");
    /// let fleet = Fleet::generate(["infra1"])?;
    /// fleet.write(&dir)?;
    /// let more = Fleet::builder().authority(fleet.authority().clone()).members(["infra2"]).build()?;
    /// more.write_member(&dir, "infra2")?;
    /// assert!(dir.join("infra2").join("peer.key").exists());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); nothing is left then.
    pub fn write_member(&self, dir: impl AsRef<Path>, name: &str) -> Result<(), WriteError> {
        let files = self.files(&dir);
        let (Members::PerMember(_), Some(files)) = (&self.members, files.member(name)) else {
            return Ok(());
        };
        let mut draft = Draft::default();
        for member in self.members().filter(|member| member.name == name) {
            member.draft(&mut draft, files)?;
        }
        draft.keep();
        Ok(())
    }
}

impl Member<'_> {
    /// Adds its files to a draft, and their directory.
    fn draft(&self, draft: &mut Draft, files: &MemberFiles) -> Result<(), WriteError> {
        if let Some(directory) = files.server.key.parent() {
            draft.directory(directory)?;
        }
        self.server.draft(draft, &files.server)?;
        if files.peer != files.server {
            self.peer.draft(draft, &files.peer)?;
        }
        if let (Some(outgoing), Some(files)) = (self.outgoing, &files.outgoing) {
            outgoing.server.draft(draft, &files.server)?;
            outgoing.peer.draft(draft, &files.peer)?;
        }
        Ok(())
    }
}

impl<'a> Member<'a> {
    /// The member's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What it shows to clients, and to itself through the gateway.
    pub fn server(&self) -> &'a Identity {
        self.server
    }

    /// What it shows to other members. In [`Layout::Shared`], the same as
    /// [`server`](Self::server).
    pub fn peer(&self) -> &'a Identity {
        self.peer
    }

    /// What it shows to its own client port, through the gateway: with
    /// [`FleetBuilder::separate_outgoing`] another than [`server`](Self::server).
    pub fn server_outgoing(&self) -> &'a Identity {
        self.outgoing.map_or(self.server, |outgoing| &outgoing.server)
    }

    /// What it shows to members that it dials: with [`FleetBuilder::separate_outgoing`] another
    /// than [`peer`](Self::peer).
    pub fn peer_outgoing(&self) -> &'a Identity {
        self.outgoing.map_or(self.peer, |outgoing| &outgoing.peer)
    }
}

#[cfg(test)]
mod tests;
