//! The Debian package `etcd-server`, and `etcd-client` for its etcdctl.
//!
//! apt is run as a program and as any user: nothing is installed, and nothing of the system's state
//! is touched. It checks what it gets against its own signatures, so that no sum is pinned here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::error::{Attempt, chain};
use super::super::pins::platform;
use super::super::search_path;
use super::super::store::failed;
use super::super::tool::{Answer, Outcome, Tool, ToolError};
use super::super::{Release, Source, Version};
use super::apt_lists::{Listed, listed, version_of};
use super::delivery::{Delivery, Failure, Job};
use super::transfer::sha256_of;
use super::unpack::tree;

const SERVER: &str = "etcd-server";
const CLIENT: &str = "etcd-client";
const PLACE: &str = "Debian package etcd-server";

/// What apt and dpkg may take for something that needs no network: a second for the package lists,
/// and half a minute on a machine with far more work than processors.
pub(super) const LOCAL_WITHIN: Duration = Duration::from_secs(90);

/// What getting the lists, or the packages, may take.
const TOTAL: Duration = Duration::from_secs(10 * 60);

/// How long an archive may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The supported versions that a release of Debian or Ubuntu has: 12 (bookworm), 24.04 (noble), 13
/// (trixie). Only for one of them are new package lists worth their time when it was asked for.
const SHIPPED: [Version; 3] =
    [Version::new(3, 4, 23), Version::new(3, 4, 30), Version::new(3, 5, 16)];

pub(super) fn get(job: &Job<'_>) -> Result<Delivery, Failure> {
    let directory = job.workspace.join("apt");
    fs::create_dir(&directory).map_err(|error| failed("write to", &directory, error))?;
    let mut apt = Apt::new(job, directory)?;
    let lists = match job.version {
        Some(wanted) => lists_for(wanted, &listed(job), job)?,
        None => Lists::NewIfNeeded,
    };
    let candidate = apt.candidate(lists)?;
    if let Some(wanted) = job.version
        && wanted != candidate
    {
        return Err(Attempt::new(PLACE, it_is(&[candidate])).into());
    }
    // Before it is got, which takes a while.
    Release::of(candidate).map_err(|error| Attempt::new(PLACE, error.to_string()))?;
    let cached = job.locator.cache().and_then(|cache| cache.find(candidate, Some(Source::Apt)));
    if let Some(cached) = cached {
        return Ok(Delivery::Cached(cached));
    }
    let description = Source::Apt.description();
    job.locator.progress().say(&format!("getting etcd {candidate} from {description} ..."));
    let package = apt.download()?;
    let root = job.workspace.join("root");
    for package in [Some(package.clone()), apt.downloaded(CLIENT)].into_iter().flatten() {
        apt.unpack(&package, &root)?;
    }
    tree(&root, &job.unpacked).map_err(|error| job.not_unpacked(PLACE, error))?;
    let sha256 = sha256_of(&package).map_err(|error| failed("read", &package, error))?;
    let file = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Delivery::Unpacked { file, sha256, missed: Vec::new() })
}

/// Which package lists are to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    /// Those of this machine.
    Own,
    /// Those of this machine, and new ones when they have no etcd.
    NewIfNeeded,
}

/// Whether apt is to be asked for `wanted`, and by which lists; `listed` is what this machine's own
/// lists say.
///
/// New lists take long, minutes on some lines, and are mostly in vain: they are got only for a
/// version that no other source has and that a Debian has.
fn lists_for(wanted: Version, listed: &Listed, job: &Job<'_>) -> Result<Lists, Attempt> {
    let elsewhere = job.locator.pins().archive(wanted, &platform()).is_some();
    let worth_new_lists = SHIPPED.contains(&wanted) && !elsewhere;
    match listed {
        Listed::Versions(versions) if versions.contains(&wanted) => Ok(Lists::Own),
        Listed::Versions(versions) if !versions.is_empty() => {
            Err(Attempt::new(PLACE, it_is(versions)))
        }
        _ if worth_new_lists => Ok(Lists::NewIfNeeded),
        Listed::Unknown => Ok(Lists::Own),
        Listed::Versions(_) => {
            let why = "this machine has no package lists with it; to get them: apt-get update";
            Err(Attempt::new(PLACE, why))
        }
    }
}

fn it_is(versions: &[Version]) -> String {
    let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
    format!("it is etcd {} here", versions.join(" or "))
}

struct Apt<'a> {
    job: &'a Job<'a>,
    apt_get: PathBuf,
    dpkg_deb: PathBuf,
    /// Where it works and where its files arrive.
    directory: PathBuf,
    /// Lists of our own, when the system's will not do.
    own_lists: bool,
    /// Whether what apt makes of the lists is kept here: containers switch that off, and then each
    /// of its calls takes a second of processor time to make it.
    own_cache: bool,
    /// What it took to read the lists, without network.
    start: Duration,
}

impl<'a> Apt<'a> {
    fn new(job: &'a Job<'a>, directory: PathBuf) -> Result<Self, Attempt> {
        let program = |name| {
            search_path::find(job.locator.search_path(), name)
                .ok_or_else(|| Attempt::new(PLACE, format!("{name} is not on this machine")))
        };
        let (apt_get, dpkg_deb) = (program("apt-get")?, program("dpkg-deb")?);
        let start = Duration::ZERO;
        let own_cache = !Path::new("/var/cache/apt/pkgcache.bin").exists();
        Ok(Self { job, apt_get, dpkg_deb, directory, own_lists: false, own_cache, start })
    }

    /// The version that apt would get. A fresh container has no package lists: then new ones are
    /// got, for us alone, if `lists` has nothing against it.
    fn candidate(&mut self, lists: Lists) -> Result<Version, Failure> {
        for path in ["lists/partial", "cache/archives/partial"] {
            let path = self.directory.join(path);
            fs::create_dir_all(&path).map_err(|error| failed("write to", &path, error))?;
        }
        match (self.candidate_now(), lists) {
            (Ok(version), _) => Ok(version),
            (Err(attempt), Lists::Own) => Err(attempt.into()),
            (Err(_), Lists::NewIfNeeded) => {
                self.job.locator.progress().say("getting package lists for apt ...");
                self.update()?;
                Ok(self.candidate_now()?)
            }
        }
    }

    fn candidate_now(&mut self) -> Result<Version, Attempt> {
        let begun = Instant::now();
        let tool = self.tool(LOCAL_WITHIN).args(["download", "--print-uris", SERVER]);
        let outcome = ended(tool.run())?;
        self.start = self.start.max(begun.elapsed());
        offered(&outcome.text).ok_or_else(|| Attempt::new(PLACE, complaint(&outcome)))
    }

    fn update(&mut self) -> Result<(), Attempt> {
        (self.own_lists, self.own_cache) = (true, true);
        let update = self.tool(TOTAL).args(["update"]);
        // What came of it shows in whether there is a candidate now: one dead archive among several
        // does not matter when the package is in another.
        ended(self.network(update))?;
        Ok(())
    }

    /// Gets the packages and returns the server's.
    fn download(&self) -> Result<PathBuf, Attempt> {
        let both = self.tool(TOTAL).args(["download", SERVER, CLIENT]);
        let mut outcome = ended(self.network(both))?;
        if self.downloaded(SERVER).is_none() {
            // The client is welcome but not needed, and not every archive has it.
            outcome = ended(self.network(self.tool(TOTAL).args(["download", SERVER])))?;
        }
        self.downloaded(SERVER).ok_or_else(|| Attempt::new(PLACE, complaint(&outcome)))
    }

    fn downloaded(&self, package: &str) -> Option<PathBuf> {
        let mut files = fs::read_dir(&self.directory).ok()?.flatten().map(|entry| entry.path());
        files.find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
        })
    }

    fn unpack(&self, package: &Path, root: &Path) -> Result<(), Attempt> {
        let tool = Tool::new(&self.dpkg_deb, LOCAL_WITHIN).args(["-x".as_ref(), package, root]);
        let outcome = ended(tool.run())?;
        match outcome.status.success() {
            true => Ok(()),
            false => Err(Attempt::new(PLACE, complaint(&outcome))),
        }
    }

    fn tool(&self, total: Duration) -> Tool {
        let tool = self.job.tool(&self.apt_get, total).current_dir(&self.directory);
        // Its words are read below.
        let tool = tool.env("LC_ALL", "C").args(["-q"]);
        let mut options = vec![
            "Acquire::Retries=0".to_owned(),
            "Acquire::http::Timeout=3".to_owned(),
            "Acquire::https::Timeout=3".to_owned(),
            // Its helper may not enter our directory, which is closed to other users; it would fall
            // back to this by itself, with a warning.
            "APT::Sandbox::User=root".to_owned(),
        ];
        let directory = self.directory.display();
        if self.own_lists {
            options.push(format!("Dir::State::lists={directory}/lists"));
            options.push("Acquire::Languages=none".to_owned());
        }
        if self.own_cache {
            options.push(format!("Dir::Cache={directory}/cache"));
            options.push("Dir::Cache::pkgcache=pkgcache.bin".to_owned());
        }
        tool.args(options.into_iter().flat_map(|option| ["-o".to_owned(), option]))
    }

    fn network(&self, tool: Tool) -> Result<Outcome, ToolError> {
        let progress = self.job.locator.progress();
        let outcome = tool
            // So that it says when it begins to ask: the words of its own protocol with its helpers.
            .args(["-o", "Debug::pkgAcquire::Worker=true"])
            .answered(Answer {
                asked_by: |text| text.contains("600%20URI%20Acquire"),
                shown_by: |text| text.contains("Get:") || text.contains("Hit:"),
                // What apt itself needs to ask and to read the answer is less than its start, and
                // takes as much longer on a busy machine.
                within: ANSWER_WITHIN + self.start,
                asks_within: LOCAL_WITHIN,
            })
            .run_watched(|| progress.advance(self.job.workspace_bytes(), None));
        progress.finish();
        outcome
    }
}

fn ended(result: Result<Outcome, ToolError>) -> Result<Outcome, Attempt> {
    result.map_err(|error| Attempt::new(PLACE, chain(&error)))
}

/// The version in `'ADDRESS' etcd-server_3.4.23-4+b4_amd64.deb 8438488 SHA256:...`, where an epoch
/// would be written `1%3a3.4.23`.
fn offered(uris: &str) -> Option<Version> {
    uris.lines().find_map(|line| {
        let file = line.split_whitespace().nth(1)?;
        let version = file.strip_prefix(SERVER)?.strip_prefix('_')?;
        version_of(version.rsplit_once("%3a").map_or(version, |(_epoch, version)| version))
    })
}

/// The line in which apt says what went wrong.
fn complaint(outcome: &Outcome) -> String {
    let mut errors = outcome.text.lines().filter_map(|line| line.strip_prefix("E: "));
    match errors.next() {
        Some(line) => line.to_owned(),
        None => format!("it ended with {} and no package", outcome.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_name_of_the_package() {
        let line = |file: &str| format!("'http://archive/{file}' {file} 8438488 SHA256:3a94\n");
        for (file, version) in [
            ("etcd-server_3.4.23-4+b4_amd64.deb", Some(Version::new(3, 4, 23))),
            ("etcd-server_3.4.23-4%2bb4_amd64.deb", Some(Version::new(3, 4, 23))),
            ("etcd-server_1%3a3.5.16+dfsg-2_arm64.deb", Some(Version::new(3, 5, 16))),
            ("etcd-server_3.5.16~rc1-1_arm64.deb", Some(Version::new(3, 5, 16))),
            ("etcd-server_snapshot_amd64.deb", None),
            ("etcd-client_3.4.23-4_amd64.deb", None),
        ] {
            assert_eq!(offered(&line(file)), version, "{file}");
        }
        assert_eq!(offered("E: Unable to locate package etcd-server"), None);
    }
}
