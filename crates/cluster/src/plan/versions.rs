//! What the plans of each version are told, side by side.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Address, PlanError, Security, Spec, Timing, TlsOptions, TlsVersion};
use crate::binary::Release;

/// Each release from which something is told otherwise, and one that nobody knows yet.
const VERSIONS: [&str; 10] =
    ["3.4.0", "3.4.10", "3.4.23", "3.4.25", "3.5.1", "3.5.8", "3.5.15", "3.6.14", "3.7.1", "3.9.0"];

fn release(version: &str) -> Release {
    Release::of(version.parse().unwrap()).unwrap()
}

/// The words of the first member, those of the environment before the flags.
fn words(spec: &Spec, version: &str) -> Result<Vec<String>, PlanError> {
    let addresses: Vec<_> = (0..spec.member_names().len() as u16)
        .map(|n| Address::loopback(23791 + n, 23801 + n).with_http(23811 + n))
        .collect();
    let plan = spec.plan(release(version), Path::new("/run/fleet"), &addresses)?;
    let member = &plan.members()[0];
    let environment = member.environment().iter();
    let environment =
        environment.map(|(name, value)| format!("{}={}", name.display(), value.display()));
    let arguments = member.arguments().iter().map(|word| word.display().to_string());
    Ok(environment.chain(arguments).collect())
}

/// What `words` has that `others` has not.
fn more<'a>(words: &'a [String], others: &[String]) -> Vec<&'a str> {
    let others: BTreeSet<_> = others.iter().collect();
    words.iter().filter(|word| !others.contains(word)).map(String::as_str).collect()
}

/// What each version is told otherwise than the one before, in every mode.
#[test]
fn what_versions_are_told_otherwise() {
    let mut lines = Vec::new();
    for pair in VERSIONS.windows(2) {
        let [before, version] = [pair[0], pair[1]];
        let mut changes = BTreeSet::new();
        for security in Security::ALL {
            let spec = Spec::default().security(security);
            let (old, new) = (words(&spec, before).unwrap(), words(&spec, version).unwrap());
            let [gone, come] = [more(&old, &new), more(&new, &old)];
            let gone = gone.into_iter().map(|word| format!("not {word}"));
            let all: Vec<_> = gone.chain(come.into_iter().map(str::to_owned)).collect();
            changes.insert(if all.is_empty() { "as before".to_owned() } else { all.join(" ") });
        }
        let warning = release(version).warning().map_or(String::new(), |text| format!(" ({text})"));
        // The same in every mode, or it would be said here.
        let changes: Vec<_> = changes.into_iter().collect();
        lines.push(format!("{version}{warning}: {}", changes.join("; or ")));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    3.4.10: --unsafe-no-fsync=true
    3.4.23: as before
    3.4.25: as before
    3.5.1: --socket-reuse-port=true
    3.5.8: as before
    3.5.15: as before
    3.6.14: as before
    3.7.1: as before
    3.9.0 (etcd 3.9.0 is newer than any that Tercet knows: its flags are taken to be those of 3.7): as before
    ");
}

/// Each mode beside the one before, on one version.
#[test]
fn what_modes_are_told_otherwise() {
    let told = |security| words(&Spec::default().security(security), "3.5.1").unwrap();
    let mut lines = vec![told(Security::Plaintext).join("\n")];
    for pair in Security::ALL.windows(2) {
        let (before, now) = (told(pair[0]), told(pair[1]));
        lines.push(format!("\n{} has not, of {}:", pair[1], pair[0]));
        lines.extend(more(&before, &now).into_iter().map(str::to_owned));
        lines.push("and has:".to_owned());
        lines.extend(more(&now, &before).into_iter().map(str::to_owned));
    }
    insta::assert_snapshot!("modes", lines.join("\n"));
}

/// What each option adds on each version, or why it cannot be had there.
#[test]
fn what_options_are_on_each_version() {
    let (spec, tls) = (Spec::default, TlsOptions::default);
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let options = [
        ("timing stock", spec().timing(Timing::Stock)),
        ("tls min", spec().tls(tls().min_version(TlsVersion::V1_3))),
        ("tls max", spec().tls(tls().max_version(TlsVersion::V1_2))),
        ("cipher suites", spec().tls(tls().cipher_suites([suite]))),
        ("a suite of TLS 1.3", spec().tls(tls().cipher_suites([suite, "TLS_AES_128_GCM_SHA256"]))),
        ("revocation list", spec().tls(tls().revocation_list())),
        ("client host", spec().gateway(false).tls(tls().allowed_client_hosts(["a.example"]))),
        ("peer name", spec().tls(tls().allowed_peer_names(["peers"]))),
        ("peer names", spec().tls(tls().allowed_peer_names(["one", "two"]))),
        ("peer host", spec().tls(tls().allowed_peer_hosts(["a.example"]))),
        ("separate outgoing", spec().tls(tls().separate_outgoing())),
        ("skip peer address", spec().tls(tls().skip_peer_address_check())),
        ("no gateway", spec().gateway(false)),
        ("http port", spec().http_port(true)),
        ("http port and list", spec().http_port(true).tls(tls().revocation_list())),
        ("v2", spec().v2(true)),
        ("flag of 3.7", spec().flag("corrupt-check-time", "1h")),
    ];
    let mut lines = Vec::new();
    for (name, option) in options {
        lines.push(format!("{name}:"));
        let mut last = String::new();
        for version in VERSIONS {
            let plain = words(&Spec::default(), version).unwrap();
            let said = match words(&option, version) {
                Ok(words) => {
                    let less = more(&plain, &words).into_iter().map(|word| format!("not {word}"));
                    let more = more(&words, &plain).into_iter().map(str::to_owned);
                    less.chain(more).collect::<Vec<_>>().join(" ")
                }
                Err(error) => {
                    format!("refused: {error}").replace(&format!("etcd {version}"), "etcd VERSION")
                }
            };
            if said != last {
                lines.push(format!("  from {version}: {said}"));
            }
            last = said;
        }
    }
    insta::assert_snapshot!("options", lines.join("\n"));
}
