//! A member that trusts a stranger, and nobody else.

use std::fmt;
use std::path::PathBuf;

use tercet_pki::doctor::Port;

use super::files;
use super::only;
use crate::cluster::{Member, StartError};
use crate::fault::FaultError;
use crate::plan::Protection;

impl<'a> Member<'a> {
    /// Has it trust another authority on one of its ports, which nobody in the fleet knows, in the
    /// place of the fleet's own, until the guard is dropped: what is left when one host was given the
    /// wrong `ca.crt`.
    ///
    /// etcd reads whom it trusts once, when it starts (`client/pkg/transport/tls.go`, 3.4 to 3.7): so
    /// it is **killed and started again** by this word, and once more when the guard is dropped. One
    /// that is down is left down, and starts so. Neither waits until it is ready, which it may never
    /// be.
    ///
    /// - On the **client** port it refuses every client of the fleet, its own gateway among them, and
    ///   clients that trust it are told so by TLS.
    /// - On the **peer** port it refuses all members that dial it, and all that it dials: it is cut
    ///   off. It keeps its data, and answers no linearizable read.
    ///
    /// # Errors
    ///
    /// [`FaultError::NoCertificate`] where the port asks nobody for a certificate,
    /// [`FaultError::AlreadySpoiled`] when it trusts a stranger there already,
    /// [`FaultError::Busy`] while the fleet is being changed, [`FaultError::Rotating`] while its
    /// authority is; [`FaultError::Start`] when it cannot be started, and is then as it was.
    pub fn trust_stranger(&self, port: Port) -> Result<StrangerTrusted<'a>, FaultError> {
        if self.is_removed() {
            return Err(FaultError::Removed { member: self.name().to_owned() });
        }
        let cluster = self.cluster();
        let security = cluster.plan.security();
        let protection = match port {
            Port::Client => security.clients(),
            Port::Peer => security.peers(),
        };
        if protection != Protection::Mutual {
            let whose = super::Whose::of_port(cluster, self.name(), port).to_string();
            return Err(FaultError::NoCertificate { whose, security });
        }
        let _only = only(cluster)?;
        let path = self.plan().directory().join(format!("stranger-{port}.crt"));
        if !cluster.spoiled.begin(&path) {
            return Err(FaultError::AlreadySpoiled { path });
        }
        let fault = StrangerTrusted { member: *self, port, path };
        let stranger = cluster.identities().authority().stranger()?;
        files::write(&fault.path, stranger.certificate_pem().as_bytes())?;
        fault.plan_again(Some(fault.path.clone()))?;
        if self.is_running() {
            self.start()?;
        }
        Ok(fault)
    }
}

/// A member that trusts a stranger, until this is dropped: then it is killed and started again, if it
/// runs, and trusts the fleet's authority.
///
/// Dropping it needs no runtime, works on any thread, and takes the milliseconds of a kill and a
/// start; it does not wait until the member is ready.
#[must_use = "the member is restarted as it was as soon as this is dropped"]
pub struct StrangerTrusted<'a> {
    member: Member<'a>,
    port: Port,
    path: PathBuf,
}

impl<'a> StrangerTrusted<'a> {
    /// The member.
    #[must_use]
    pub const fn member(&self) -> Member<'a> {
        self.member
    }

    /// Restarts it as it was: the same as dropping this.
    pub fn heal(self) {}

    fn plan_again(&self, authority: Option<PathBuf>) -> Result<(), StartError> {
        let (member, cluster) = (self.member, self.member.cluster());
        let spec = member.plan().spec().clone().trusting(self.port, authority);
        let plan = cluster.plan.member(spec)?;
        cluster.cell(member.index()).install(plan, member.binary().clone());
        Ok(())
    }
}

impl Drop for StrangerTrusted<'_> {
    fn drop(&mut self) {
        // As it was planned before, so it can be planned again; and one that does not start shows to
        // whoever waits for it.
        let _ = self.plan_again(None);
        if !self.member.is_removed() && self.member.is_running() {
            let _ = self.member.start();
        }
        self.member.cluster().spoiled.end(&self.path);
    }
}

impl fmt::Debug for StrangerTrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrangerTrusted")
            .field("member", &self.member.name())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
