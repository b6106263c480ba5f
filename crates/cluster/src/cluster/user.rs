//! As whom the fleet asks its members.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tercet_client::Config;
use zeroize::Zeroizing;

use super::fleet::Cluster;

/// Nobody but whom the certificate names, until it is set.
#[derive(Default)]
pub(crate) struct FleetUser(Mutex<Option<(String, Zeroizing<String>)>>);

impl FleetUser {
    /// The same configuration, with the user.
    pub(super) fn enter(&self, config: Config) -> Config {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((name, password)) => config.user(name, password.as_str()),
            None => config,
        }
    }
}

impl fmt::Debug for FleetUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("FleetUser").field(&user.as_ref().map(|(name, _)| name)).finish()
    }
}

impl Cluster {
    /// As which user of etcd the fleet asks its members from now on, and those clients do that it
    /// makes after this.
    ///
    /// Needed when authentication is enabled: all that changes members, moves the leader, takes
    /// snapshots or defragments is `root`'s to ask for, and from 3.5.30 and 3.6.12 on it is any user's who
    /// [leads](Self::leader). To be ready needs no user. Where clients show certificates
    /// ([`Security::ClientAuth`](crate::Security::ClientAuth) and
    /// [`Mutual`](crate::Security::Mutual)) a user of etcd called `client` with the role `root` does
    /// as well, since that is the common name of the fleet's own.
    pub fn set_user(&self, name: impl Into<String>, password: impl Into<String>) {
        let user = (name.into(), Zeroizing::new(password.into()));
        *self.user.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(user);
    }
}
