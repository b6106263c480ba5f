//! What belongs to what.

use std::collections::HashMap;

use super::{Content, InspectedFile};
use crate::read::{CertificateDetails, PrivateKeyDetails, SignatureCheck};

/// How many signatures and keys are checked altogether: half a second's worth, at most.
const MAX_CHECKS: usize = 10_000;

/// How many authorities of one name are tried.
const MAX_NAMESAKES: usize = 8;

/// A thing in an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) content: usize,
}

/// Who signed a certificate or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// Itself.
    Itself,
    /// One that is here.
    Here(Place),
    /// Not this one, which has the right name.
    Namesake(Place),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Relations {
    signers: HashMap<Place, Signer>,
    owners: HashMap<Place, Vec<Place>>,
}

impl Relations {
    pub(super) fn find(files: &[InspectedFile]) -> Self {
        let mut relations = Self::default();
        let mut budget = MAX_CHECKS;
        let all = || {
            files.iter().enumerate().flat_map(|(file, inspected)| {
                let contents = inspected.contents.iter().enumerate();
                contents.map(move |(content, found)| (Place { file, content }, found))
            })
        };
        // Authorities by name, each key of a name once.
        let mut authorities: HashMap<&[u8], Vec<(Place, &CertificateDetails)>> = HashMap::new();
        for (place, content) in all() {
            if let Content::Certificate(certificate) = content {
                let namesakes = authorities.entry(&certificate.subject.der).or_default();
                let is_new = namesakes
                    .iter()
                    .all(|(_, known)| known.public_key_der != certificate.public_key_der);
                if is_new && namesakes.len() < MAX_NAMESAKES {
                    namesakes.push((place, certificate));
                }
            }
        }
        for (place, content) in all() {
            let signer = match content {
                Content::Certificate(certificate) => signer(
                    authorities.get(certificate.issuer.der.as_slice()),
                    |authority| certificate.signed_by(authority),
                    Some(certificate),
                    &mut budget,
                ),
                Content::RevocationList(list) => signer(
                    authorities.get(list.issuer.der.as_slice()),
                    |authority| list.signed_by(authority),
                    None,
                    &mut budget,
                ),
                Content::PrivateKey(key) => {
                    let owners = owners(key, all(), &mut budget);
                    relations.owners.insert(place, owners);
                    None
                }
                Content::Request(_) | Content::Broken(_) => None,
            };
            if let Some(signer) = signer {
                relations.signers.insert(place, signer);
            }
        }
        relations
    }

    /// Who signed what is at a place; `None` if nobody here has the name.
    pub(super) fn signer(&self, place: Place) -> Option<Signer> {
        self.signers.get(&place).copied()
    }

    /// The certificates and requests that a key belongs to.
    pub(super) fn owners(&self, place: Place) -> &[Place] {
        self.owners.get(&place).map_or(&[], Vec::as_slice)
    }
}

fn signer(
    namesakes: Option<&Vec<(Place, &CertificateDetails)>>,
    check: impl Fn(&CertificateDetails) -> SignatureCheck,
    own: Option<&CertificateDetails>,
    budget: &mut usize,
) -> Option<Signer> {
    let mut check = |authority: &CertificateDetails| {
        *budget = budget.saturating_sub(1);
        // What nobody can compute is believed.
        *budget > 0 && check(authority) != SignatureCheck::Invalid
    };
    if let Some(own) = own
        && own.subject.der == own.issuer.der
        && check(own)
    {
        return Some(Signer::Itself);
    }
    let namesakes = namesakes?;
    match namesakes.iter().find(|(_, authority)| check(authority)) {
        Some((place, _)) => Some(Signer::Here(*place)),
        None if *budget == 0 => None,
        None => namesakes.first().map(|(place, _)| Signer::Namesake(*place)),
    }
}

fn owners<'a>(
    key: &PrivateKeyDetails,
    all: impl Iterator<Item = (Place, &'a Content)>,
    budget: &mut usize,
) -> Vec<Place> {
    all.filter(|(_, content)| {
        let (kind, der) = match content {
            Content::Certificate(certificate) => {
                (&certificate.public_key, &certificate.public_key_der)
            }
            Content::Request(request) => (&request.public_key, &request.public_key_der),
            _ => return false,
        };
        if *budget == 0 || !key.may_belong_to(kind, der) {
            return false;
        }
        *budget -= 1;
        key.belongs_to_key(kind, der) == Some(true)
    })
    .map(|(place, _)| place)
    .collect()
}
