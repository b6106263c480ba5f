//! What the doctor says of a scene.

use tercet_pki::doctor::{Description, Finding, Rule, Severity, Url, examine, look};
use time::OffsetDateTime;

use crate::scene::Scene;

impl Scene {
    /// Sees that the doctor finds `rule`, with all of `said` among what is printed today, and all
    /// of `fix` in what it says to change.
    pub(crate) fn found(&self, rule: Rule, severity: Severity, said: &[&str], fix: &[&str]) {
        self.found_in(&self.description(), rule, severity, said, fix);
    }

    /// The same of a description that a test has changed.
    pub(crate) fn found_in(
        &self,
        description: &Description,
        rule: Rule,
        severity: Severity,
        said: &[&str],
        fix: &[&str],
    ) {
        let findings = examine(description);
        let Some(finding) = findings.iter().find(|finding| finding.rule == rule) else {
            panic!("no {rule} among {findings:#?}");
        };
        assert_eq!(finding.severity, severity, "{finding:#?}");
        for text in said {
            assert!(finding.today.contains(text), "not {text:?} in today: {finding:#?}");
        }
        let where_and_how = format!("{:?} {:?} {}", finding.file, finding.field, finding.fix);
        for text in fix {
            assert!(where_and_how.contains(text), "not {text:?} in the fix: {finding:#?}");
        }
        // What works in spite of it is no error, and what follows from it is not said again.
        let errors: Vec<_> = errors(&findings).filter(|other| other.rule != rule).collect();
        assert!(errors.is_empty(), "besides {rule}: {errors:#?}");
    }

    /// Sees that the doctor finds nothing that has to be mended, and that it works.
    pub(crate) fn is_cured_of(&self, rule: Rule) {
        let findings = examine(&self.description());
        let left: Vec<_> = findings
            .iter()
            .filter(|finding| finding.rule == rule || finding.severity == Severity::Error)
            .collect();
        assert!(left.is_empty(), "after the fix of {rule}: {left:#?}");
        self.works();
    }

    /// All that the doctor may know of the scene: what etcd and etcdctl are really given.
    pub(crate) fn description(&self) -> Description {
        let version = self.version();
        let mut description = Description::new(version, OffsetDateTime::now_utc());
        for words in &self.members {
            let environment = words.environment.iter();
            let environment = environment.map(|(name, value)| (name.into(), value.into()));
            let directory = self.directory.path();
            let member = look::arguments(&words.arguments, environment, directory, version);
            description.members.push(member.expect("the command line of a member"));
        }
        let urls = self.client.urls.iter().map(|url| Url::of_client(url).unwrap()).collect();
        let identity = self.client.identity.as_ref();
        description.clients.push(look::client(
            urls,
            self.client.trusted_ca_file.as_deref(),
            identity.map(|(certificate, _)| certificate.as_path()),
            identity.map(|(_, key)| key.as_path()),
        ));
        description
    }
}

fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error)
}
