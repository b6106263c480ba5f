//! What curl has to be told of a fleet.

use tercet_harness::{Cluster, Security};
use tercet_tests::{Curl, Curled, PATIENCE, eventually};

/// A fleet, and the curl that is to talk to it.
pub(crate) struct Asked<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) curl: Curl,
}

impl Asked<'_> {
    /// The URL of `path` at the first member.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.cluster.endpoints()[0])
    }

    /// `--cacert`, as in the guide's first example.
    pub(crate) fn trusting(&self) -> Vec<String> {
        let files = self.cluster.files();
        vec!["--cacert".to_owned(), files.ca.display().to_string()]
    }

    /// `--cacert`, `--cert` and `--key`, as in its second.
    pub(crate) fn showing(&self) -> Vec<String> {
        let client = &self.cluster.files().client;
        let mut words = self.trusting();
        for (word, file) in [("--cert", &client.certificate), ("--key", &client.key)] {
            words.extend([word.to_owned(), file.display().to_string()]);
        }
        words
    }

    /// What is needed to get in.
    pub(crate) fn admitted(&self) -> Vec<String> {
        match self.cluster.plan().security() {
            Security::Plaintext => Vec::new(),
            Security::ServerTls => self.trusting(),
            Security::Auto => vec!["-k".to_owned()],
            _ => self.showing(),
        }
    }

    /// Asks for `path` with these words before the URL and those behind it.
    pub(crate) fn ask(&self, before: Vec<String>, path: &str, behind: &[&str]) -> Curled {
        let behind = behind.iter().copied().map(str::to_owned);
        self.curl.run(before.into_iter().chain([self.url(path)]).chain(behind))
    }

    /// Asks for `path` as one who gets in.
    pub(crate) fn get(&self, path: &str, behind: &[&str]) -> Curled {
        self.ask(self.admitted(), path, behind)
    }
}

/// The first member has refused somebody who showed no certificate, and has logged it.
///
/// It is the one place that tells: with TLS 1.3 the other side may see an alert, or only that nobody
/// is there any more.
pub(crate) fn assert_refused_for_want_of_a_certificate(cluster: &Cluster) {
    let member = cluster.member(0);
    let line = "tls: client didn't provide a certificate";
    let said = || member.log_tail(200).iter().any(|text| text.contains(line));
    assert!(eventually(PATIENCE, said), "{:#?}", member.log_tail(20));
}
