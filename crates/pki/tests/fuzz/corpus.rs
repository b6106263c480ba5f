//! What damage begins with: files that are sound.

use std::fs;
use std::path::Path;

use tercet_pki::{Authority, Leaf, Request, Revocations};

use super::mutate::Random;

/// Sound files, and the blocks of those that are PEM.
pub(super) struct Corpus {
    files: Vec<Vec<u8>>,
    blocks: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    /// Files of OpenSSL, and of our own issuer.
    pub(super) fn of_certificates() -> Self {
        let mut corpus = Self { files: Vec::new(), blocks: Vec::new() };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for directory in ["tests/samples", "fixtures/tutorial", "fixtures/sha1"] {
            let mut paths: Vec<_> = fs::read_dir(here.join(directory))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|ending| ending != "says"))
                .collect();
            paths.sort();
            for path in paths {
                corpus.add(fs::read(path).unwrap());
            }
        }
        let authority = Authority::builder("fuzz")
            .organization("Example")
            .permit_dns("example.com")
            .exclude_network("10.9.0.0/16")
            .generate()
            .unwrap();
        let list = authority.revoke(&Revocations::new()).unwrap();
        corpus.add(list.der().to_vec());
        corpus.add(list.pem().into_bytes());
        let leaves = [
            Leaf::peer("infra1").hosts(["infra1.example.com", "10.0.0.1"]),
            Leaf::server("infra1").host("*.example.com").uri("spiffe://example.com/infra1"),
            Leaf::client("root").organization("Example"),
        ];
        corpus.add(authority.certificate_pem().as_bytes().to_vec());
        for leaf in leaves {
            let identity = authority.issue(&leaf).unwrap();
            corpus.add(identity.chain_pem().as_bytes().to_vec());
            corpus.add(identity.key_pem().as_bytes().to_vec());
        }
        corpus
    }

    /// Requests, in number as those of others are not.
    pub(super) fn of_requests() -> Self {
        let mut corpus = Self::of_certificates();
        for _ in 0..20 {
            let leaf = Leaf::peer("infra1").hosts(["infra1.example.com", "10.0.0.1"]);
            let (request, _) = Request::new(&leaf.uri("spiffe://example.com/infra1")).unwrap();
            corpus.add(request.pem().into_bytes());
        }
        corpus
    }

    /// Command lines and environments, an argument or a variable a line; and configuration files.
    pub(super) fn of_settings() -> Self {
        let mut corpus = Self { files: Vec::new(), blocks: Vec::new() };
        for text in SETTINGS {
            corpus.add(text.as_bytes().to_vec());
        }
        corpus
    }

    /// Adds a file, and the blocks in it.
    pub(super) fn add(&mut self, file: Vec<u8>) {
        // The dependency and not our own reader, which is what is tested.
        for block in pem::parse_many(&file).unwrap_or_default() {
            self.blocks.push((block.tag().to_owned(), block.contents().to_vec()));
        }
        self.files.push(file);
    }

    /// Any of the files.
    pub(super) fn file(&self, random: &mut Random) -> Vec<u8> {
        self.files[random.below(self.files.len())].clone()
    }

    /// Any of the blocks: its label, and what is in it.
    pub(super) fn block(&self, random: &mut Random) -> (String, Vec<u8>) {
        match self.blocks.len() {
            0 => ("NONE".to_owned(), self.file(random)),
            count => self.blocks[random.below(count)].clone(),
        }
    }
}

const SETTINGS: [&str; 6] = [
    "etcd\n--name=infra1\n--initial-advertise-peer-urls\nhttps://10.0.0.1:2380\n\
     --listen-peer-urls=https://10.0.0.1:2380,https://[::1]:2380\n\
     --listen-client-urls=https://10.0.0.1:2379,unix://sock\n\
     --advertise-client-urls=https://infra1.example.com:2379\n\
     --initial-cluster=infra1=https://10.0.0.1:2380,infra2=https://10.0.0.2:2380\n\
     --client-cert-auth\n--trusted-ca-file=ca.crt\n--cert-file=server.crt\n\
     --key-file=server.key\n--peer-client-cert-auth=true\n--peer-trusted-ca-file=ca.crt\n\
     --peer-cert-file=peer.crt\n--peer-key-file=peer.key\n--peer-cert-allowed-cn=infra1\n\
     --client-crl-file=ca.crl\n--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n\
     --tls-min-version=TLS1.2\n",
    "--auto-tls\n--peer-auto-tls\n--data-dir=d\n--self-signed-cert-validity=2\n",
    "ETCD_NAME=infra1\nETCD_CERT_FILE=server.crt\nETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379\n\
     --name\ninfra2\n--ca-file=ca.crt\n--enable-v2=false\n",
    "--config-file=etcd.yaml\n--listen-client-http-urls=http://127.0.0.1:8080\n",
    "name: infra1\nlisten-client-urls: https://10.0.0.1:2379\nclient-transport-security:\n  \
     cert-file: server.crt\n  key-file: server.key\n  client-cert-auth: true\n  \
     trusted-ca-file: ca.crt\npeer-transport-security: {cert-file: peer.crt, auto-tls: no}\n\
     cipher-suites: [\n  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,\n]\n",
    "&a [*a, !!str x, \"\\u00e9\", 'it''s', |\n  text\n, >-\n  more\n]\n---\n? {a: b}\n: c\n<<: *a\n",
];
