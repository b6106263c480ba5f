//! What is written for one host, besides certificates.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use tercet_cluster::plan::MemberPlan;

use super::place;

/// The command that runs a member, as a script. It becomes etcd.
pub(super) fn script(member: &MemberPlan) -> String {
    let mut text = format!(
        "#!/bin/sh\n# Runs {} of its fleet, planned for etcd {}.\n",
        member.name(),
        member.release().version()
    );
    match place::environment_file(member) {
        Some(file) => text += &format!("set -a\n. {}\nset +a\n", quoted(&file)),
        None => {
            for (name, value) in member.environment() {
                text += &format!("export {}={}\n", name.display(), quoted(value));
            }
        }
    }
    text += "exec \"${ETCD:-etcd}\"";
    for word in member.arguments() {
        text += &format!(" \\\n    {}", quoted(word));
    }
    text + "\n"
}

/// The variables that a member is told its settings by, as a shell reads them, and systemd.
pub(super) fn environment(member: &MemberPlan) -> String {
    member.environment().iter().map(|variable| assignment(variable) + "\n").collect()
}

/// The command that runs a member, in words as a shell takes them.
pub(super) fn words(member: &MemberPlan) -> Vec<String> {
    let variables = member.environment().iter().map(assignment);
    let arguments = member.arguments().iter().map(quoted);
    variables.chain(["etcd".to_owned()]).chain(arguments).collect()
}

fn assignment((name, value): &(OsString, OsString)) -> String {
    format!("{}={}", name.display(), quoted(value))
}

/// What systemd is told, for it to run a member as `user`.
///
/// etcd says itself when it is ready (`etcdmain/etcd.go`, `notifySystemd`). The first time that is
/// when enough of the others are there, which may take as long as it takes.
pub(super) fn unit(member: &MemberPlan, user: &str) -> String {
    let (name, script) = (specified(member.name()), unit_word(&place::run_script(member)));
    format!(
        "\
[Unit]
Description=etcd member {name}
Documentation=https://etcd.io
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
ExecStart=/bin/sh {script}
Restart=always
RestartSec=5
TimeoutStartSec=infinity
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"
    )
}

/// What the unit of a member is called.
pub(super) fn unit_name(member: &MemberPlan) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    format!("etcd-{}.service", member.name().chars().map(plain).collect::<String>())
}

/// A word as systemd takes it for one, in a command (`systemd.service(5)`, "Command lines").
fn unit_word(path: &Path) -> String {
    let text = specified(&path.to_string_lossy()).replace('$', "$$");
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Text without what systemd would put something else in the place of.
fn specified(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word as a shell takes it for one.
pub(super) fn quoted(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+%".contains(c);
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
        assert_eq!(quoted("--name=a"), "--name=a");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_path_is_one_word_to_systemd() {
        assert_eq!(unit_word(Path::new("/srv/a b/run")), r#""/srv/a b/run""#);
        assert_eq!(unit_word(Path::new("/100%/$x/\"/\\")), r#""/100%%/$$x/\"/\\""#);
    }
}
