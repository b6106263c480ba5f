//! From a description to findings.

use super::case::Case;
use super::findings::Findings;
use super::{Description, Finding, rules};

/// Says what is wrong with the TLS of a fleet, by the rules of its etcd and of the Go it is built
/// with. A sound fleet gives no finding.
///
/// Each finding is said once, at its cause: that an authority has expired, and not that every
/// certificate below it is refused. What all members share is said once, with no member. Errors
/// come first, then warnings, then notes; within them the order is that of [`Rule::ALL`].
///
/// Nothing is looked at but `description`, and nothing in it makes this panic. The work is bounded:
/// 100 members, 100 clients, 1000 loose files and 2000 answers, and of a file 1 MiB and 1000 PEM
/// blocks are looked at, and what is beyond that is not.
///
/// [`Rule::ALL`]: super::Rule::ALL
#[must_use]
pub fn examine(description: &Description) -> Vec<Finding> {
    let case = Case::new(description);
    let mut findings = Findings::default();
    for rule in rules::ALL {
        rule(&case, &mut findings);
    }
    findings.into_report(case.members.len())
}
