//! What the rules have found so far, and which of it is only the effect of something else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::case::MemberCase;
use super::{Finding, Rule, Severity};

/// A thing that can be wrong, and by that make other things look wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// A file: what is not there, or cannot be read, is judged no further.
    File(PathBuf),
    /// A certificate, by its fingerprint: an authority's takes those below it along.
    Certificate([u8; 32]),
    /// The weakness of a certificate, by its fingerprint: that some builds refuse it need not be
    /// said where the one at hand does.
    Weakness([u8; 32]),
    /// That a certificate is without extensions, by its fingerprint.
    Extensions([u8; 32]),
    /// A setting of the member with this index, by the name of its flag without dashes.
    Setting(usize, String),
}

/// A finding with what it is about, for chaining.
///
/// ```text
/// findings.add(
///     Found::error(Rule::AuthorityExpired, "etcd prints …", "The authority …", "Issue …")
///         .file(&document.path)
///         .field("notAfter")
///         .causes(Subject::Certificate(authority.fingerprint)),
/// );
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Found {
    finding: Finding,
    member: Option<usize>,
    causes: BTreeSet<Subject>,
    follows: BTreeSet<Subject>,
}

impl Found {
    /// A start, a peer link or the client fails, or is unsafe now.
    pub(crate) fn error(
        rule: Rule,
        today: impl Into<String>,
        meaning: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(rule, Severity::Error, today.into(), meaning.into(), fix.into())
    }

    /// It works, and is weak or will break.
    pub(crate) fn warning(
        rule: Rule,
        today: impl Into<String>,
        meaning: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(rule, Severity::Warning, today.into(), meaning.into(), fix.into())
    }

    /// Worth knowing; nothing need be done.
    pub(crate) fn note(
        rule: Rule,
        today: impl Into<String>,
        meaning: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(rule, Severity::Note, today.into(), meaning.into(), fix.into())
    }

    fn new(rule: Rule, severity: Severity, today: String, meaning: String, fix: String) -> Self {
        let (member, file, field) = (None, None, None);
        let finding = Finding { rule, severity, member, file, field, today, meaning, fix };
        Self { finding, member: None, causes: BTreeSet::new(), follows: BTreeSet::new() }
    }

    /// The member that has it. When others have the very same, it is said once for all.
    pub(crate) fn member(mut self, member: &MemberCase<'_>) -> Self {
        self.finding.member = Some(member.name.to_owned());
        self.member = Some(member.index);
        self
    }

    /// The same of whoever is called so and was not described.
    pub(crate) fn called(mut self, name: &str) -> Self {
        self.finding.member = Some(name.to_owned());
        self
    }

    /// The file to look at.
    pub(crate) fn file(mut self, path: &Path) -> Self {
        self.finding.file = Some(path.to_owned());
        self
    }

    /// What of it: a flag, or a field of the certificate.
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.finding.field = Some(field.into());
        self
    }

    /// Whatever [follows](Self::follows) `subject` is explained by this finding, and left out.
    pub(crate) fn causes(mut self, subject: Subject) -> Self {
        self.causes.insert(subject);
        self
    }

    /// This finding is left out if another one is the cause of `subject`.
    pub(crate) fn follows(mut self, subject: Subject) -> Self {
        self.follows.insert(subject);
        self
    }
}

/// What the rules have found so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Found>,
}

impl Findings {
    /// Adds one.
    pub(crate) fn add(&mut self, found: Found) {
        self.found.push(found);
    }

    /// Whether one that was found is like this.
    pub(crate) fn any(&self, is_it: impl Fn(&Finding) -> bool) -> bool {
        self.found.iter().any(|found| is_it(&found.finding))
    }

    /// The report: effects left out, the same said once, the worst first. `members` is how many
    /// there are.
    pub(crate) fn into_report(self, members: usize) -> Vec<Finding> {
        let mut found = merged(without_effects(self.found), members);
        found.sort_by(|one, other| key(one).cmp(&key(other)));
        found.into_iter().map(|found| found.finding).collect()
    }
}

/// Errors first; then by the number of the rule; then what all share, and each member in turn.
fn key(found: &Found) -> impl Ord {
    let Finding { severity, rule, member, file, field, today, .. } = &found.finding;
    // Those that are known by their names alone have no other order.
    let of_whom = (found.member, member.clone());
    (std::cmp::Reverse(*severity), *rule, of_whom, file.clone(), field.clone(), today.clone())
}

/// Leaves out what is explained by another finding.
///
/// A finding that is nobody's effect stays, and takes everything with it that can be reached from
/// it. Findings that explain each other in a circle are not all left out: the first of them stays.
fn without_effects(found: Vec<Found>) -> Vec<Found> {
    let mut followers: BTreeMap<&Subject, Vec<usize>> = BTreeMap::new();
    for (index, found) in found.iter().enumerate() {
        for subject in &found.follows {
            followers.entry(subject).or_default().push(index);
        }
    }
    let effects = |index: usize| {
        let causes = found[index].causes.iter();
        let effects = causes.filter_map(|subject| followers.get(subject)).flatten().copied();
        effects.filter(move |&effect| effect != index).collect::<Vec<_>>()
    };

    let mut is_effect = vec![false; found.len()];
    for index in 0..found.len() {
        for effect in effects(index) {
            is_effect[effect] = true;
        }
    }
    let mut explained = vec![false; found.len()];
    let mut stays = vec![false; found.len()];
    // First those that nothing explains, then what is left: circles.
    let roots = (0..found.len()).filter(|&index| !is_effect[index]);
    let circles = (0..found.len()).filter(|&index| is_effect[index]);
    for root in roots.chain(circles) {
        if explained[root] {
            continue;
        }
        stays[root] = true;
        let mut open = effects(root);
        while let Some(index) = open.pop() {
            if !explained[index] && !stays[index] {
                explained[index] = true;
                open.extend(effects(index));
            }
        }
    }
    found.into_iter().zip(stays).filter_map(|(found, stays)| stays.then_some(found)).collect()
}

/// Says once what several have: what is about one file, and what all members have.
fn merged(found: Vec<Found>, members: usize) -> Vec<Found> {
    let mut alike: Vec<(Found, BTreeSet<usize>)> = Vec::new();
    let mut places: BTreeMap<Place, usize> = BTreeMap::new();
    let mut apart = Vec::new();
    for found in found {
        let Finding { rule, severity, file, field, today, meaning, fix, .. } = &found.finding;
        let place = (
            (*rule, *severity, file.clone(), field.clone()),
            (today.clone(), meaning.clone(), fix.clone()),
        );
        let index = *places.entry(place).or_insert_with(|| {
            alike.push((found.clone(), BTreeSet::new()));
            alike.len() - 1
        });
        alike[index].1.extend(found.member);
        apart.push((index, found));
    }
    let mut said = BTreeSet::new();
    let mut merged = Vec::new();
    for (index, mut found) in apart {
        let (first, holders) = &alike[index];
        let once = holders.len() > 1 && (first.finding.file.is_some() || holders.len() == members);
        let who = if once { None } else { found.member };
        if said.insert((index, who)) {
            if once {
                found.member = None;
                found.finding.member = None;
            }
            merged.push(found);
        }
    }
    merged
}

/// What makes two findings the same, but for whose they are.
type Place = ((Rule, Severity, Option<PathBuf>, Option<String>), (String, String, String));

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: Rule) -> Found {
        Found::error(rule, "today", "meaning", "fix")
    }

    fn on(mut found: Found, member: usize) -> Found {
        found.member = Some(member);
        found.finding.member = Some(format!("infra{member}"));
        found
    }

    fn report(found: Vec<Found>, members: usize) -> Vec<(Rule, Option<String>)> {
        let report = Findings { found }.into_report(members);
        report.into_iter().map(|finding| (finding.rule, finding.member)).collect()
    }

    #[test]
    fn an_effect_is_left_out_and_so_is_its_effect() {
        let setting = |name: &str| Subject::Setting(0, name.to_owned());
        let cause = found(Rule::UnknownSetting).causes(setting("a"));
        let effect = found(Rule::PeersUnauthenticated).follows(setting("a")).causes(setting("b"));
        let last = found(Rule::Revoked).follows(setting("b"));
        let other = found(Rule::KeyMismatch).follows(setting("c"));
        assert_eq!(
            report(vec![last.clone(), effect.clone(), other, cause], 1),
            [(Rule::KeyMismatch, None), (Rule::UnknownSetting, None)]
        );
        assert_eq!(report(vec![last, effect], 1), [(Rule::PeersUnauthenticated, None)]);
    }

    #[test]
    fn a_circle_does_not_hide_itself() {
        let file = |name: &str| Subject::File(PathBuf::from(name));
        let one = found(Rule::Expired).causes(file("a")).follows(file("b"));
        let other = found(Rule::NotYetValid).causes(file("b")).follows(file("a"));
        assert_eq!(report(vec![one, other], 1), [(Rule::Expired, None)]);
        let own = found(Rule::Expired).causes(file("a")).follows(file("a"));
        assert_eq!(report(vec![own], 1), [(Rule::Expired, None)]);
    }

    #[test]
    fn what_all_have_is_said_once_and_what_some_have_for_each() {
        let flag = || found(Rule::UnknownSetting).field("--ca-file");
        assert_eq!(report(vec![on(flag(), 0), on(flag(), 1)], 2), [(Rule::UnknownSetting, None)]);
        assert_eq!(
            report(vec![on(flag(), 0), on(flag(), 1)], 3),
            [
                (Rule::UnknownSetting, Some("infra0".into())),
                (Rule::UnknownSetting, Some("infra1".into()))
            ]
        );
        let file = || found(Rule::Expired).file(Path::new("server.crt"));
        assert_eq!(report(vec![on(file(), 0), on(file(), 1)], 3), [(Rule::Expired, None)]);
        assert_eq!(
            report(vec![on(file(), 0), on(file(), 0)], 3),
            [(Rule::Expired, Some("infra0".into()))]
        );
    }

    #[test]
    fn errors_come_first() {
        let weak = Found::warning(Rule::KeyReadable, "", "", "");
        assert_eq!(
            report(vec![weak, found(Rule::ExpiresSoon)], 1),
            [(Rule::ExpiresSoon, None), (Rule::KeyReadable, None)]
        );
    }
}
