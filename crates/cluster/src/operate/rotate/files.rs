//! A fleet's directory of certificates, as it is by now.

use std::io;
use std::path::{Path, PathBuf};

use tercet_pki::read::{self, CertificateDetails};
use tercet_pki::{Authority, Fleet, IdentityFiles};

use super::{RotateError, read as read_file};
use crate::cluster::Cluster;

/// A pair of files with a certificate that some authority has signed.
pub(super) struct Pair {
    pub(super) files: IdentityFiles,
    pub(super) chain: Vec<u8>,
}

/// All pairs `NAME.crt` and `NAME.key` in a directory, by name, without `ca.crt`.
pub(super) fn pairs(directory: &Path) -> Result<Vec<Pair>, RotateError> {
    let mut pairs = Vec::new();
    for path in entries(directory)? {
        let is_certificate = path.extension().is_some_and(|extension| extension == "crt");
        let key = path.with_extension("key");
        // An authority's key, if it is there, has a certificate beside it that is no leaf.
        if is_certificate && key.is_file() {
            let chain = read_file(&path)?;
            if read::certificates(&chain).is_ok_and(|chain| is_leaf(chain.first())) {
                pairs.push(Pair { files: IdentityFiles::at(path, key), chain });
            }
        }
    }
    Ok(pairs)
}

/// The directories in a directory, by name.
pub(super) fn directories(directory: &Path) -> Result<Vec<PathBuf>, RotateError> {
    Ok(entries(directory)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, RotateError> {
    let failed = |source: io::Error| RotateError::File { path: directory.to_owned(), source };
    let paths = std::fs::read_dir(directory).map_err(failed)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    // What is being written has a name that begins with a dot.
    let hidden = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    paths.retain(|path| !hidden(path));
    paths.sort();
    Ok(paths)
}

fn is_leaf(certificate: Option<&CertificateDetails>) -> bool {
    certificate
        .is_some_and(|one| !one.basic_constraints.is_some_and(|constraints| constraints.authority))
}

/// The fleet's identities, as its files are now.
pub(super) fn read_again(cluster: &Cluster, authority: Authority) -> Result<Fleet, RotateError> {
    let members = cluster.members().map(|member| member.name());
    Ok(cluster.identities().read_again(cluster.plan.certificates(), authority, members)?)
}
