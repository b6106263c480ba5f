//! The certificates that are judged, good and wrong.

use std::path::Path;

use tercet_pki::{Authority, Identity, KeyKind, Leaf, RevocationList, fixtures};

use crate::programs::Files;

/// One certificate and how it is used.
pub(crate) struct Kind {
    /// What the table calls it.
    pub(crate) name: &'static str,
    pub(crate) identity: Identity,
    pub(crate) files: Files,
    /// The host of the URL that a server with it is dialled by.
    pub(crate) host: &'static str,
}

/// Everything that is judged, and whom the judges trust.
pub(crate) struct Kinds {
    pub(crate) all: Vec<Kind>,
    /// The certificates of all authorities that are trusted: one for almost all kinds, and those of
    /// the fixtures, so that theirs are not refused for being unknown.
    pub(crate) trusted: String,
    /// Right in all roles: what a judge shows while it judges others.
    pub(crate) good: Identity,
    /// What etcd is told of who is revoked.
    pub(crate) revocation_list: RevocationList,
}

impl Kinds {
    /// Makes them all, and writes their files into `directory`.
    pub(crate) fn make(directory: &Path) -> Self {
        let authority = Authority::generate("acceptance").unwrap();
        let issue = |leaf: &Leaf| authority.issue(leaf).unwrap();
        // Right in every role, so that each way to be wrong is seen in every role.
        let right = || Leaf::peer("infra1").hosts(["localhost", "127.0.0.1"]);
        // The common name that is the host, for those who look at nothing else.
        let named = || Leaf::peer("localhost").hosts(["localhost", "127.0.0.1"]);

        let mut all = Vec::new();
        let mut add = |name, host, identity| {
            let stem = format!("kind-{}", all.len());
            let files = Files::write(&identity, directory, &stem);
            all.push(Kind { name, identity, files, host });
        };
        // Right, for the role that they are made for.
        add("`Leaf::server`", "localhost", issue(&Leaf::server("infra1").host("localhost")));
        add("`Leaf::peer`", "localhost", issue(&right()));
        add("`Leaf::client`", "localhost", issue(&Leaf::client("alice")));
        add("`fixtures::sha1_control`", "localhost", fixtures::sha1_control().server);

        for (name, kind) in
            [("`Leaf::peer`, P-384", KeyKind::P384), ("`Leaf::peer`, Ed25519", KeyKind::Ed25519)]
        {
            add(name, "localhost", issue(&right().key(kind)));
        }
        let below = authority.intermediate("below").unwrap();
        add("of an intermediate", "localhost", below.issue(&right()).unwrap());
        let constrained = Authority::builder("constrained").permit_dns("localhost");
        let constrained = constrained.permit_network("127.0.0.0/8").generate().unwrap();
        add("within name constraints", "localhost", constrained.issue(&right()).unwrap());

        // Wrong.
        for (name, leaf) in [
            ("`.expired()`", right().expired()),
            ("`.not_yet_valid()`", right().not_yet_valid()),
            ("`.wrong_host()`", right().wrong_host()),
            ("`.common_name_only()`", named().common_name_only()),
            ("`.server_only()`", right().server_only()),
            ("`.client_only()`", right().client_only()),
            ("`.weak_rsa()`", right().weak_rsa()),
            ("`.version_1()`", named().version_1()),
            ("`.negative_serial()`", right().negative_serial()),
        ] {
            add(name, "localhost", issue(&leaf));
        }
        let address = Leaf::peer("infra1").host("127.0.0.1").address_as_name();
        add("`.address_as_name()`", "127.0.0.1", issue(&address));
        let (revoked, revocation_list) = authority.issue_revoked(&right()).unwrap();
        add("`Authority::issue_revoked`", "localhost", revoked);
        let stranger = authority.stranger().unwrap();
        add("`Authority::stranger`", "localhost", stranger.issue(&right()).unwrap());
        let impostor = authority.impostor().unwrap();
        add("`Authority::impostor`", "localhost", impostor.issue(&right()).unwrap());
        add("`fixtures::sha1`", "localhost", fixtures::sha1().server);
        let tutorial = fixtures::tutorial();
        add("`fixtures::tutorial`: server", "localhost", tutorial.server);
        add("`fixtures::tutorial`: client", "localhost", tutorial.client);

        let trusted = [
            authority.certificate_pem(),
            constrained.certificate_pem(),
            fixtures::sha1().authority_pem,
            tutorial.authority_pem,
        ];
        Self { all, trusted: trusted.concat(), good: issue(&right()), revocation_list }
    }
}
