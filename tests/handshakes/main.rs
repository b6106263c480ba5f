//! Any combination of names, usages, keys, dates and authorities is judged by the doctor as it is
//! in a real handshake with a real etcd, whose rules are Go's.
//!
//! The combinations are drawn anew at each run. `TERCET_HANDSHAKES_SEED` draws those of a run that
//! failed, and `TERCET_HANDSHAKES_CASES` says how many.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod description;
mod dice;
mod drawn;
mod foreign;
mod member;
mod ours;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;

use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_pki::doctor::go::{Refusal, Usage, verify};
use tercet_pki::doctor::{Finding, Severity};
use tercet_pki::etcd::Go;
use time::OffsetDateTime;

use description::Fleet;
use dice::Dice;
use drawn::{Drawn, World};
use member::Member;

/// How many clients are judged.
const CLIENTS: usize = 300;

/// What is seen among clients at least.
const KINDS: [&str; 9] = [
    "accepted",
    "critical extension",
    "expired",
    "incompatible usage",
    "name constraint",
    "not yet valid",
    "too many intermediates",
    "unknown authority",
    "unknown authority with a hint",
];

/// What is needed for either test.
struct Court {
    world: World,
    member: Member,
    fleet: Fleet,
    binary: Binary,
    go: Go,
    seed: u64,
    dice: Dice,
    _scratch: tempfile::TempDir,
}

impl Court {
    fn new() -> Self {
        let seed = number("TERCET_HANDSHAKES_SEED")
            .unwrap_or_else(|| RandomState::new().hash_one("handshakes"));
        let scratch = tempfile::tempdir().unwrap();
        let binary = Locator::from_env().locate(&Request::Default).unwrap();
        let go = member::go(&binary);
        let world = World::new();
        let member = Member::start(&binary, &world, scratch.path());
        let version = binary.version().to_string().parse().unwrap();
        let fleet = Fleet::of(&member, &world, version, go);
        let dice = Dice::new(seed);
        Self { world, member, fleet, binary, go, seed, dice, _scratch: scratch }
    }

    /// What Go's rules say to `identity`.
    fn verdict(&self, identity: &Drawn, usage: Usage, host: Option<&str>) -> Result<(), Refusal> {
        let (chain, pool) = (identity.details(), self.fleet.pool());
        verify(&chain, &pool, usage, host, OffsetDateTime::now_utc(), self.go)
    }

    fn conclude(&self, tally: &Tally) {
        println!("{} cases, seed {}: {:?}", tally.cases, self.seed, tally.kinds);
        assert!(
            tally.differences.is_empty(),
            "{} of {} cases differ (etcd {}, {}; TERCET_HANDSHAKES_SEED={}):\n{}",
            tally.differences.len(),
            tally.cases,
            self.binary.version(),
            self.go,
            self.seed,
            tally.differences.join("\n"),
        );
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// What was seen.
#[derive(Default)]
struct Tally {
    cases: usize,
    accepted: usize,
    kinds: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
    /// In how many cases a verdict on something else differs from etcd's.
    controls: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn compare(
        &mut self,
        case: &Drawn,
        etcd: bool,
        go: &Result<(), Refusal>,
        [known, unknown]: &[Vec<Finding>; 2],
    ) {
        self.cases += 1;
        self.accepted += usize::from(etcd);
        *self.kinds.entry(kind(go)).or_default() += 1;
        let fails = |findings: &[Finding]| {
            findings.iter().any(|finding| finding.severity == Severity::Error)
        };
        let said = |findings: &[Finding]| -> Vec<_> {
            let said = findings.iter();
            said.map(|said| format!("{} {}: {}", said.severity, said.rule, said.meaning)).collect()
        };
        let mut differ = |what: String| {
            let words = &case.words;
            self.differences
                .push(format!("{words}\n  taken: {etcd}; by the rules: {go:?}; {what}"));
        };
        if go.is_ok() != etcd {
            differ("the rules are wrong".to_owned());
        }
        if fails(known) == etcd {
            differ(format!("the doctor: {:#?}", said(known)));
        }
        // Of a build that nobody looked at, an error is refused by all, and what is refused by this
        // one is at least a warning.
        if (fails(unknown) && etcd) || (unknown.is_empty() && !etcd) {
            differ(format!("the doctor, without the Go: {:#?}", said(unknown)));
        }
    }

    fn control(&mut self, what: &'static str, etcd: bool, other: &Result<(), Refusal>) {
        *self.controls.entry(what).or_default() += usize::from(other.is_ok() != etcd);
    }
}

/// What a verdict is called.
fn kind(verdict: &Result<(), Refusal>) -> &'static str {
    let Err(refusal) = verdict else { return "accepted" };
    match refusal {
        Refusal::NegativeSerial(_) => "negative serial",
        Refusal::UnhandledCritical(_) => "critical extension",
        Refusal::Expired { .. } => "expired",
        Refusal::NotYetValid { .. } => "not yet valid",
        Refusal::CommonNameOnly { .. } => "common name only",
        Refusal::HostNotNamed { .. } => "host not named",
        Refusal::UnknownAuthority { hint: None } => "unknown authority",
        Refusal::UnknownAuthority { .. } => "unknown authority with a hint",
        Refusal::NotAuthorizedToSign(_) => "not authorized to sign",
        Refusal::TooManyIntermediates(_) => "too many intermediates",
        Refusal::IncompatibleUsage { .. } => "incompatible usage",
        Refusal::NameConstraint { .. } => "name constraint",
        _ => "another",
    }
}

#[test]
fn certificates_of_clients_are_judged_as_etcd_judges_them() {
    let mut court = Court::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases =
        number("TERCET_HANDSHAKES_CASES").map_or(CLIENTS, |cases| cases.try_into().unwrap());
    let mut tally = Tally::default();
    let sound = |court: &Court| {
        let good = &court.world.good;
        court.fleet.findings(&court.world, good, good, "localhost", OffsetDateTime::now_utc())
    };
    assert_eq!(sound(&court), [vec![], vec![]], "with the good one all is sound");
    // What must be seen is drawn within a few hundred; ten times as many is never reached.
    let is_missing = |tally: &Tally| KINDS.iter().any(|kind| !tally.kinds.contains_key(kind));
    while tally.cases < cases || (is_missing(&tally) && tally.cases < 10 * CLIENTS) {
        let case = court.world.draw(&mut court.dice);
        let etcd = runtime.block_on(court.member.lets_in(&court.world, &case));
        // A weak RSA key signs nothing in rustls; the tests of `certificates` show it with curl.
        let Some(etcd) = etcd else { continue };
        let go = court.verdict(&case, Usage::Client, None);
        let (world, now) = (&court.world, OffsetDateTime::now_utc());
        let findings = court.fleet.findings(world, &world.good, &case, "localhost", now);
        tally.compare(&case, etcd, &go, &findings);
        tally.control("as a server", etcd, &court.verdict(&case, Usage::Server, None));
        let named = court.verdict(&case, Usage::Client, Some("localhost"));
        tally.control("with a name", etcd, &named);
    }
    court.conclude(&tally);
    // The comparison can fail: other rules differ from etcd, and etcd says both.
    assert!(tally.controls.values().all(|differ| *differ > 0), "{:?}", tally.controls);
    let share = tally.accepted * 10 / tally.cases;
    assert!((1..9).contains(&share), "{:?}", tally.kinds);
    assert!(!is_missing(&tally), "{:?}", tally.kinds);
}

#[test]
fn certificates_of_servers_are_judged_as_etcdctl_judges_them() {
    let mut court = Court::new();
    let Some(etcdctl) = court.binary.etcdctl() else {
        // Written past the capture of a passing test's output: a skip is to be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no etcdctl beside {}",
            court.binary.path().display()
        );
        return;
    };
    let mut tally = Tally::default();
    let mut seen = BTreeSet::new();
    // etcdctl takes a second to give up: one of each kind that is drawn, and of each kind of key.
    for _ in 0..number("TERCET_HANDSHAKES_CASES").unwrap_or(400) {
        let case = court.world.draw(&mut court.dice);
        let host = *court.dice.one(&["localhost", "127.0.0.1"]);
        let go = court.verdict(&case, Usage::Server, Some(host));
        let key = &case.details()[0].public_key;
        if !seen.insert((kind(&go), go.is_ok().then(|| format!("{key:?}")))) {
            continue;
        }
        court.member.show(&case);
        let taken = court.member.is_taken(&etcdctl, host);
        let (world, now) = (&court.world, OffsetDateTime::now_utc());
        let findings = court.fleet.findings(world, &case, &world.good, host, now);
        tally.compare(&case, taken, &go, &findings);
        tally.control(
            "by another name",
            taken,
            &court.verdict(&case, Usage::Server, Some("other")),
        );
    }
    court.conclude(&tally);
    assert!(tally.controls.values().all(|differ| *differ > 0), "{:?}", tally.controls);
    for kind in ["accepted", "expired", "host not named", "incompatible usage"] {
        assert!(tally.kinds.contains_key(kind), "{kind} is missing: {:?}", tally.kinds);
    }
}
