//! Links that are cut and slowed, and the guard that heals them.

use std::fmt;
use std::time::Duration;

use super::end::End;
use super::error::FaultError;
use super::links::{Carriage, End as Node, Fault, InForce, LinkPolicy, LinkTraffic, Links};
use crate::cluster::Cluster;

/// Links of a fleet that are broken as long as this lives; dropping it heals them.
///
/// When the drop returns, they are healed: connections that had lost bytes are gone, reset at both
/// ends, and new ones are let through. Members dial again by themselves, which takes them up to a
/// tenth of a second: [`wait_until_ready`](Cluster::wait_until_ready) waits until all have.
///
/// Several may be in force on one link: the severest counts until it is healed itself.
#[must_use = "the link heals when this is dropped"]
pub struct LinkFault<'a> {
    cluster: &'a Cluster,
    /// In words, such as "m1 and m2 cut".
    words: String,
    /// Both ends of each link on which bytes are lost, where both are members.
    lossy: Vec<(usize, usize)>,
    fault: Option<Fault>,
}

impl LinkFault<'_> {
    /// Heals the links now, which a drop does as well.
    pub fn heal(self) {}
}

impl Drop for LinkFault<'_> {
    fn drop(&mut self) {
        // Before they are aborted: what is established after that counts.
        self.cluster.forget_links(&self.lossy);
        self.fault.take();
    }
}

impl fmt::Display for LinkFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl fmt::Debug for LinkFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkFault").field(&self.words).finish()
    }
}

/// What is done to links. Each promises for connections that are open, for new ones and for bytes
/// under way what its [`Carriage`] does.
impl Cluster {
    /// Cuts the link between two ends, in both directions: what either sends is lost, and no new
    /// connection comes about. Neither is told.
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the fleet was not made ready for it ([`Faults::links`](crate::Faults::links)),
    /// both ends are the same, or one is not of the fleet. Nothing is changed then. A member may be
    /// down: it comes back to what is in force then.
    pub fn cut<'a>(
        &'a self,
        one: impl Into<End<'a>>,
        other: impl Into<End<'a>>,
    ) -> Result<LinkFault<'a>, FaultError> {
        let (one, other) = (one.into(), other.into());
        let policy = LinkPolicy::DROP;
        self.both_ways(one, other, policy, format!("{one} and {other} cut"))
    }

    /// Cuts the link from one end to the other: what `from` sends `to` is lost, on connections that
    /// either has dialled; what `to` sends arrives. No new connection comes about, for that takes both
    /// directions.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn cut_one_way<'a>(
        &'a self,
        from: impl Into<End<'a>>,
        to: impl Into<End<'a>>,
    ) -> Result<LinkFault<'a>, FaultError> {
        let (from, to) = (from.into(), to.into());
        let policy = LinkPolicy::DROP;
        self.impose(&[(from, to)], policy, format!("{from} to {to} cut"))
    }

    /// Cuts a member off from all other members, in both directions. Clients still come to it: so
    /// they can be shown to get no answer.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn isolate<'a>(&'a self, end: impl Into<End<'a>>) -> Result<LinkFault<'a>, FaultError> {
        let end = end.into();
        let others = self.others(&[end]);
        if others.is_empty() {
            let members = self.members().count();
            return Err(FaultError::TooFew { shape: "isolation", least: 2, members });
        }
        self.cut_between(&[end], &others, format!("{end} isolated"))
    }

    /// Cuts every link between the one side and the other. Whoever is on neither reaches both, and
    /// clients do, unless they are on a side.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut); also when a side is empty, or an end on both.
    pub fn split<'a>(
        &'a self,
        one: &[impl Into<End<'a>> + Copy],
        other: &[impl Into<End<'a>> + Copy],
    ) -> Result<LinkFault<'a>, FaultError> {
        let one: Vec<End<'a>> = one.iter().map(|&end| end.into()).collect();
        let other: Vec<End<'a>> = other.iter().map(|&end| end.into()).collect();
        let words = format!("{} split from {}", list(&one), list(&other));
        self.cut_between(&one, &other, words)
    }

    /// Leaves each member only the links to the one before it and the one after it, in a ring in the
    /// order in which they came. Each reaches a majority of a fleet of four or five; no two reach the
    /// same one.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut), and when there are fewer than four members: then it would cut nothing.
    pub fn ring(&self) -> Result<LinkFault<'_>, FaultError> {
        let members: Vec<End<'_>> = self.members().map(End::from).collect();
        let count = members.len();
        if count < 4 {
            return Err(FaultError::TooFew { shape: "a ring", least: 4, members: count });
        }
        let apart = |one: usize, other: usize| {
            let distance = one.abs_diff(other);
            distance.min(count - distance) > 1
        };
        let pairs = members.iter().enumerate().flat_map(|(one, &from)| {
            let others = members.iter().enumerate();
            others.filter(move |&(other, _)| apart(one, other)).map(move |(_, &to)| (from, to))
        });
        let policy = LinkPolicy::DROP;
        self.impose(&pairs.collect::<Vec<_>>(), policy, "members in a ring".to_owned())
    }

    /// Splits the other members into two halves that reach each other no more; this member reaches
    /// both, and is the bridge between them.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut), and when there are fewer than three members.
    pub fn bridge<'a>(&'a self, member: impl Into<End<'a>>) -> Result<LinkFault<'a>, FaultError> {
        let bridge = member.into();
        let mut one = self.others(&[bridge]);
        if one.len() < 2 {
            let members = one.len() + 1;
            return Err(FaultError::TooFew { shape: "a bridge", least: 3, members });
        }
        let other = one.split_off(one.len() / 2);
        self.cut_between(&one, &other, format!("{bridge} the bridge of two halves"))
    }

    /// What either end sends the other arrives that much later. It is added to what the link takes
    /// by itself, once in each direction: an answer takes twice as long.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn slow<'a>(
        &'a self,
        one: impl Into<End<'a>>,
        other: impl Into<End<'a>>,
        delay: Duration,
    ) -> Result<LinkFault<'a>, FaultError> {
        let (one, other) = (one.into(), other.into());
        let policy = LinkPolicy::late(delay, Duration::ZERO);
        self.both_ways(one, other, policy, format!("{one} and {other} slowed by {delay:?}"))
    }

    /// Whatever there is a [`LinkPolicy`] for, between two ends, in both directions.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn impose_both_ways<'a>(
        &'a self,
        one: impl Into<End<'a>>,
        other: impl Into<End<'a>>,
        policy: LinkPolicy,
    ) -> Result<LinkFault<'a>, FaultError> {
        let (one, other) = (one.into(), other.into());
        self.both_ways(one, other, policy, format!("{one} and {other}: {policy}"))
    }

    /// Whatever there is a [`LinkPolicy`] for, on what one end sends the other.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn impose_one_way<'a>(
        &'a self,
        from: impl Into<End<'a>>,
        to: impl Into<End<'a>>,
        policy: LinkPolicy,
    ) -> Result<LinkFault<'a>, FaultError> {
        let (from, to) = (from.into(), to.into());
        self.impose(&[(from, to)], policy, format!("{from} to {to}: {policy}"))
    }

    /// What one end has sent the other by now: how many bytes arrived and how many were lost, and what
    /// became of the connections that it has dialled.
    ///
    /// # Errors
    ///
    /// As [`cut`](Self::cut).
    pub fn link_traffic<'a>(
        &'a self,
        from: impl Into<End<'a>>,
        to: impl Into<End<'a>>,
    ) -> Result<LinkTraffic, FaultError> {
        let links = self.links.as_ref().ok_or(FaultError::NotReadyFor { kind: "links" })?;
        Ok(links.traffic(from.into().node(self)?, to.into().node(self)?))
    }

    /// Heals all links, whoever has broken them: what is left of the guards heals nothing more.
    pub fn heal_all(&self) {
        let Some(links) = &self.links else { return };
        let lossy = self.links_in_force(|force| force.policy.loses_bytes());
        self.forget_links(&lossy.0);
        links.heal_all();
    }

    /// All members but these.
    fn others<'a>(&'a self, ends: &[End<'a>]) -> Vec<End<'a>> {
        let these: Vec<_> = ends.iter().filter_map(|end| end.index()).collect();
        let others = self.members().filter(|member| !these.contains(&member.index()));
        others.map(End::from).collect()
    }

    fn cut_between<'a>(
        &'a self,
        one: &[End<'a>],
        other: &[End<'a>],
        words: String,
    ) -> Result<LinkFault<'a>, FaultError> {
        if one.is_empty() || other.is_empty() {
            return Err(FaultError::NoSide);
        }
        let links = one.iter().flat_map(|&one| other.iter().map(move |&other| (one, other)));
        let both_ways: Vec<_> =
            links.flat_map(|(one, other)| [(one, other), (other, one)]).collect();
        self.impose(&both_ways, LinkPolicy::DROP, words)
    }

    fn both_ways<'a>(
        &'a self,
        one: End<'a>,
        other: End<'a>,
        policy: LinkPolicy,
        words: String,
    ) -> Result<LinkFault<'a>, FaultError> {
        self.impose(&[(one, other), (other, one)], policy, words)
    }

    fn impose<'a>(
        &'a self,
        pairs: &[(End<'a>, End<'a>)],
        policy: LinkPolicy,
        words: String,
    ) -> Result<LinkFault<'a>, FaultError> {
        let links = self.links.as_ref().ok_or(FaultError::NotReadyFor { kind: "links" })?;
        let mut nodes = Vec::with_capacity(pairs.len());
        let mut lossy = Vec::new();
        for &(from, to) in pairs {
            let pair = (from.node(self)?, to.node(self)?);
            if pair.0 == pair.1 {
                return Err(FaultError::Itself { end: from.to_string() });
            }
            nodes.push(pair);
            lossy.extend(from.index().zip(to.index()));
        }
        if !policy.loses_bytes() {
            lossy.clear();
        }
        let fault = links.impose(nodes, policy)?;
        if policy.carriage == Carriage::Reset {
            // Those that were open are gone by now.
            self.forget_links(&lossy);
        }
        Ok(LinkFault { cluster: self, words, lossy, fault: Some(fault) })
    }

    /// The links between members that let no connection through at the moment, in either direction.
    pub(crate) fn cut_links(&self) -> CutLinks {
        let blocks = |force: &InForce| force.policy.carriage != Carriage::Pass;
        self.links_in_force(blocks)
    }

    /// The links between members on which a fault is in force of which this holds.
    fn links_in_force(&self, holds: impl Fn(&InForce) -> bool) -> CutLinks {
        let in_force = self.links.as_ref().map(Links::in_force).unwrap_or_default();
        let index = |node| match node {
            Node::Clients => None,
            Node::Member(slot) => self.indices().into_iter().find(|&index| {
                let linked = self.cell(index).plan().spec().planned_address().linked;
                linked.is_some_and(|linked| linked.slot == slot)
            }),
        };
        let links = in_force.iter().filter(|force| holds(force));
        CutLinks(links.filter_map(|force| index(force.from).zip(index(force.to))).collect())
    }

    /// What the members' logs have said up to here of these links is over.
    fn forget_links(&self, links: &[(usize, usize)]) {
        for &(one, other) in links {
            for (one, other) in [(one, other), (other, one)] {
                // One lock at a time: see `Cluster::state`.
                let id = self.state(other).progress.id().map(str::to_owned);
                let Some(id) = id else { continue };
                let mut state = self.state(one);
                // A log that cannot be read shows when the member is waited for.
                let _ = state.progress.update();
                state.progress.lost(&id);
            }
        }
    }
}

/// Links between members, each from one to another, by their places among the members.
pub(crate) struct CutLinks(Vec<(usize, usize)>);

impl CutLinks {
    /// Whether two members can have connections, as far as what is cut on purpose goes.
    pub(crate) fn let_through(&self, one: usize, other: usize) -> bool {
        !self.0.contains(&(one, other)) && !self.0.contains(&(other, one))
    }
}

/// Names, with commas between them.
fn list(ends: &[End<'_>]) -> String {
    ends.iter().map(End::to_string).collect::<Vec<_>>().join(", ")
}
