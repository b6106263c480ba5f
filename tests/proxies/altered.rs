//! A proxy that is told something else than it was planned with.

use std::path::{Path, PathBuf};

use tercet_harness::Proxy;
use tercet_tests::RawEtcd;

/// What a proxy was planned with, to be changed. The proxy itself is down: this one takes its port.
pub(crate) struct Altered {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    output: PathBuf,
}

impl Altered {
    /// Of a proxy that runs, which is the control: as it was planned, it did.
    pub(crate) fn of(proxy: &Proxy<'_>) -> Self {
        proxy.kill().unwrap();
        Self::of_down(proxy)
    }

    /// Of a proxy that is down already.
    pub(crate) fn of_down(proxy: &Proxy<'_>) -> Self {
        let text = |word: &std::ffi::OsString| word.to_str().unwrap().to_owned();
        let plan = proxy.plan();
        Self {
            program: proxy.cluster().binary().path().to_owned(),
            arguments: plan.arguments().iter().map(text).collect(),
            environment: plan.environment().iter().map(|(k, v)| (text(k), text(v))).collect(),
            output: plan.directory().join("altered.log"),
        }
    }

    /// With another value of this flag.
    pub(crate) fn with(mut self, flag: &str, value: impl AsRef<Path>) -> Self {
        let start = format!("--{flag}=");
        let word = self.arguments.iter_mut().find(|word| word.starts_with(&start)).unwrap();
        *word = format!("{start}{}", value.as_ref().display());
        self
    }

    /// Without this flag.
    pub(crate) fn without(mut self, flag: &str) -> Self {
        let before = self.arguments.len();
        self.arguments.retain(|word| !word.starts_with(&format!("--{flag}=")));
        assert_eq!(self.arguments.len() + 1, before, "it had --{flag}");
        self
    }

    /// Without this variable in its environment.
    pub(crate) fn without_variable(mut self, name: &str) -> Self {
        let before = self.environment.len();
        self.environment.retain(|(known, _)| known != name);
        assert_eq!(self.environment.len() + 1, before, "it had {name}");
        self
    }

    pub(crate) fn start(&self) -> RawEtcd {
        RawEtcd::start(&self.program, &self.arguments, &self.environment, &self.output)
    }
}
