//! What is written for one host.

use std::ffi::OsStr;
use std::path::PathBuf;

use tercet_cluster::plan::MemberPlan;

use super::environment_file;

/// Where the command that runs a member is on its host.
pub(super) fn run_script(member: &MemberPlan) -> PathBuf {
    member.directory().join("run")
}

/// The command that runs a member, as a script. It becomes etcd.
pub(super) fn script(member: &MemberPlan) -> String {
    let mut text = format!(
        "#!/bin/sh\n# Runs {} of its fleet, planned for etcd {}.\n",
        member.name(),
        member.release().version()
    );
    if let Some(file) = environment_file(member) {
        text += &format!("set -a\n. {}\nset +a\n", quoted(file.as_os_str()));
    } else {
        for (name, value) in member.environment() {
            text += &format!("export {}={}\n", name.display(), quoted(value));
        }
    }
    text += "exec \"${ETCD:-etcd}\"";
    for word in member.arguments() {
        text += &format!(" \\\n    {}", quoted(word));
    }
    text + "\n"
}

/// The variables that a member is told its settings by, as a shell and systemd read them.
pub(super) fn environment(member: &MemberPlan) -> String {
    let line = |(name, value): &(_, _)| {
        let name: &std::ffi::OsString = name;
        let value: &std::ffi::OsString = value;
        format!("{}={}\n", name.display(), quoted(value))
    };
    member.environment().iter().map(line).collect()
}

/// The command that runs a member, in words as a shell takes them.
pub(super) fn words(member: &MemberPlan) -> Vec<String> {
    let variable = |(name, value): &(std::ffi::OsString, std::ffi::OsString)| {
        format!("{}={}", name.display(), quoted(value))
    };
    let variables = member.environment().iter().map(variable);
    let arguments = member.arguments().iter().map(|word| quoted(word));
    variables.chain(["etcd".to_owned()]).chain(arguments).collect()
}

/// A word as a shell takes it for one.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_to_a_shell() {
        assert_eq!(quoted(OsStr::new("--name=a")), "--name=a");
        assert_eq!(quoted(OsStr::new("a b")), "'a b'");
        assert_eq!(quoted(OsStr::new("")), "''");
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
    }
}
