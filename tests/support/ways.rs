//! From one version to the next: which etcds tests of that take.

use std::sync::OnceLock;

use tercet_cluster::binary::{Binary, Version};

use super::etcds::{all, alone, list, say};

/// Each way up that there is: one etcd of each minor version, the oldest first. One way is by the
/// oldest patch releases that are here, and one by the newest, where that is another.
///
/// Where one etcd is to be tested alone, every way ends at that one. So of several passes one goes
/// each way: that of its end; and one with nothing older below it goes none. Which ways there are is
/// written past the capture of a passing test, once in a process, also when there are none.
#[must_use]
pub fn ways_up() -> &'static [Vec<&'static Binary>] {
    static WAYS: OnceLock<Vec<Vec<&'static Binary>>> = OnceLock::new();
    WAYS.get_or_init(|| {
        let end = alone();
        let mut ways = Vec::new();
        for newest in [false, true] {
            let way = way_up(all(), newest, end.map(Binary::version));
            if way.len() > 1 && !ways.contains(&way) {
                ways.push(way);
            }
        }
        if ways.is_empty() {
            let why = match end {
                Some(end) => format!("etcd {} is tested alone, and none is older", end.version()),
                None => "all etcds that are here are of one minor version".to_owned(),
            };
            say(&format!("no tests of upgrades and downgrades: {why}"));
        }
        for way in &ways {
            let versions = way.iter().map(|etcd| etcd.version());
            say(&format!("tests of upgrades and downgrades go {}", list(versions, " → ")));
        }
        ways
    })
}

/// Each two etcds of which the second is one minor version after the first, on any of the
/// [ways](ways_up). Where one is tested alone, only those that end there.
#[must_use]
pub fn steps_up() -> Vec<(&'static Binary, &'static Binary)> {
    let end = alone().map(Binary::version);
    let mut steps: Vec<(&Binary, &Binary)> = Vec::new();
    for pair in ways_up().iter().flat_map(|way| way.windows(2)) {
        let step = (pair[0], pair[1]);
        if end.is_none_or(|end| step.1.version() == end) && !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

/// Each two etcds here of which the second is the next patch release of the same minor version.
/// Where one is tested alone, only those that end there.
#[must_use]
pub fn patch_steps() -> Vec<(&'static Binary, &'static Binary)> {
    let end = alone().map(Binary::version);
    let pairs = all().windows(2).map(|pair| (&pair[0], &pair[1]));
    pairs
        .filter(|(old, new)| old.version().minor() == new.version().minor())
        .filter(|(_, new)| end.is_none_or(|end| new.version() == end))
        .collect()
}

fn way_up(etcds: &[Binary], newest: bool, end: Option<Version>) -> Vec<&Binary> {
    let mut way: Vec<&Binary> = Vec::new();
    for etcd in etcds {
        let version = etcd.version();
        let is_end = end.is_some_and(|end| version == end);
        // Of the minor version of the end there is only the end.
        if end.is_some_and(|end| version.minor() >= end.minor() && !is_end) {
            continue;
        }
        match way.last_mut() {
            Some(last) if last.version().minor() == version.minor() => {
                if newest {
                    *last = etcd;
                }
            }
            _ => way.push(etcd),
        }
    }
    way
}
