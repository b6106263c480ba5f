//! Each rule has a page, and the index lists them all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tercet_pki::doctor::Rule;

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/doctor")
}

/// What every page says, in this order.
const SECTIONS: [&str; 6] = [
    "## What is wrong",
    "## How it shows",
    "## Why",
    "## How the doctor sees it",
    "## How to fix it",
    "## No false alarm",
];

#[test]
fn each_rule_has_a_page() {
    for rule in Rule::ALL {
        let path = pages().join(format!("{rule}.md"));
        let page = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        let head = format!("# {rule}\n\n*{}.*\n", rule.title());
        assert!(page.starts_with(&head), "{rule} does not begin with {head:?}");
        let sections: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(sections, SECTIONS, "{rule}");
    }
}

#[test]
fn no_page_is_an_orphan() {
    let known: BTreeSet<_> = Rule::ALL.iter().map(|rule| format!("{rule}.md")).collect();
    let there: BTreeSet<_> = std::fs::read_dir(pages())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md" && name != "live.md")
        .collect();
    assert_eq!(there, known);
}

#[test]
fn the_index_lists_all_in_order() {
    let index = std::fs::read_to_string(pages().join("README.md")).unwrap();
    let rows = index.lines().filter(|line| line.starts_with("| [TLS"));
    let listed: Vec<_> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
            (cells.next().unwrap().to_owned(), cells.next().unwrap().to_owned())
        })
        .collect();
    let all: Vec<_> = Rule::ALL
        .iter()
        .map(|rule| (format!("[{rule}]({rule}.md)"), rule.title().to_owned()))
        .collect();
    assert_eq!(listed, all);
}

#[test]
fn links_lead_somewhere() {
    for entry in std::fs::read_dir(pages()).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let there = link.starts_with("https://") || pages().join(file).exists();
            assert!(there, "{}: {link}", path.display());
        }
    }
}

/// What a page tells people to type is there, with the directory where it is asked for.
#[test]
fn commands_of_xtask_are_real() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/src/pki");
    let sources: Vec<_> = std::fs::read_dir(sources)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let usages: Vec<_> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.strip_prefix("Usage: cargo xtask pki "))
        .map(|usage| usage.split_whitespace().take(2).collect::<Vec<_>>())
        .collect();
    for entry in std::fs::read_dir(pages()).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        for rest in page.split("cargo xtask pki ").skip(1) {
            let end = rest.find(['`', '\n']).unwrap_or(rest.len());
            let words: Vec<_> = rest[..end].split_whitespace().take(2).collect();
            let known = usages.iter().find(|usage| usage[0] == words[0]);
            let usage = known.unwrap_or_else(|| panic!("{}: {words:?}", path.display()));
            let says_where = usage[1] != "DIR" || words.get(1) == Some(&"DIR");
            assert!(says_where, "{}: {words:?}, and not {usage:?}", path.display());
        }
    }
}
