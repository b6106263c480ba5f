//! What was written, and what is to be done with it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tercet_cluster::Plan;
use tercet_cluster::plan::MemberPlan;

use super::host::{quoted, unit_name, words};
use super::{Planned, has_certificates, place};

/// In words and commands, for whoever does it.
pub(super) fn steps(planned: &Planned, out: &Path, user: &str) -> String {
    let plan = &planned.plan;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match &planned.newcomer {
        None => of_fleet(&mut text, plan, out, user),
        Some(newcomer) => of_newcomer(&mut text, plan, newcomer, out, user),
    };
    text
}

fn of_fleet(text: &mut String, plan: &Plan, out: &Path, user: &str) -> std::fmt::Result {
    let members = plan.members();
    let hosts = if members.len() == 1 { "host" } else { "hosts" };
    let version = members.first().map(|member| member.release().version().to_string());
    writeln!(
        text,
        "A fleet on {} {hosts} for etcd {}, secured as {}:\n",
        members.len(),
        version.unwrap_or_default(),
        plan.security(),
    )?;
    let mut rows: Vec<_> = members
        .iter()
        .map(|member| {
            let host = place::hosts(out).join(member.name());
            (host, format!("all that goes to {}, and nothing of another host", ip(member)))
        })
        .collect();
    if plan.client_trusts().is_some() {
        rows.push((place::client(out), "what a client is given".to_owned()));
    }
    if has_certificates(plan) {
        let what = "all certificates and the authority's key: keep it, and off all hosts";
        rows.push((place::pki(out), what.to_owned()));
    }
    let width = rows.iter().map(|(path, _)| path.display().to_string().len()).max().unwrap_or(0);
    for (path, what) in rows {
        writeln!(text, "  {:width$}  {what}", path.display().to_string())?;
    }
    writeln!(text, "\nTo each host what is its, with its modes, and owned by who runs etcd:\n")?;
    members.iter().try_for_each(|member| copy(text, plan, member, out, user))?;
    writeln!(text, "\nStart them in any order: the first ones wait for the others.\n")?;
    members.iter().try_for_each(|member| start(text, member))?;
    by_hand(text, members, user)?;
    writeln!(text, "\nThen, where they can be reached:\n")?;
    writeln!(text, "  {}", etcdctl(plan, out, &["endpoint", "health"]))
}

fn of_newcomer(
    text: &mut String,
    plan: &Plan,
    newcomer: &MemberPlan,
    out: &Path,
    user: &str,
) -> std::fmt::Result {
    let host = place::hosts(out).join(newcomer.name());
    writeln!(
        text,
        "{} is planned to join {}: all that goes to {} is in {}.\n",
        newcomer.name(),
        plan.members().iter().map(MemberPlan::name).collect::<Vec<_>>().join(", "),
        ip(newcomer),
        host.display()
    )?;
    writeln!(text, "Copy it first:\n")?;
    copy(text, plan, newcomer, out, user)?;
    let peer_urls = format!("--peer-urls={}", newcomer.peer_url());
    let add = etcdctl(plan, out, &["member", "add", newcomer.name(), &peer_urls]);
    writeln!(text, "\nTell the fleet, which from then on counts it among those it needs:\n")?;
    writeln!(text, "  {add}")?;
    writeln!(text, "\nAnd start it:\n")?;
    start(text, newcomer)?;
    by_hand(text, std::slice::from_ref(newcomer), user)
}

fn copy(
    text: &mut String,
    plan: &Plan,
    member: &MemberPlan,
    out: &Path,
    user: &str,
) -> std::fmt::Result {
    let to = quoted(plan.directory());
    let there = format!("mkdir -p {to} && tar -C {to} -xpf - && chown -R {user}: {to}");
    writeln!(
        text,
        "  tar -C {} -cf - . | ssh root@{} {}",
        quoted(place::hosts(out).join(member.name())),
        ip(member),
        quoted(there)
    )
}

fn start(text: &mut String, member: &MemberPlan) -> std::fmt::Result {
    let (unit, name) = (quoted(place::unit(member)), unit_name(member));
    // The copy is root's: a unit that its own user could change would make it root.
    let there = format!(
        "install -m 644 -o root {unit} /etc/systemd/system/{name} && systemctl enable --now --no-block {name}"
    );
    writeln!(text, "  ssh root@{} {}", ip(member), quoted(there))
}

fn by_hand(text: &mut String, members: &[MemberPlan], user: &str) -> std::fmt::Result {
    writeln!(text, "\nOr without systemd, there and as {user}:\n")?;
    for member in members {
        writeln!(text, "  sh {}", quoted(place::run_script(member)))?;
    }
    writeln!(text, "\nIt runs the etcd that the variable ETCD names, else the one of the PATH.")
}

/// etcd's own client, for all members of the fleet.
fn etcdctl(plan: &Plan, out: &Path, command: &[&str]) -> String {
    let urls: Vec<_> = plan.members().iter().map(MemberPlan::client_url).collect();
    let mut words = vec!["etcdctl".to_owned(), format!("--endpoints={}", urls.join(","))];
    let file = |path: &Path| place::of_client(out, path).display().to_string();
    if let Some(ca) = plan.client_trusts() {
        words.push(format!("--cacert={}", file(ca)));
    } else if plan.security().clients().scheme() == "https" {
        words.push("--insecure-skip-tls-verify".to_owned());
    }
    if let Some(shown) = plan.client_shows() {
        words.push(format!("--cert={}", file(&shown.certificate)));
        words.push(format!("--key={}", file(&shown.key)));
    }
    words.extend(command.iter().map(|&word| word.to_owned()));
    let words: Vec<_> = words.iter().map(quoted).collect();
    words.join(" ")
}

fn ip(member: &MemberPlan) -> String {
    let host = member.spec().planned_host();
    host.map(|host| host.ip().to_string()).unwrap_or_default()
}

/// In one line, for programs. What a fleet has not is null; paths of members are those on their
/// hosts, but for `files`.
pub(super) fn json(planned: &Planned, out: Option<&Path>) -> Value {
    let plan = &planned.plan;
    let here = |path: &Path| out.map(|out| place::of_client(out, path));
    let shows = plan.client_shows();
    let endpoints: Vec<_> = plan.members().iter().map(MemberPlan::client_url).collect();
    json!({
        "out": out,
        "directory": plan.directory(),
        "version": planned.members().first().map(|member| member.release().version().to_string()),
        "security": plan.security().to_string(),
        "config": plan.spec().form_of_configuration().to_string(),
        "endpoints": endpoints,
        "ca": plan.client_trusts().and_then(here),
        "cert": shows.and_then(|files| here(&files.certificate)),
        "key": shows.and_then(|files| here(&files.key)),
        "pki": out.filter(|_| has_certificates(plan)).map(place::pki),
        "members": planned.members().iter().map(|it| of_member(it, out)).collect::<Vec<_>>(),
        "joins": planned.newcomer.as_ref().map(|newcomer| newcomer.peer_url()),
    })
}

fn of_member(member: &MemberPlan, out: Option<&Path>) -> Value {
    let host = member.spec().planned_host();
    let (server, peer) = (member.server_files(), member.peer_files());
    json!({
        "name": member.name(),
        "ip": host.map(|host| host.ip().to_string()),
        "dns_names": host.map(|host| host.dns_names()),
        "files": out.map(|out| place::hosts(out).join(member.name())),
        "client_url": member.client_url(),
        "peer_url": member.peer_url(),
        "http_url": member.http_url(),
        "cert": server.map(|files| &files.certificate),
        "key": server.map(|files| &files.key),
        "peer_cert": peer.map(|files| &files.certificate),
        "peer_key": peer.map(|files| &files.key),
        "config_file": member.configuration_file().map(|file| &file.path),
        "env_file": place::environment_file(member),
        "data_dir": member.data_directory(),
        "run": place::run_script(member),
        "unit": place::unit(member),
        "command": words(member).join(" "),
    })
}
