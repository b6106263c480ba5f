//! `cargo xtask tidy`: the rules of this repository that no other tool checks.
//!
//! Each rule is a function from text to complaints, so that its tests can show that it complains.

mod cancelling;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use toml::Table;

use crate::{Failure, weight};

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    if let Some(other) = arguments.next()? {
        return Err(other.unexpected().into());
    }
    let mut complaints = complaints(&root())?;
    complaints.extend(weight::complaints()?);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("tidy");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn complaints(root: &Path) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    let workspace: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    for member in members(&workspace) {
        let name = format!("{member}/Cargo.toml");
        let manifest: Table = fs::read_to_string(root.join(&name))?.parse()?;
        complaints.extend(of_manifest(&manifest).into_iter().map(|text| format!("{name}: {text}")));
    }
    for path in files(root)? {
        let name =
            path.strip_prefix(root).unwrap_or(&path).display().to_string().replace('\\', "/");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        complaints.extend(of_text(&name, &text).into_iter().map(|text| format!("{name}: {text}")));
    }
    for needed in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        if !root.join(needed).exists() {
            complaints.push(format!("{needed}: is missing"));
        }
    }
    Ok(complaints)
}

fn members(workspace: &Table) -> Vec<String> {
    let list = workspace.get("workspace").and_then(|table| table.get("members"));
    let list = list.and_then(toml::Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|member| Some(member.as_str()?.to_owned())).collect()
}

/// What every member of the workspace shares with it.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

fn of_manifest(manifest: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    let from_workspace = |value: Option<&toml::Value>| {
        value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    if !from_workspace(manifest.get("lints")) {
        complaints.push("does not inherit the lints: write [lints] workspace = true".to_owned());
    }
    let package = manifest.get("package");
    for key in INHERITED {
        if !from_workspace(package.and_then(|package| package.get(key))) {
            complaints.push(format!("does not inherit {key}: write {key}.workspace = true"));
        }
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        // Those of everywhere, and those of one platform.
        let platforms = manifest.get("target").and_then(toml::Value::as_table);
        let platforms = platforms.into_iter().flat_map(Table::values);
        let places =
            std::iter::once(manifest.get(kind)).chain(platforms.map(|platform| platform.get(kind)));
        let tables = places.flatten().filter_map(toml::Value::as_table);
        for (name, value) in tables.flatten() {
            if !from_workspace(Some(value)) {
                complaints.push(format!(
                    "{kind}: {name} is not the workspace's: write {name}.workspace = true"
                ));
            }
        }
    }
    complaints
}

/// The only files that may hold `unsafe`: what a child does between fork and exec, and the system
/// calls by which its disk and its clock are broken.
const UNSAFE_FILES: [&str; 2] = [
    "crates/cluster/src/process/spawner.rs",
    "crates/cluster/src/process/interception/linux/sys.rs",
];

/// By which it is known, or by which it is allowed. In two parts each, so that this file does not
/// complain of itself.
const UNSAFE_WORDS: [&str; 4] = [
    concat!("unsafe", " {"),
    concat!("unsafe", " fn"),
    concat!("unsafe", " impl"),
    concat!("expect(unsafe", "_code"),
];

/// Files that are one concept are shorter than this.
const MOST_LINES: usize = 500;

fn of_text(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let generated = name.contains("/generated/");
    if name.ends_with(".rs") && !generated {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            complaints
                .push(format!("has {lines} lines: split it by concept ({MOST_LINES} at most)"));
        }
        let is_unsafe = UNSAFE_WORDS.iter().any(|words| text.contains(words));
        if is_unsafe && !UNSAFE_FILES.contains(&name) {
            let files = UNSAFE_FILES.join(" or ");
            complaints.push(format!("has unsafe code, which belongs in {files}"));
        }
        if text.contains(concat!("#[allow", "(")) {
            complaints.push("silences a lint with allow: use expect, with a reason".to_owned());
        }
    }
    if name.starts_with("crates/client/src/") && !generated {
        complaints.extend(cancelling::unsaid(text));
    }
    if text.contains('\r') {
        complaints.push("has carriage returns".to_owned());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complaints.push("does not end with a line end".to_owned());
    }
    if let Some(line) = text.lines().position(|line| line.ends_with([' ', '\t'])) {
        complaints.push(format!("line {} ends with a space", line + 1));
    }
    complaints
}

/// All text files of the project, without what is built, and without snapshots, whose text is that
/// of others.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    const TEXT: [&str; 6] = ["rs", "toml", "md", "proto", "yml", "tsv"];
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                found.extend(files(&path)?);
            }
        } else if path
            .extension()
            .is_some_and(|extension| TEXT.iter().any(|text| extension == *text))
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        assert_eq!(complaints(&root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_member_that_goes_its_own_way_is_told() {
        let own = r#"
            [package]
            version = "1.0.0"
            edition.workspace = true
            rust-version.workspace = true
            license.workspace = true
            [dependencies]
            tokio = "1"
            bytes.workspace = true
            [target.'cfg(unix)'.dependencies]
            libc = "0.2"
        "#;
        assert_eq!(
            of_manifest(&own.parse().unwrap()),
            [
                "does not inherit the lints: write [lints] workspace = true",
                "does not inherit version: write version.workspace = true",
                "dependencies: tokio is not the workspace's: write tokio.workspace = true",
                "dependencies: libc is not the workspace's: write libc.workspace = true",
            ]
        );
    }

    #[test]
    fn untidy_text_is_told() {
        let complaints = |text: &str| of_text("crates/x/src/lib.rs", text).len();
        assert_eq!(complaints("fn main() {}\n"), 0);
        assert_eq!(complaints("fn main() {}"), 1);
        assert_eq!(complaints("fn main() {} \n"), 1);
        assert_eq!(complaints("fn main() {}\r\n"), 1);
        assert_eq!(complaints(&"\n".repeat(501)), 1);
        for words in UNSAFE_WORDS {
            assert_eq!(complaints(&format!("{words}\n")), 1);
        }
        assert_eq!(complaints(concat!("#[allow", "(dead_code)]\n")), 1);
    }

    #[test]
    fn unsafe_code_is_told_wherever_it_does_not_belong() {
        let code = concat!("fn f() { unsafe", " { g() } }\n");
        for name in UNSAFE_FILES {
            assert_eq!(of_text(name, code), Vec::<String>::new());
        }
        // Beside them, below them, and in files of the same name.
        for name in [
            "crates/cluster/src/process/child.rs",
            "crates/cluster/src/process/interception/linux/vdso.rs",
            "crates/client/src/spawner.rs",
            "tests/crates/cluster/src/process/spawner.rs",
        ] {
            assert_eq!(of_text(name, code).len(), 1, "{name}");
        }
    }
}
