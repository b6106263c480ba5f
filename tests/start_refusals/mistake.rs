//! A mistake, what etcd says of it, and what we make of that.

use std::path::Path;

use tercet_cluster::binary::{Binary, Version};
use tercet_cluster::{Refusal, RefusalCause, explain};
use tercet_pki::doctor::Rule;
use tercet_pki::etcd::Flag;
use tercet_tests::{RawEtcd, RawFleet, available, say, wait_until_serving};

/// A mistake in a sound fleet of one.
pub(crate) struct Mistake {
    pub(crate) name: &'static str,
    pub(crate) make: fn(&mut RawFleet),
    /// Whether this is its cause.
    pub(crate) is_cause: fn(&RefusalCause, Version) -> bool,
    pub(crate) rule: Option<Rule>,
    /// The first version that has what the mistake is made with; 3.4.0 for all.
    pub(crate) since: Version,
}

/// All versions.
pub(crate) const ALL: Version = Version::new(3, 4, 0);

/// Makes each mistake on every etcd there is. A flag that a version has not is refused as that.
pub(crate) fn make_all(mistakes: &[Mistake]) {
    for etcd in available() {
        control(etcd);
        for mistake in mistakes {
            if etcd.version() < mistake.since {
                say(&format!("{}: etcd {} has no such thing", mistake.name, etcd.version()));
                continue;
            }
            make(etcd, mistake);
        }
    }
}

fn make(etcd: &Binary, mistake: &Mistake) {
    let Mistake { name, .. } = mistake;
    let mut fleet = RawFleet::new(etcd, 1);
    (mistake.make)(&mut fleet);
    let version = etcd.version();
    let output = fleet.start(0).wait_for_failure();
    let refusals = explain(output.lines());
    let [refusal] = refusals.as_slice() else {
        panic!("{name} on {version}: {refusals:#?}\n{output}");
    };
    assert_eq!(refusal.link, None, "{name} on {version}");
    let unknown = unknown_flag(&fleet);
    if let Some(flag) = unknown {
        assert_eq!(refusal.cause, RefusalCause::UnknownFlag { flag }, "{name} on {version}");
        assert_eq!(refusal.rule(), Some(Rule::UnknownSetting));
    } else {
        let is_cause = (mistake.is_cause)(&refusal.cause, version);
        assert!(is_cause, "{name} on {version}: {:?}\n{output}", refusal.cause);
        assert_eq!(refusal.rule(), mistake.rule, "{name} on {version}");
    }
    is_told(refusal);
}

/// The flag of a command line that this version does not have, and other versions do.
fn unknown_flag(fleet: &RawFleet) -> Option<String> {
    let words = fleet.members[0].arguments.iter();
    let names = words.filter_map(|word| word.strip_prefix("--")?.split('=').next());
    let mut flags = names.filter_map(Flag::named);
    let unknown = flags.find(|flag| !flag.is_in(fleet.version()))?;
    Some(unknown.name().to_owned())
}

/// Sees that a refusal says what, what to do, and where more is said.
pub(crate) fn is_told(refusal: &Refusal) {
    let text = refusal.to_string();
    assert!(text.starts_with("cause: ") && text.contains("\nfix: "), "{text}");
    assert!(!refusal.line.is_empty() && refusal.fix().len() > 10, "{text}");
    if let Some(page) = refusal.page() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&page);
        assert!(docs.is_file() && text.contains(&page), "{page}: {text}");
    }
}

/// Sees that the fleet without any mistake serves, and that nothing is found in what it prints.
pub(crate) fn control(etcd: &Binary) {
    let fleet = RawFleet::new(etcd, 1);
    let mut running = fleet.start(0);
    wait_until_serving(&mut running);
    fleet.etcdctl_succeeds(0, &["put", "hello", "world"]);
    assert_eq!(refusals(&running), [], "a sound etcd {}", etcd.version());
}

/// What an etcd that runs or has run has said.
pub(crate) fn refusals(etcd: &RawEtcd) -> Vec<Refusal> {
    explain(etcd.output().lines())
}

/// Waits until an etcd has said why, which is seen by `is_cause`.
pub(crate) fn wait_for_cause(
    etcd: &mut RawEtcd,
    what: &str,
    is_cause: impl Fn(&Refusal) -> bool,
) -> Refusal {
    let mut found = None;
    etcd.wait_until(&format!("said {what}"), |etcd| {
        found = refusals(etcd).into_iter().find(&is_cause);
        found.is_some()
    });
    let refusal = found.unwrap();
    is_told(&refusal);
    refusal
}
