//! The two ends of a link.

use std::fmt;

use super::error::FaultError;
use super::links::End as Node;
use crate::cluster::{Cluster, Member};

/// One end of a link: a member, or all clients.
///
/// Where one is asked for, a [`Member`] will do.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// This member.
    Member(Member<'a>),
    /// Whoever comes to a member's client port by its [client URL](Member::client_url): every client,
    /// `etcdctl`, etcd's own proxies. The fleet's owner is none of them: its own questions, such as
    /// who [leads](Cluster::leader), get through whatever is cut.
    Clients,
}

impl<'a> From<Member<'a>> for End<'a> {
    fn from(member: Member<'a>) -> Self {
        Self::Member(member)
    }
}

impl<'a> From<&Member<'a>> for End<'a> {
    fn from(member: &Member<'a>) -> Self {
        Self::Member(*member)
    }
}

impl End<'_> {
    /// Where it is on the network of `cluster`.
    pub(super) fn node(self, cluster: &Cluster) -> Result<Node, FaultError> {
        let Self::Member(member) = self else { return Ok(Node::Clients) };
        let name = || member.name().to_owned();
        if !std::ptr::eq(member.cluster(), cluster) {
            return Err(FaultError::OtherFleet { member: name() });
        }
        if member.is_removed() {
            return Err(FaultError::Removed { member: name() });
        }
        match member.plan().spec().planned_address().linked {
            Some(linked) => Ok(Node::Member(linked.slot)),
            None => Err(FaultError::NotReadyFor { kind: "links" }),
        }
    }

    /// Its place among the members, if it is one.
    pub(super) fn index(self) -> Option<usize> {
        match self {
            Self::Member(member) => Some(member.index()),
            Self::Clients => None,
        }
    }
}

impl fmt::Display for End<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => f.write_str(member.name()),
            Self::Clients => f.write_str("clients"),
        }
    }
}
