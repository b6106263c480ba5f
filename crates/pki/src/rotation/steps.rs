//! Which phase comes next: one look at what everyone has.

use std::path::PathBuf;

use crate::fleet::chain;
use crate::read::CertificateDetails;
use crate::{Authority, Chain, Identity, Reissue};

use super::{Change, Condition, Holder, Holdings, Phase, RotationError, Step};

/// From which authority to which.
pub(super) struct Steps<'a> {
    /// `None` where the authority stays.
    pub(super) old: Option<&'a CertificateDetails>,
    pub(super) new: &'a CertificateDetails,
    pub(super) signer: &'a Authority,
    pub(super) cross: Option<&'a CertificateDetails>,
}

impl Steps<'_> {
    pub(super) fn bundle(&self, holdings: &Holdings) -> Result<Option<Phase>, RotationError> {
        let is_old = |chain: &[CertificateDetails]| !chain::leads_to(chain, self.new);
        if any_chain(holdings, is_old) {
            if let Some(phase) = self.trust(holdings, Step::TrustBoth) {
                return Ok(Some(phase));
            }
            return Ok(self.renew(holdings, is_old)?.into_iter().next());
        }
        Ok(self.trust(holdings, Step::TrustNew))
    }

    pub(super) fn cross(&self, holdings: &Holdings) -> Result<Option<Phase>, RotationError> {
        // Whoever trusts the old one only needs the cross certificate of everyone.
        let needs_cross = holdings.holders().any(|holder| {
            let in_files = holder.trusted.iter().all(|trusted| trusted.has(self.new));
            !(holder.trusted.is_empty() || in_files && holder.has_in_memory(self.new))
        });
        let is_old = |chain: &[CertificateDetails]| {
            let leads_to_old = self.old.is_some_and(|old| chain::leads_to(chain, old));
            !chain::leads_to(chain, self.new) || (needs_cross && !leads_to_old)
        };
        if any_chain(holdings, is_old) {
            return Ok(self.renew(holdings, is_old)?.into_iter().next());
        }
        if let Some(phase) = self.trust(holdings, Step::TrustNew) {
            return Ok(Some(phase));
        }
        Ok(self.drop_cross(holdings))
    }

    /// Files of authorities, and the restarts by which they come into memory.
    fn trust(&self, holdings: &Holdings, step: Step) -> Option<Phase> {
        let old = self.old?;
        let both = step == Step::TrustBoth;
        let needed = if both { vec![old, self.new] } else { vec![self.new] };
        let mut changes: Vec<Change> = Vec::new();
        let mut restarts = Vec::new();
        for (index, holder) in holdings.holders().enumerate() {
            let mut changed = false;
            for trusted in &holder.trusted {
                let mut wanted = trusted.authorities.clone();
                if !both {
                    wanted.retain(|one| one.certificate != old.certificate);
                }
                for authority in &needed {
                    if !wanted.iter().any(|one| one.certificate == authority.certificate) {
                        wanted.push((*authority).clone());
                    }
                }
                if wanted != trusted.authorities {
                    changed = true;
                    let pem = wanted.iter().map(|one| one.certificate.pem()).collect();
                    let path = trusted.path.clone();
                    add(
                        &mut changes,
                        holder,
                        Change::Authorities { path, holders: Vec::new(), pem },
                    );
                }
            }
            let in_memory = holder.has_in_memory(self.new) && holder.has_in_memory(old) == both;
            let reads_any = !holder.trusted.is_empty();
            // Clients are not ours to restart.
            if index < holdings.members.len() && reads_any && (changed || !in_memory) {
                restarts.push(holder.name.clone());
            }
        }
        if changes.is_empty() && restarts.is_empty() {
            return None;
        }
        let before = if both { Vec::new() } else { self.all_lead(holdings) };
        let after = self.all_trust(holdings, both);
        Some(Phase { step, before, changes, restarts, after })
    }

    /// New certificates, for members and then for clients. Each keeps its names and usages, and
    /// gets a new key.
    pub(super) fn renew(
        &self,
        holdings: &Holdings,
        is_old: impl Fn(&[CertificateDetails]) -> bool,
    ) -> Result<Vec<Phase>, RotationError> {
        let mut phases = Vec::new();
        for (step, holders) in
            [(Step::RenewMembers, &holdings.members), (Step::RenewClients, &holdings.clients)]
        {
            let mut changes: Vec<Change> = Vec::new();
            for holder in holders {
                for held in holder.identities.iter().filter(|held| is_old(&held.chain)) {
                    let Some(leaf) = held.chain.first() else { continue };
                    let path = &held.files.certificate;
                    if let Some(change) = at(&mut changes, path) {
                        add_holder(change, holder);
                        continue;
                    }
                    let identity = self.identity(leaf)?;
                    add(
                        &mut changes,
                        holder,
                        Change::Identity {
                            files: held.files.clone(),
                            holders: Vec::new(),
                            identity,
                        },
                    );
                }
            }
            if changes.is_empty() {
                continue;
            }
            // With a cross certificate, whoever trusts either accepts the new ones.
            let before = match (self.cross, self.old) {
                (None, Some(_)) => self.all_trust(holdings, true),
                _ => Vec::new(),
            };
            let after = changes
                .iter()
                .filter_map(|change| match change {
                    Change::Identity { files, .. } => Some(self.leads(&files.certificate)),
                    _ => None,
                })
                .collect();
            phases.push(Phase { step, before, changes, restarts: Vec::new(), after });
        }
        Ok(phases)
    }

    fn drop_cross(&self, holdings: &Holdings) -> Option<Phase> {
        let is_cross = |one: &CertificateDetails| {
            one.subject.der == self.new.subject.der
                && self.old.is_some_and(|old| one.issuer.der == old.subject.der)
        };
        let mut changes = Vec::new();
        for holder in holdings.holders() {
            for held in holder.identities.iter().filter(|held| held.chain.iter().any(is_cross)) {
                let kept = held.chain.iter().filter(|one| !is_cross(one));
                let pem = kept.map(|one| one.certificate.pem()).collect();
                let path = held.files.certificate.clone();
                add(&mut changes, holder, Change::Chain { path, holders: Vec::new(), pem });
            }
        }
        (!changes.is_empty()).then(|| Phase {
            step: Step::DropCross,
            before: self.all_trust(holdings, false),
            changes,
            restarts: Vec::new(),
            after: self.all_lead(holdings),
        })
    }

    /// The next identity of whoever has `leaf`, with the cross certificate if there is one.
    fn identity(&self, leaf: &CertificateDetails) -> Result<Identity, RotationError> {
        let identity = self.signer.reissue(leaf, &Reissue::default())?;
        let Some(cross) = self.cross else { return Ok(identity) };
        let mut more = identity.chain().intermediates().to_vec();
        if !more.contains(&cross.certificate) {
            more.push(cross.certificate.clone());
        }
        let chain = Chain::new(identity.certificate().clone(), more);
        Ok(Identity::new(chain, zeroize::Zeroizing::new(identity.key_pem().to_owned())))
    }

    /// That everyone has the new authority in memory, and the old one or not.
    fn all_trust(&self, holdings: &Holdings, both: bool) -> Vec<Condition> {
        let mut all = Vec::new();
        for holder in holdings.holders().filter(|holder| !holder.trusted.is_empty()) {
            let (holder, authority) = (holder.name.clone(), self.new.clone());
            all.push(Condition::Trusts { holder: holder.clone(), authority });
            if let Some(authority) = self.old.cloned() {
                all.push(match both {
                    true => Condition::Trusts { holder, authority },
                    false => Condition::Distrusts { holder, authority },
                });
            }
        }
        all
    }

    fn all_lead(&self, holdings: &Holdings) -> Vec<Condition> {
        let mut all = Vec::new();
        for held in holdings.holders().flat_map(|holder| &holder.identities) {
            let condition = self.leads(&held.files.certificate);
            if !all.contains(&condition) {
                all.push(condition);
            }
        }
        all
    }

    fn leads(&self, path: &std::path::Path) -> Condition {
        Condition::LeadsTo { path: path.to_owned(), authority: self.new.clone() }
    }
}

fn any_chain(holdings: &Holdings, is: impl Fn(&[CertificateDetails]) -> bool) -> bool {
    holdings.holders().flat_map(|holder| &holder.identities).any(|held| is(&held.chain))
}

/// Adds a change, or a holder to the one that changes the same file.
fn add(changes: &mut Vec<Change>, holder: &Holder, mut change: Change) {
    let path = certificate_path(&change).clone();
    if let Some(there) = at(changes, &path) {
        add_holder(there, holder);
    } else {
        add_holder(&mut change, holder);
        changes.push(change);
    }
}

fn at<'a>(changes: &'a mut [Change], path: &PathBuf) -> Option<&'a mut Change> {
    changes.iter_mut().find(|change| certificate_path(change) == path)
}

fn certificate_path(change: &Change) -> &PathBuf {
    match change {
        Change::Authorities { path, .. } | Change::Chain { path, .. } => path,
        Change::Identity { files, .. } => &files.certificate,
    }
}

fn add_holder(change: &mut Change, holder: &Holder) {
    let (Change::Authorities { holders, .. }
    | Change::Chain { holders, .. }
    | Change::Identity { holders, .. }) = change;
    if !holders.contains(&holder.name) {
        holders.push(holder.name.clone());
    }
}
