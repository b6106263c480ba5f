//! A running etcd.

use super::LookError;
use crate::doctor::Member;
use crate::etcd::Version;

/// The member that the process `pid` is: its command line, its environment, where it was started,
/// its files, and when it began. Its files are seen as it sees them, in a container too.
///
/// Linux only, and by the process's user or root.
///
/// # Errors
///
/// [`LookError::Process`], [`LookError::NotEtcd`], [`LookError::Unsupported`], and those of
/// [`arguments`](super::arguments).
pub fn process(pid: u32, version: Version) -> Result<Member, LookError> {
    #[cfg(target_os = "linux")]
    return linux::process(pid, version);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (pid, version);
        Err(LookError::Unsupported)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::fs;
    use std::io::{self, Read as _};
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    use time::{Duration, OffsetDateTime};

    use super::super::{LookError, Place, member};
    use crate::doctor::{Member, Settings};
    use crate::etcd::Version;

    pub(super) fn process(pid: u32, version: Version) -> Result<Member, LookError> {
        let error = |source| LookError::Process { pid, source };
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let arguments = words(&proc.join("cmdline")).map_err(error)?;
        let Some((program, arguments)) = arguments.split_first() else {
            // Kernel threads and what has ended have none.
            return Err(error(io::Error::other("it has no command line")));
        };
        let program = program.to_string_lossy().into_owned();
        if !program.rsplit('/').next().unwrap_or_default().contains("etcd") {
            return Err(LookError::NotEtcd { pid, program });
        }
        let environment = words(&proc.join("environ")).map_err(error)?;
        let settings = Settings::from_arguments(
            arguments.iter().cloned(),
            environment.into_iter().filter_map(pair),
            version,
        );
        let settings = settings.map_err(|source| LookError::Arguments {
            what: format!("the command line of process {pid}"),
            source,
        })?;
        let place = Place { root: root(&proc).map_err(error)?, directory: proc.join("cwd") };
        let mut member = member(settings, &place, version)?;
        member.started = started(&proc);
        Ok(member)
    }

    /// What is between the zeros of a file of the kernel.
    fn words(path: &Path) -> io::Result<Vec<OsString>> {
        // The kernel's own limit for both together.
        const MAX_BYTES: u64 = 8 * 1024 * 1024;
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        Ok(bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect())
    }

    fn pair(variable: OsString) -> Option<(OsString, OsString)> {
        let bytes = variable.into_vec();
        let at = bytes.iter().position(|byte| *byte == b'=')?;
        let value = OsString::from_vec(bytes.get(at + 1..)?.to_vec());
        Some((OsString::from_vec(bytes.get(..at)?.to_vec()), value))
    }

    /// What stands before the process's absolute paths; nothing where it sees what we see.
    fn root(proc: &Path) -> io::Result<PathBuf> {
        let link = proc.join("root");
        let (theirs, ours) = (fs::metadata(&link)?, fs::metadata("/")?);
        let same = (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino());
        Ok(if same { PathBuf::new() } else { link })
    }

    /// When the process began, to the second, and not before that: a file that is written in the
    /// same second must not look as if it were newer than the process.
    fn started(proc: &Path) -> Option<OffsetDateTime> {
        let since_boot = ticks(&fs::read_to_string(proc.join("stat")).ok()?)?;
        let boot = booted(&fs::read_to_string("/proc/stat").ok()?)?;
        // The time of boot is cut to the second, and the ticks are added to that.
        let whole_seconds = since_boot.div_ceil(TICKS_PER_SECOND);
        boot.checked_add(Duration::seconds(i64::try_from(whole_seconds).ok()? + 1))
    }

    /// Of times in /proc. The kernel's `USER_HZ`, which is this on every platform that etcd runs on.
    const TICKS_PER_SECOND: u64 = 100;

    /// Field 22 of `/proc/PID/stat`. The second is the name in parentheses, which may hold anything.
    fn ticks(stat: &str) -> Option<u64> {
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
    }

    fn booted(stat: &str) -> Option<OffsetDateTime> {
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_kernels_texts_are_read() {
            let stat = "17 (etcd) x (y) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 19";
            assert_eq!(ticks(stat), Some(4242));
            assert_eq!(ticks("nothing"), None);
            let boot = booted("cpu 1 2\nbtime 1700000000\nprocesses 3\n").unwrap();
            assert_eq!(boot.unix_timestamp(), 1_700_000_000);
            assert_eq!(pair("A=b=c".into()), Some(("A".into(), "b=c".into())));
            assert_eq!(pair("A".into()), None);
        }

        /// This process began before now, and after the machine did.
        #[test]
        fn the_start_of_a_process_is_known() {
            let started = started(Path::new("/proc/self")).unwrap();
            let now = OffsetDateTime::now_utc();
            assert!(started <= now + Duration::seconds(2), "{started} {now}");
            assert!(started > now - Duration::days(1), "{started} {now}");
        }
    }
}
