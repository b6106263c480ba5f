//! `cargo xtask proto`: the checked-in gRPC code of `crates/client`, from its `.proto` files.
//!
//! protox compiles the files in Rust, so nobody needs protoc: not a user of the client, who gets
//! the checked-in code, and not one of us either.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::services;

/// What a file of generated code begins with.
const HEADER: &str =
    "// Generated from crates/client/proto by `cargo xtask proto`: do not edit.\n\n";

/// The packages of the wire, each of which becomes one file.
const PACKAGES: [&str; 5] = ["authpb", "etcdserverpb", "mvccpb", "v3electionpb", "v3lockpb"];

/// The messages that have a password or a token: `secrets` of the client writes their `Debug`.
const SECRET_MESSAGES: [&str; 4] = [
    ".etcdserverpb.AuthenticateRequest",
    ".etcdserverpb.AuthenticateResponse",
    ".etcdserverpb.AuthUserAddRequest",
    ".etcdserverpb.AuthUserChangePasswordRequest",
];

/// Why code could not be generated, written or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A `.proto` file is wrong.
    #[error("cannot compile the .proto files")]
    Compile(#[source] protox::Error),

    /// The compiled files have no Rust form.
    #[error("cannot generate Rust from the .proto files")]
    Generate(#[source] io::Error),

    /// There is code that no module would have.
    #[error("a .proto file is of package `{0}`, which is not one of {PACKAGES:?}")]
    UnknownPackage(String),

    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried: read, write, create.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// The checked-in code is not what would be generated now.
    #[error(
        "stale: {}; run `cargo xtask proto`",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Stale(Vec<PathBuf>),
}

/// Writes the generated files or, with `check`, only says which of them are stale.
///
/// # Errors
///
/// [`Error::Stale`] if `check` found a difference; any other if generating or a file fails.
pub(crate) fn run(check: bool) -> Result<(), Error> {
    let files = generate()?;
    let folder = client_folder().join("src/generated");
    if check {
        let stale = stale(&folder, &files)?;
        return if stale.is_empty() { Ok(()) } else { Err(Error::Stale(stale)) };
    }
    fs::create_dir_all(&folder).map_err(|source| Error::File {
        action: "create",
        path: folder.clone(),
        source,
    })?;
    for path in left_over(&folder, &files)? {
        fs::remove_file(&path).map_err(|source| Error::File { action: "remove", path, source })?;
    }
    for (path, code) in files {
        fs::write(&path, code).map_err(|source| Error::File { action: "write", path, source })?;
    }
    Ok(())
}

/// What is not there as it would be generated, and what is there and would not be.
fn stale(folder: &Path, files: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, Error> {
    let mut stale = left_over(folder, files)?;
    let differs =
        |(path, code): &&(PathBuf, String)| fs::read_to_string(path).ok().as_ref() != Some(code);
    stale.extend(files.iter().filter(differs).map(|(path, _)| path.clone()));
    Ok(stale)
}

/// The files of the folder that are not generated any more.
fn left_over(folder: &Path, files: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, Error> {
    let mut there = files_in(folder, "rs")?;
    there.retain(|path| files.iter().all(|(generated, _)| generated != path));
    Ok(there)
}

/// The generated files: where each belongs, and its text. Touches nothing in the workspace.
///
/// # Errors
///
/// If a `.proto` file is wrong, or if the folder for what prost writes cannot be used.
pub(crate) fn generate() -> Result<Vec<(PathBuf, String)>, Error> {
    let protos = client_folder().join("proto");
    let descriptors =
        protox::compile(files_in(&protos, "proto")?, [&protos]).map_err(Error::Compile)?;

    // prost can only write into a folder, so it is given one of its own.
    let scratch = tempfile::tempdir().map_err(|source| Error::File {
        action: "create a folder in",
        path: std::env::temp_dir(),
        source,
    })?;
    prost_build::Config::new()
        .service_generator(Box::new(services::Clients))
        .bytes(["."])
        .skip_debug(SECRET_MESSAGES)
        .out_dir(scratch.path())
        .compile_fds(descriptors)
        .map_err(Error::Generate)?;

    if let Some(package) = unknown_package(&files_in(scratch.path(), "rs")?) {
        return Err(Error::UnknownPackage(package));
    }
    let target = client_folder().join("src/generated");
    let mut files = vec![(target.join("mod.rs"), modules())];
    for package in PACKAGES {
        let name = format!("{package}.rs");
        let path = scratch.path().join(&name);
        let code = fs::read_to_string(&path)
            .map_err(|source| Error::File { action: "read", path, source })?
            .replacen("// This file is @generated by prost-build.\n", "", 1);
        files.push((target.join(name), format!("{HEADER}{code}")));
    }
    Ok(files)
}

fn modules() -> String {
    let modules: String = PACKAGES.iter().map(|name| format!("pub(crate) mod {name};\n")).collect();
    format!("{HEADER}{modules}")
}

/// A package of which there is code and is to be none; each has one file, of its name.
fn unknown_package(generated: &[PathBuf]) -> Option<String> {
    let packages = generated.iter().filter_map(|path| path.file_stem()?.to_str());
    packages.into_iter().find(|package| !PACKAGES.contains(package)).map(str::to_owned)
}

/// The files in a folder whose names end so, sorted.
fn files_in(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File { action: "read", path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    // The order of the .proto files decides the order of the code.
    files.sort();
    Ok(files)
}

fn client_folder() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).join("crates/client")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checked_in_code_is_fresh() {
        if let Err(error) = run(true) {
            panic!("{error}");
        }
    }

    #[test]
    fn what_differs_is_missing_or_left_over_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = [(path("a.rs"), "a".to_owned()), (path("b.rs"), "b".to_owned())];
        fs::write(path("a.rs"), "a").unwrap();
        assert_eq!(stale(folder.path(), &files).unwrap(), [path("b.rs")]);
        fs::write(path("b.rs"), "b").unwrap();
        assert_eq!(stale(folder.path(), &files).unwrap(), Vec::<PathBuf>::new());
        fs::write(path("a.rs"), "old").unwrap();
        fs::write(path("c.rs"), "").unwrap();
        assert_eq!(stale(folder.path(), &files).unwrap(), [path("c.rs"), path("a.rs")]);
    }

    #[test]
    fn code_that_no_module_has_is_an_error() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(unknown_package(&paths(&["/x/authpb.rs", "/x/mvccpb.rs"])), None);
        assert_eq!(unknown_package(&paths(&["authpb.rs", "newpb.rs"])), Some("newpb".to_owned()));
    }
}
