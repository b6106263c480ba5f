//! Every etcd that tests may use at once.

use std::sync::OnceLock;

use tercet_cluster::binary::{Binary, Locator, Request, Source, Version};

/// What every machine has that tests run on: pip's, and that of Debian 12.
const PROMISED: [Version; 2] = [Version::new(3, 4, 23), Version::new(3, 5, 1)];

/// Every etcd that a test of several versions is to be run on, the oldest first: [`all`] that there
/// are; or, with `TERCET_TEST_ALONE=1`, only that in `TERCET_ETCD`. `cargo xtask test` says so, which
/// runs all tests once for each: on three versions, each such test would else run nine times.
///
/// # Panics
///
/// As [`all`]; and when there is no etcd in that variable.
#[must_use]
pub fn available() -> &'static [Binary] {
    static AVAILABLE: OnceLock<Vec<Binary>> = OnceLock::new();
    AVAILABLE.get_or_init(|| match alone() {
        Some(etcd) => vec![etcd.clone()],
        None => all().to_vec(),
    })
}

/// The only etcd that tests of one version are to be run on, if there is one.
pub(super) fn alone() -> Option<&'static Binary> {
    static ALONE: OnceLock<Option<Binary>> = OnceLock::new();
    let alone = ALONE.get_or_init(|| {
        std::env::var_os("TERCET_TEST_ALONE").filter(|value| !value.is_empty())?;
        let path = std::env::var_os("TERCET_ETCD").filter(|value| !value.is_empty())?;
        let etcd = Locator::from_env().locate(&Request::Path(path.into()));
        Some(etcd.expect("TERCET_ETCD names an etcd"))
    });
    alone.as_ref()
}

/// Every etcd that is here for tests that need several, the oldest first, none twice: pip's and
/// Debian's, got if need be; those that the cache holds; and what is named in `TERCET_TEST_ETCDS`,
/// a list of programs or directories like `PATH`. What there is, and what not, is written past the
/// capture of a passing test, once in a process.
///
/// It blocks, the first time perhaps for a download.
///
/// # Panics
///
/// When what the variable names is no etcd.
#[must_use]
pub fn all() -> &'static [Binary] {
    static ALL: OnceLock<Vec<Binary>> = OnceLock::new();
    ALL.get_or_init(|| {
        let locator = Locator::from_env();
        let mut found = Vec::new();
        let mut missing = Vec::new();
        let named = std::env::var_os("TERCET_TEST_ETCDS").unwrap_or_default();
        for path in std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()) {
            let etcd = locator.locate(&Request::Path(path));
            found.push(etcd.expect("TERCET_TEST_ETCDS names etcds"));
        }
        let cached = locator.clone().offline(true);
        for version in locator.cached().iter().map(|cached| cached.version()) {
            found.extend(cached.locate(&Request::Version(version)));
        }
        let packages = locator.sources([Source::Pip, Source::Apt]);
        for version in PROMISED {
            if found.iter().any(|etcd: &Binary| etcd.version() == version) {
                continue;
            }
            match packages.locate(&Request::Version(version)) {
                Ok(etcd) => found.push(etcd),
                Err(_) => missing.push(version.to_string()),
            }
        }
        // What is tested alone may be where nobody else looks.
        found.extend(alone().cloned());
        found.sort_by_key(Binary::version);
        found.dedup_by_key(|etcd| etcd.version());
        assert!(!found.is_empty(), "there is no etcd to test on");
        let versions = list(found.iter().map(Binary::version), ", ");
        let mut text = format!("tests of several versions use etcd {versions}");
        if !missing.is_empty() {
            text += &format!("; not to be had here: {}", missing.join(", "));
        }
        say(&text);
        found
    })
}

/// The newest patch release of the minor `3.MINOR` that is here, whatever is to be tested alone.
#[must_use]
pub fn of_minor(minor: u16) -> Option<&'static Binary> {
    all().iter().rfind(|etcd| etcd.version().minor() == minor)
}

/// These versions in one line.
pub(super) fn list(versions: impl Iterator<Item = Version>, between: &str) -> String {
    versions.map(|version| version.to_string()).collect::<Vec<_>>().join(between)
}

/// Writes a line past the capture of a passing test.
pub fn say(text: &str) {
    use std::io::Write as _;
    // The macros are captured, the stream is not.
    let _ = writeln!(std::io::stderr(), "tercet-tests: {text}");
}
