//! Identities of every kind.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tercet_pki::read::{CertificateDetails, certificates};
use tercet_pki::{Authority, Identity};

use crate::dice::Dice;
use crate::foreign::Foreign;
use crate::ours;

/// An identity, and in words how it was made.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) words: String,
    pub(crate) chain_pem: String,
    pub(crate) key_pem: String,
}

impl Drawn {
    pub(crate) fn new(words: String, identity: &Identity) -> Self {
        let (chain_pem, key_pem) = (identity.chain_pem().to_owned(), identity.key_pem().to_owned());
        Self { words, chain_pem, key_pem }
    }

    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let chain = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes());
        chain.map(|certificate| certificate.unwrap()).collect()
    }

    /// What the doctor reads of it.
    pub(crate) fn details(&self) -> Vec<CertificateDetails> {
        certificates(self.chain_pem.as_bytes()).unwrap()
    }
}

/// Who signs, and who is trusted.
#[derive(Debug)]
pub(crate) struct World {
    /// Right in every role: what a member shows, and a client that is let in.
    pub(crate) good: Drawn,
    /// The authority of the good one.
    pub(crate) authority: Authority,
    ours: ours::Authorities,
    foreign: Foreign,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = Authority::generate("handshakes").unwrap();
        let leaf = ours::right(tercet_pki::Leaf::peer("infra1"));
        let good = Drawn::new("the good one".to_owned(), &authority.issue(&leaf).unwrap());
        let ours = ours::Authorities::of(&authority);
        Self { good, authority, ours, foreign: Foreign::new() }
    }

    /// Everyone who is trusted, one PEM block each.
    pub(crate) fn trusted(&self) -> Vec<String> {
        let own = [self.authority.certificate_pem().to_owned()];
        own.into_iter().chain(self.ours.trusted()).chain(self.foreign.trusted()).collect()
    }

    pub(crate) fn draw(&self, dice: &mut Dice) -> Drawn {
        if dice.percent(50) { self.ours.draw(dice) } else { self.foreign.draw(dice) }
    }
}
