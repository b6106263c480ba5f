//! How many crates a user of the client compiles.

use std::collections::BTreeSet;
use std::process::Command;

use crate::Failure;
use crate::tidy::root;

/// As many as etcd-client 0.21.1 has with its feature `tls`, itself counted, measured as here.
const MOST_CRATES: usize = 78;

/// Either of them is enough.
const BACKENDS: [&str; 2] = ["ring", "aws-lc-rs"];

/// What to say of the client's weight, if anything.
pub(crate) fn complaints() -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for backend in BACKENDS {
        let tree = tree(backend)?;
        complaints.extend(of_crates(backend, crates(&tree).len(), MOST_CRATES));
    }
    Ok(complaints)
}

fn of_crates(backend: &str, crates: usize, most: usize) -> Option<String> {
    let what = format!("crates/client/Cargo.toml: with {backend} users compile {crates} crates");
    // Without itself and a dependency the tree was not read rightly.
    match crates {
        0..=1 => Some(format!("{what}: `cargo tree` says something else than it did")),
        _ if crates > most => {
            Some(format!("{what}: {most} at most; see `cargo tree -p tercet-client`"))
        }
        _ => None,
    }
}

/// Everything but what is for building and testing, on this platform.
fn tree(backend: &str) -> Result<String, Failure> {
    #[expect(clippy::disallowed_methods, reason = "cargo, in the foreground, waited for")]
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--package", "tercet-client", "--no-default-features"])
        .args(["--features", backend, "--edges", "normal", "--prefix", "none"])
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names with their versions, each once: a line ends with where it is, or with a star when it was
/// there before.
fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_counts_once() {
        let tree = "tercet-client v0.1.0 (/a/b)\nbytes v1.0.0\nsyn v2.0.0 (proc-macro)\n\
                    syn v3.0.0\nbytes v1.0.0 (*)\n";
        assert_eq!(crates(tree).len(), 4);
    }

    #[test]
    fn too_many_are_told_and_so_are_none() {
        assert_eq!(of_crates("ring", 78, 78), None);
        assert_eq!(
            of_crates("ring", 79, 78).unwrap(),
            "crates/client/Cargo.toml: with ring users compile 79 crates: 78 at most; see \
             `cargo tree -p tercet-client`"
        );
        assert!(of_crates("ring", 0, 78).is_some());
    }
}
