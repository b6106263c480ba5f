//! The public async functions that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All of them: the file below the client's sources, and the name.
pub(crate) fn functions() -> BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/client/src");
    let mut found = BTreeSet::new();
    for path in files(&sources) {
        let file = path.strip_prefix(&sources).unwrap().display().to_string().replace('\\', "/");
        // Of the wire, and no part of what is public.
        if file.starts_with("generated/") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some(rest) = line.trim_start().strip_prefix("pub async fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            found.insert(format!("{file} {name}"));
        }
    }
    found
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
