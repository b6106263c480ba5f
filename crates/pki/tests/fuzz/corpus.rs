//! What damage begins with: files that are sound.

use std::fs;
use std::path::Path;

use tercet_pki::{Authority, Leaf};

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
        self.blocks[random.below(self.blocks.len())].clone()
    }
}
