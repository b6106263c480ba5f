//! The page of all this says what the code does.

use std::path::Path;

use tercet_cluster::{Configuration, Security};
use tercet_pki::etcd::Flag;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table under a heading, without its head.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect(heading);
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let lines = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |line: &'a str| {
        let line = line.strip_prefix('|').unwrap().strip_suffix('|').unwrap();
        line.split('|').map(str::trim).collect()
    };
    lines.map(cells).collect()
}

/// What is written as code, piece by piece.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The options of `cargo xtask up`, by its own words.
fn options_of_up() -> Vec<String> {
    // Its own, and those of every fleet.
    let sources = ["xtask/src/up/options.rs", "xtask/src/fleet_options.rs"].map(read).concat();
    let usage = sources.lines().filter_map(|line| line.strip_prefix("  --"));
    usage.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn all_words_are_there() {
    let page = read("docs/modes.md");
    let words: Vec<_> = rows(&page, "Words").iter().map(|row| code(row[0])[0]).collect();
    assert_eq!(words, Security::ALL.map(|security| security.to_string()));
    let (_, forms) = page.split_once("\n## Forms of configuration\n").unwrap();
    let forms = code(forms);
    for form in Configuration::ALL {
        assert!(forms.contains(&&*form.to_string()), "{form}");
    }
    assert_eq!(rows(&page, "Rows of the guide and of the tutorial").len(), 14);
}

/// Every call is there, every option of `up` is one, and the versions are those of the flags.
#[test]
fn options_are_those_of_the_code() {
    let page = read("docs/modes.md");
    let up = options_of_up();
    let (calls, builder) =
        (read("crates/cluster/src/plan/tls.rs"), read("crates/harness/src/builder.rs"));
    let mut said = Vec::new();
    for row in rows(&page, "Options") {
        let [call, option, flags, versions, _] = row[..] else { panic!("{row:?}") };
        let call = code(call)[0];
        let (call, source) = match call.strip_prefix('.') {
            Some(call) => (call, &builder),
            None => (call, &calls),
        };
        let is_call = |text: &str| source.contains(text);
        assert!(
            [format!("fn {call}(mut self"), format!("fn {call}<"), format!("fn {call}(\n")]
                .iter()
                .any(|text| is_call(text)),
            "{call}"
        );
        let option = code(option)[0].strip_prefix("--").expect("an option").to_owned();
        assert!(up.contains(&option), "{option}");
        said.push(option);
        for flag in code(flags) {
            let flag = Flag::named(flag.strip_prefix("--").unwrap()).expect(flag);
            assert_eq!(flag.versions(), versions, "{}", flag.name());
        }
    }
    // What the options of `up` beside these are for is in the other tables.
    for other in ["security", "shared-cert", "config", "discovery", "proxy"] {
        assert!(page.contains(&format!("--{other}")), "{other}");
        said.push(other.to_owned());
    }
    assert!(read("docs/joining-and-proxies.md").contains("--proxy"));
    for plain in ["proxy", "members", "etcd", "timing", "hold", "json"] {
        said.push(plain.to_owned());
    }
    let missing: Vec<_> = up.iter().filter(|option| !said.contains(option)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Whatever is written as a flag anywhere is one, of etcd or of a tool beside it.
#[test]
fn no_flag_is_made_up() {
    let page = read("docs/modes.md");
    let up = options_of_up();
    let mut seen = 0;
    for piece in code(&page.replace("```", "")) {
        for word in piece.split(' ').filter_map(|word| word.strip_prefix("--")) {
            let of_curl = piece.starts_with("curl") && ["cacert", "cert", "key"].contains(&word);
            let is_known =
                Flag::named(word).is_some() || up.iter().any(|option| option == word) || of_curl;
            assert!(is_known, "--{word} in {piece:?}");
            seen += 1;
        }
        if let Some(variable) = piece.strip_prefix("ETCD_") {
            let name = variable.to_ascii_lowercase().replace('_', "-");
            assert!(Flag::named(&name).is_some(), "{piece}");
        }
    }
    assert!(seen > 40, "the control: {seen}");
}
