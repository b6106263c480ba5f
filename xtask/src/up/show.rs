//! What is printed of a fleet that is ready.

use std::path::Path;

use serde_json::json;
use tercet_cluster::plan::Protection;
use tercet_cluster::{Cluster, Member, Proxy};

use crate::style::{Style, table};

/// The fleet in one line, for programs. What it has not is null.
pub(super) fn describe(cluster: &Cluster) -> serde_json::Value {
    let (plan, spec) = (cluster.plan(), cluster.plan().spec());
    let shows = plan.client_shows();
    json!({
        "endpoints": cluster.endpoints(),
        "security": plan.security().to_string(),
        "config": spec.form_of_configuration().to_string(),
        "ca": plan.client_trusts(),
        "cert": shows.map(|files| &files.certificate),
        "key": shows.map(|files| &files.key),
        "crl": plan.revocation_files().map(|files| files.der),
        "version": cluster.binary().version().to_string(),
        "ready_ms": cluster.start_times().total().as_millis() as u64,
        "members": cluster.members().map(|member| of_member(&member)).collect::<Vec<_>>(),
        "discovery": cluster.discovery().map(Cluster::endpoints),
        "proxies": cluster.proxies().map(|proxy| of_proxy(&proxy)).collect::<Vec<_>>(),
    })
}

fn of_member(member: &Member<'_>) -> serde_json::Value {
    let plan = member.plan();
    let (server, peer) = (plan.server_files(), plan.peer_files());
    json!({
        "name": member.name(),
        "pid": member.pid(),
        "client_url": member.client_url(),
        "peer_url": member.peer_url(),
        "http_url": plan.http_url(),
        "cert": server.map(|files| &files.certificate),
        "key": server.map(|files| &files.key),
        "peer_cert": peer.map(|files| &files.certificate),
        "peer_key": peer.map(|files| &files.key),
        "config_file": plan.configuration_file().map(|file| &file.path),
        "data_dir": member.data_directory(),
        "log": member.log(),
    })
}

fn of_proxy(proxy: &Proxy<'_>) -> serde_json::Value {
    json!({
        "name": proxy.name(),
        "kind": proxy.kind().to_string(),
        "pid": proxy.pid(),
        "endpoint": proxy.endpoint(),
        "log": proxy.log(),
    })
}

/// The fleet for people, with lines to paste.
pub(super) fn show(cluster: &Cluster) {
    let style = Style::of_stdout();
    println!(
        "{} etcd {}, {} members, {}, ready in {} ms",
        style.good("up:"),
        cluster.binary().version(),
        cluster.members().len(),
        cluster.plan().security(),
        cluster.start_times().total().as_millis()
    );
    println!();
    let mut rows = vec![["NAME", "PID", "CLIENTS", "PEERS", "LOG"].map(str::to_owned).to_vec()];
    rows.extend(cluster.members().map(|member| {
        vec![
            member.name().to_owned(),
            member.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            member.client_url().to_owned(),
            member.peer_url().to_owned(),
            member.log().display().to_string(),
        ]
    }));
    rows.extend(cluster.proxies().map(|proxy| {
        vec![
            proxy.name().to_owned(),
            proxy.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            proxy.endpoint().to_owned(),
            "-".to_owned(),
            proxy.log().display().to_string(),
        ]
    }));
    let lines = table(&rows);
    println!("  {}", style.dim(&lines[0]));
    for line in &lines[1..] {
        println!("  {line}");
    }
    println!("\n{}", style.bold("etcdctl"));
    for (name, value) in cluster.env() {
        println!("  export {name}={}", quoted(Path::new(&value)));
    }
    let etcdctl = cluster.binary().etcdctl().unwrap_or_else(|| "etcdctl".into());
    println!("  {} put hello world", quoted(&etcdctl));
    println!("  {} get hello", quoted(&etcdctl));
    println!("\n{}", style.bold("curl"));
    println!("  {}", curl(cluster));
    println!("\n{}", style.dim("Ctrl-C stops it and removes all of it."));
}

/// The line that asks the first member how it is, as its security has it.
fn curl(cluster: &Cluster) -> String {
    let plan = cluster.plan();
    let mut line = "curl".to_owned();
    if plan.security().clients() == Protection::SelfSigned {
        // Nobody has signed what it shows.
        line.push_str(" -k");
    }
    if let Some(ca) = plan.client_trusts() {
        line.push_str(&format!(" --cacert {}", quoted(ca)));
    }
    if let Some(files) = plan.client_shows() {
        let (certificate, key) = (quoted(&files.certificate), quoted(&files.key));
        line.push_str(&format!(" --cert {certificate} --key {key}"));
    }
    let first = cluster.member(0);
    let url = first.plan().http_url().unwrap_or_else(|| first.client_url());
    format!("{line} {url}/health")
}

/// A word as a shell takes it.
fn quoted(word: &Path) -> String {
    let text = word.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
