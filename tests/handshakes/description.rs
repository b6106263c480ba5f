//! The same handshake, as it is described to the doctor.

use std::path::PathBuf;

use tercet_pki::doctor::{
    Client, Description, File, FileState, Finding, Member, Settings, Severity, examine,
};
use tercet_pki::etcd::{Go, Version};
use tercet_pki::read::{CertificateDetails, certificates};
use time::OffsetDateTime;

use crate::drawn::{Drawn, World};
use crate::member;

/// Everything that is the same for all handshakes.
#[derive(Debug)]
pub(crate) struct Fleet {
    settings: Settings,
    etcd: Version,
    go: Go,
    directory: PathBuf,
    trusted: Vec<(CertificateDetails, String)>,
}

impl Fleet {
    pub(crate) fn of(member: &member::Member, world: &World, etcd: Version, go: Go) -> Self {
        let settings = Settings::from_arguments(&member.arguments, [], etcd).unwrap();
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
        let trusted = world.trusted().into_iter().map(|pem| {
            let [details] = certificates(pem.as_bytes()).unwrap().try_into().unwrap();
            (details, pem)
        });
        let (trusted, directory) = (trusted.collect(), member.directory.clone());
        Self { settings, etcd, go, directory, trusted }
    }

    /// Everyone who is trusted.
    pub(crate) fn pool(&self) -> Vec<CertificateDetails> {
        self.trusted.iter().map(|(details, _)| details.clone()).collect()
    }

    /// What the doctor finds where `client` dials a member that shows `server` by `host`: first if
    /// it knows the Go of that etcd, then if it does not.
    ///
    /// Of those who are trusted it sees only whom this is about. What is wrong with the others
    /// would be an error in any case, and they cannot change the verdict.
    pub(crate) fn findings(
        &self,
        world: &World,
        server: &Drawn,
        client: &Drawn,
        host: &str,
        now: OffsetDateTime,
    ) -> [Vec<Finding>; 2] {
        let shown: Vec<_> =
            [server, client, &world.good].iter().flat_map(|drawn| drawn.details()).collect();
        let concerns = |authority: &CertificateDetails| {
            shown.iter().any(|certificate| {
                certificate.issuer.der == authority.subject.der
                    || certificate.fingerprint == authority.fingerprint
            })
        };
        let trusted = self.trusted.iter().filter(|(authority, _)| concerns(authority));
        let trusted: String = trusted.map(|(_, pem)| pem.as_str()).collect();
        let file = |name: &str, contents: &str| {
            let mode = if name.ends_with(".key") { 0o600 } else { 0o644 };
            let contents = contents.as_bytes().to_vec().into();
            let state = FileState::Present { contents, mode: Some(mode), modified: None };
            File::new(self.directory.join(name), state)
        };
        let files = vec![
            file("ca.crt", &trusted),
            file("server.crt", &server.chain_pem),
            file("server.key", &server.key_pem),
            file("peer-ca.crt", world.authority.certificate_pem()),
            file("peer.crt", &world.good.chain_pem),
            file("peer.key", &world.good.key_pem),
        ];
        let mut dialling = Client::default();
        let mut url = self.settings.advertise_client_urls[0].clone();
        url.host = host.to_owned();
        dialling.urls = vec![url];
        dialling.trusted_ca_file = Some(file("ca.crt", &trusted));
        dialling.cert_file = Some(file("client.crt", &client.chain_pem));
        dialling.key_file = Some(file("client.key", &client.key_pem));

        let mut description = Description::new(self.etcd, now);
        description.members.push(Member::new(self.settings.clone(), files));
        description.clients.push(dialling);
        [Some(self.go), None].map(|go| {
            description.go = go;
            let mut findings = examine(&description);
            findings.retain(|finding| finding.severity > Severity::Note);
            findings
        })
    }
}
