//! Processes that are known for a run's by what they were told, as the watchdog knows them.

use std::io;
use std::path::Path;

use super::watchdog::NAME;

/// A process whose command line or environment names a run directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Its data, or its configuration, is in there.
    Member,
    /// It is the watchdog of it.
    Watchdog,
}

/// The processes that name `directory`, this one excepted.
///
/// # Errors
///
/// When processes cannot be listed.
pub(crate) fn naming(directory: &Path) -> io::Result<Vec<(u32, Naming)>> {
    let directory = directory.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    #[cfg(target_os = "linux")]
    for entry in std::fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| *pid != std::process::id()) else { continue };
        if let Some(naming) = naming_of(pid, directory) {
            found.push((pid, naming));
        }
    }
    #[cfg(not(target_os = "linux"))]
    for (pid, line) in lines_of_ps()? {
        if let Some(naming) = of_line(&line, directory) {
            found.push((pid, naming));
        }
    }
    Ok(found)
}

/// How the process `pid` names `directory`, if it does.
#[cfg(target_os = "linux")]
fn naming_of(pid: u32, directory: &[u8]) -> Option<Naming> {
    // Those of others, and those that have ended meanwhile, cannot be read: then they say nothing.
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    of_words(&read("cmdline"), &read("environ"), directory)
}

/// Both are words, each followed by a zero.
#[cfg(target_os = "linux")]
fn of_words(arguments: &[u8], environment: &[u8], directory: &[u8]) -> Option<Naming> {
    let words = |text| <[u8]>::split(text, |byte| *byte == 0);
    let is_in = |word: &[u8], option: &str| {
        let rest = word.strip_prefix(option.as_bytes());
        rest.and_then(|path| path.strip_prefix(directory))
            .is_some_and(|rest| rest.starts_with(b"/"))
    };
    let told = |word| is_in(word, "--data-dir=") || is_in(word, "--config-file=");
    if words(arguments).any(told) || words(environment).any(|word| is_in(word, "ETCD_DATA_DIR=")) {
        return Some(Naming::Member);
    }
    let arguments: Vec<_> = words(arguments).collect();
    let last = [NAME.as_bytes(), directory];
    arguments.windows(2).any(|pair| pair == last).then_some(Naming::Watchdog)
}

/// With their environments, where this ps can show them.
#[cfg(not(target_os = "linux"))]
fn lines_of_ps() -> io::Result<Vec<(u32, String)>> {
    let ps = |options: &str| {
        #[expect(clippy::disallowed_methods, reason = "it is waited for at once")]
        let mut command = std::process::Command::new("ps");
        command.args([options, "-o", "pid=,command="]).stdin(std::process::Stdio::null()).output()
    };
    let mut output = ps("-axwwE")?;
    if !output.status.success() {
        output = ps("-axww")?;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let of_line = |line: &str| {
        let (pid, rest) = line.trim_start().split_once(' ')?;
        let pid = pid.parse().ok().filter(|pid| *pid != std::process::id())?;
        Some((pid, rest.to_owned()))
    };
    Ok(text.lines().filter_map(of_line).collect())
}

/// Words are not told apart in what ps prints.
#[cfg(not(target_os = "linux"))]
fn of_line(line: &str, directory: &[u8]) -> Option<Naming> {
    let directory = String::from_utf8_lossy(directory);
    let options = ["--data-dir=", "--config-file=", "ETCD_DATA_DIR="];
    if options.iter().any(|option| line.contains(&format!("{option}{directory}/"))) {
        return Some(Naming::Member);
    }
    line.ends_with(&format!("{NAME} {directory}")).then_some(Naming::Watchdog)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_from_whatever_else_names_the_directory() {
        let words = |words: &[&str]| words.iter().flat_map(|word| [word, "\0"]).collect::<String>();
        let of = |arguments: &[&str], environment: &[&str]| {
            of_words(words(arguments).as_bytes(), words(environment).as_bytes(), b"/tmp/run")
        };
        for told in ["--data-dir=/tmp/run/m1/data", "--config-file=/tmp/run/m1/etcd.yaml"] {
            assert_eq!(of(&["etcd", told], &[]), Some(Naming::Member));
        }
        assert_eq!(of(&["etcd"], &["A=b", "ETCD_DATA_DIR=/tmp/run/m1/data"]), Some(Naming::Member));
        let watchdog = ["/bin/sh", "-c", "script", "tercet-watchdog", "/tmp/run"];
        assert_eq!(of(&watchdog, &[]), Some(Naming::Watchdog));
        for other in [
            &["tail", "-f", "/tmp/run/m1/etcd.log"][..],
            &["etcd", "--data-dir=/tmp/run2/m1/data"],
            &["etcd", "--data-dir=/tmp/run"],
            &["etcd", "--name=--data-dir=/tmp/run/m1"],
            &["sh", "tercet-watchdog", "/tmp/run2"],
            &["echo", "ETCD_DATA_DIR=/tmp/run/m1"],
            &[],
        ] {
            assert_eq!(
                of(other, &["HOME=/tmp/run/m1", "X=ETCD_DATA_DIR=/tmp/run/"]),
                None,
                "{other:?}"
            );
        }
    }
}
