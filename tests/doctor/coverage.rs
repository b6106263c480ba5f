//! No rule is without its case.

use tercet_pki::doctor::Rule;

/// The cases, as they are written.
const CASES: [&str; 9] = [
    include_str!("access.rs"),
    include_str!("chains.rs"),
    include_str!("dates.rs"),
    include_str!("files.rs"),
    include_str!("keys.rs"),
    include_str!("lists.rs"),
    include_str!("names.rs"),
    include_str!("settings.rs"),
    // What only a port tells.
    include_str!("../diagnose/ports.rs"),
];

#[test]
fn each_rule_is_found_and_cured() {
    let cases = CASES.join("\n") + include_str!("usages.rs");
    for rule in Rule::ALL {
        for needed in
            [format!("Rule::{rule:?}, Severity::"), format!("is_cured_of(Rule::{rule:?})")]
        {
            // Whatever lines rustfmt has made of it.
            let words = cases.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(&needed), "{rule}: no case says `{needed}`");
        }
    }
}
