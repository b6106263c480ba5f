//! A release, and its archive on a mirror in a directory.

use std::fs;
use std::path::PathBuf;

use tercet_cluster::binary::Locator;

use super::support::{Scene, archive, etcd_script, platform, sha256};

/// A pinned release archive.
pub(crate) struct Release {
    pub(crate) version: &'static str,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

impl Release {
    pub(crate) fn new(version: &'static str) -> Self {
        Self::holding(version, "etcd", etcd_script(version).as_bytes())
    }

    /// A release whose archive is right by its sum but holds something else.
    pub(crate) fn holding(version: &'static str, name: &str, content: &[u8]) -> Self {
        let file = format!("etcd-v{version}-{}.tar.gz", platform().join("-"));
        Self { version, file, bytes: archive(name, content) }
    }

    pub(crate) fn pin(&self) -> String {
        let [os, arch] = platform();
        format!("{}\t{os}\t{arch}\t{}\t{}\n", self.version, self.file, sha256(&self.bytes))
    }

    /// `locator`, which knows only the sum of this.
    pub(crate) fn pinned(&self, locator: Locator) -> Locator {
        locator.with_pins(&self.pin(), "")
    }

    /// Puts the archive under `name`, laid out as upstream does.
    pub(crate) fn mirrored(&self, scene: &Scene, name: &str) -> String {
        let directory = scene.path(name).join(format!("v{}", self.version));
        self.put(directory);
        format!("file://{}", scene.path(name).display())
    }

    pub(crate) fn put(&self, directory: PathBuf) {
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(&self.file), &self.bytes).unwrap();
    }
}
