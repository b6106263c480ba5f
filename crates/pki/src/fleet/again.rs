//! A fleet whose files have changed since it was made.

use std::path::Path;

use zeroize::Zeroizing;

use super::recover::read_if_there;
use super::{Fleet, FleetLoadError, Members, Outgoing, Own, PairState, chain};
use crate::read;
use crate::{Authority, Chain, FleetFiles, Identity, IdentityFiles, Layout};

impl Fleet {
    /// This fleet as its files in `dir` are by now, after leaves were renewed or the authority was
    /// changed: with `authority`, whoever signed them, with these members, and with the clients
    /// that it has.
    ///
    /// ```
    /// use tercet_pki::Fleet;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// # let dir = scratch.path().join("pki");
    /// let fleet = Fleet::generate(["infra1"])?;
    /// let files = fleet.write(&dir)?;
    /// let renewed = fleet.issue(&tercet_pki::Leaf::client("client"))?;
    /// renewed.replace(&dir, "client")?;
    ///
    /// let fleet = fleet.read_again(&dir, fleet.authority().clone(), ["infra1"])?;
    /// assert_eq!(fleet.client().certificate(), renewed.certificate());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FleetLoadError::Damaged`] for files that are no pair, or are not there;
    /// [`FleetLoadError::Certificates`], [`FleetLoadError::NoMembers`], [`FleetLoadError::Write`].
    pub fn read_again<N: Into<String>>(
        &self,
        dir: impl AsRef<Path>,
        authority: Authority,
        members: impl IntoIterator<Item = N>,
    ) -> Result<Self, FleetLoadError> {
        let dir = dir.as_ref();
        let names: Vec<String> = members.into_iter().map(Into::into).collect();
        let mut files =
            FleetFiles::of_checked(dir, self.layout(), names.iter().map(String::as_str));
        if self.has_outgoing() {
            files = files.with_outgoing();
        }
        let Some(first) = files.members.first() else { return Err(FleetLoadError::NoMembers) };
        let members = match self.layout() {
            Layout::Shared => Members::Shared(identity(&first.server)?),
            Layout::PerMember => {
                let own = files.members.iter().map(|files| {
                    let outgoing = files.outgoing.as_ref().map(|files| {
                        let (server, peer) = (identity(&files.server)?, identity(&files.peer)?);
                        Ok::<_, FleetLoadError>(Outgoing { server, peer })
                    });
                    let (server, peer) = (identity(&files.server)?, identity(&files.peer)?);
                    Ok::<_, FleetLoadError>(Own { server, peer, outgoing: outgoing.transpose()? })
                });
                Members::PerMember(own.collect::<Result<_, _>>()?)
            }
        };
        let more_clients = self.more_clients.iter().map(|(name, _)| {
            let identity = identity(&IdentityFiles::named(dir, name))?;
            Ok((name.clone(), identity))
        });
        let more_clients = more_clients.collect::<Result<_, FleetLoadError>>()?;
        Ok(Self { authority, client: identity(&files.client)?, more_clients, names, members })
    }
}

/// The identity that is in these files.
fn identity(files: &IdentityFiles) -> Result<Identity, FleetLoadError> {
    let damaged = |state| FleetLoadError::Damaged { files: files.clone(), state };
    let (certificate, key) = match (read_if_there(&files.certificate)?, read_if_there(&files.key)?)
    {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err(damaged(PairState::KeyMissing)),
        (None, Some(_)) => return Err(damaged(PairState::CertificateMissing)),
        (None, None) => return Err(damaged(PairState::Missing)),
    };
    let path = files.certificate.clone();
    let mut chain = read::certificates(&certificate)
        .map_err(|source| FleetLoadError::Certificates { path, source })?
        .into_iter();
    let leaf = chain.next().filter(|leaf| chain::is_key_of(&key, leaf));
    let leaf = leaf.ok_or_else(|| damaged(PairState::Mismatched))?;
    let more = chain.map(|one| one.certificate).collect();
    // A key that was read as one is PEM, which is ASCII.
    let key = Zeroizing::new(String::from_utf8_lossy(&key).into_owned());
    Ok(Identity::new(Chain::new(leaf.certificate, more), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Leaf;

    #[test]
    fn a_fleet_is_what_its_files_say() {
        for layout in [Layout::PerMember, Layout::Shared] {
            let scratch = tempfile::tempdir().unwrap();
            let builder = Fleet::builder().layout(layout).members(["a", "b"]).client("alice");
            let fleet = builder.build().unwrap();
            let files = fleet.write(scratch.path()).unwrap();
            assert_eq!(files.members[0].outgoing, None);
            let next = Authority::generate("next").unwrap();
            // One that came later has its files only.
            let late = Fleet::builder().layout(layout).member("c", ["c.example"]).build().unwrap();
            if layout == Layout::PerMember {
                let late = late.member("c").unwrap();
                late.server().write(scratch.path().join("c"), "server").unwrap();
                late.peer().write(scratch.path().join("c"), "peer").unwrap();
            }
            let alice = next.issue(&Leaf::client("alice")).unwrap();
            alice.replace(scratch.path(), "alice").unwrap();

            let again = fleet.read_again(scratch.path(), next.clone(), ["a", "b", "c"]).unwrap();
            assert_eq!(again.authority().certificate(), next.certificate());
            assert_eq!(again.layout(), layout);
            let names: Vec<_> = again.members().map(|member| member.name()).collect();
            assert_eq!(names, ["a", "b", "c"]);
            let peer = |fleet: &Fleet, name: &str| {
                fleet.member(name).unwrap().peer().certificate().clone()
            };
            assert_eq!(peer(&again, "a"), peer(&fleet, "a"));
            if layout == Layout::PerMember {
                assert_eq!(peer(&again, "c"), peer(&late, "c"));
            }
            assert_eq!(again.client().key_pem(), fleet.client().key_pem());
            let (name, now) = again.more_clients().next().unwrap();
            assert_eq!((name, now.certificate()), ("alice", alice.certificate()));

            // Half a change.
            std::fs::write(&files.client.key, alice.key_pem()).unwrap();
            let read = || fleet.read_again(scratch.path(), next.clone(), ["a"]).unwrap_err();
            assert!(read().to_string().ends_with("are no sound pair (the key is another's)"));
            std::fs::remove_file(&files.client.key).unwrap();
            let FleetLoadError::Damaged { state, .. } = read() else { panic!("{}", read()) };
            assert_eq!(state, PairState::KeyMissing);
            let none: [&str; 0] = [];
            let error = fleet.read_again(scratch.path(), next, none).unwrap_err();
            assert_eq!(error.to_string(), "a fleet has at least one member, and none is named");
        }
    }
}
