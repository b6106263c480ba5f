//! `cargo xtask demo`: the tutorial, live. Every line is something that has just happened.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tercet_client::{Client, Config, ErrorKind, Tls};
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{Cluster, Spec};
use tercet_pki::Fleet;

use crate::style::{Style, table};
use crate::{Failure, chain};

const USAGE: &str = "\
Shows a secure etcd fleet, live: started, used, refused, broken and healed.

Usage: cargo xtask demo [--json]

  --json    print one JSON object with the steps and milliseconds, and nothing else
";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("json") => json = true,
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut show = Show::new(json);
    let result = runtime.block_on(demo(&mut show));
    show.end(result)
}

async fn demo(show: &mut Show) -> Result<(), Failure> {
    show.title("a secure etcd fleet, live");

    let etcd = show.step("get etcd", get_etcd)?;
    let cluster = start(show, &etcd).await?;
    fleet_table(show, &cluster).await?;

    show.begin("set hello to world");
    let client = cluster.client().await?;
    let begin = Instant::now();
    client.put("hello", "world").await?;
    show.done("set hello to world", begin.elapsed(), "every byte of it over TLS");
    read_back(show, &client, "get hello").await?;

    refusals(show, &cluster).await?;

    show.begin("kill the leader");
    let begin = Instant::now();
    let leader = cluster.leader().await?;
    leader.kill()?;
    show.done("kill the leader", begin.elapsed(), &format!("{} is gone", leader.name()));
    show.begin("elect another");
    let begin = Instant::now();
    let successor = cluster.leader().await?;
    show.done("elect another", begin.elapsed(), &format!("{} leads now", successor.name()));
    read_back(show, &client, "get hello again").await?;

    show.begin("stop");
    let left = Traces::of(&cluster);
    let begin = Instant::now();
    drop(cluster);
    let elapsed = begin.elapsed();
    left.are_gone()?;
    show.done("stop", elapsed, "no process, port or file is left");
    Ok(())
}

fn get_etcd() -> Result<(Binary, String), Failure> {
    let etcd = Locator::from_env().locate(&Request::Default)?;
    let mut detail =
        format!("{} from {}: {}", etcd.version(), etcd.origin(), etcd.path().display());
    if let Some(note) = etcd.note() {
        detail = format!("{detail}\n{note}");
    }
    Ok((etcd, detail))
}

async fn start(show: &mut Show, etcd: &Binary) -> Result<Cluster, Failure> {
    show.begin("start three members");
    let cluster = Cluster::start(&Spec::default(), etcd, &std::env::temp_dir()).await?;
    let times = cluster.start_times();
    show.done(
        "make the certificates",
        times.certificates,
        "an authority; a server and a peer certificate for each member; one for the client",
    );
    show.done(
        "start three members",
        times.members,
        "each answers reads, and each has dialled each other, both ends proving who they are",
    );
    Ok(cluster)
}

/// The fleet as a table.
async fn fleet_table(show: &mut Show, cluster: &Cluster) -> Result<(), Failure> {
    show.begin("ask each who it is");
    let begin = Instant::now();
    let leader = cluster.leader().await?.index();
    let mut rows =
        vec![["NAME", "CLIENTS", "PEERS", "ROLE", "VERSION"].map(str::to_owned).to_vec()];
    for member in cluster.members() {
        let status = member.client().await?.status(member.client_url()).await?;
        if status.version() != cluster.binary().version().to_string() {
            let (name, version) = (member.name(), status.version());
            return Err(
                format!("{name} is etcd {version}, not {}", cluster.binary().version()).into()
            );
        }
        rows.push(vec![
            member.name().to_owned(),
            member.client_url().to_owned(),
            member.peer_url().to_owned(),
            if member.index() == leader { "leader" } else { "follower" }.to_owned(),
            status.version().to_owned(),
        ]);
    }
    show.done("ask each who it is", begin.elapsed(), "a fleet of equals with one leader:");
    show.table(&rows);
    Ok(())
}

async fn read_back(show: &mut Show, client: &Client, name: &'static str) -> Result<(), Failure> {
    show.begin(name);
    let begin = Instant::now();
    let value = client.get("hello").await?.ok_or("hello is gone")?;
    if value.value() != b"world" {
        return Err(format!("hello is {:?}", value.value()).into());
    }
    show.done(name, begin.elapsed(), "world");
    Ok(())
}

/// Who must not get in, and what they are told. That the right client gets in was seen before.
async fn refusals(show: &mut Show, cluster: &Cluster) -> Result<(), Failure> {
    let authority = cluster.identities().authority().certificate_pem();
    let nobody = Tls::from_pem(authority)?;
    let stranger = Fleet::generate(["stranger"])?;
    let stranger =
        Tls::mutual(authority, stranger.client().chain_pem(), stranger.client().key_pem())?;
    // One that runs: the leader is killed only later.
    let member = cluster.member(0);
    let url = member.client_url();
    let cases = [
        ("refuse: no certificate", Config::new([url]).tls(nobody), ErrorKind::Tls),
        ("refuse: a stranger's", Config::new([url]).tls(stranger), ErrorKind::Tls),
        // Not even an alert: the server hangs up on what is no TLS.
        ("refuse: plain HTTP", Config::new([url.replacen("https", "http", 1)]), ErrorKind::Connect),
    ];
    for (name, config, kind) in cases {
        show.begin(name);
        let begin = Instant::now();
        let Err(error) = Client::connect(config).await?.get("hello").await else {
            return Err("it was let in".into());
        };
        // To find nobody there, or to wait in vain, would be no refusal.
        if error.kind() != kind || error.is_timeout() {
            return Err(error.into());
        }
        show.done(name, begin.elapsed(), &chain(&error).replace("\n  because ", ": "));
    }
    // The port that refused them is alive, and lets the right one in.
    member.client().await?.get("hello").await?;
    Ok(())
}

/// What a fleet could leave behind.
struct Traces {
    pids: Vec<u32>,
    addresses: Vec<String>,
    directory: PathBuf,
}

impl Traces {
    fn of(cluster: &Cluster) -> Self {
        let address = |url: &str| url.trim_start_matches("https://").to_owned();
        Self {
            pids: cluster.members().filter_map(|member| member.pid()).collect(),
            addresses: cluster
                .members()
                .flat_map(|member| [address(member.client_url()), address(member.peer_url())])
                .collect(),
            directory: cluster.directory().to_owned(),
        }
    }

    fn are_gone(&self) -> Result<(), Failure> {
        let process = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
        if let Some(pid) = self.pids.iter().find(process) {
            return Err(format!("process {pid} is still there").into());
        }
        for address in &self.addresses {
            // Nobody holds it any more.
            drop(TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?);
        }
        if self.directory.exists() {
            return Err(format!("{} is still there", self.directory.display()).into());
        }
        Ok(())
    }
}

/// Prints the steps as they are done, or collects them for JSON.
struct Show {
    style: Style,
    json: bool,
    begin: Instant,
    /// The step that was begun and is not done.
    doing: Option<&'static str>,
    steps: Vec<serde_json::Value>,
    fleet: Vec<serde_json::Value>,
}

impl Show {
    fn new(json: bool) -> Self {
        let style = Style::of_stdout();
        Self {
            style,
            json,
            begin: Instant::now(),
            doing: None,
            steps: Vec::new(),
            fleet: Vec::new(),
        }
    }

    fn title(&self, text: &str) {
        if !self.json {
            println!("{} {text}\n", self.style.bold("tercet:"));
        }
    }

    /// Says what is being done, for the case that it fails.
    fn begin(&mut self, name: &'static str) {
        self.doing = Some(name);
    }

    /// Runs a step and prints what it says.
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        self.begin(name);
        let begin = Instant::now();
        let (value, detail) = work()?;
        self.done(name, begin.elapsed(), &detail);
        Ok(value)
    }

    /// Prints a step that went as it must.
    fn done(&mut self, name: &'static str, elapsed: Duration, detail: &str) {
        self.doing = None;
        self.steps.push(json!({
            "name": name, "ok": true, "ms": milliseconds(elapsed), "detail": detail,
        }));
        if !self.json {
            let time = format!("{:.1} ms", milliseconds(elapsed));
            println!("  {} {name:<24}{time:>10}", self.style.good("✓"));
            for line in detail.lines().flat_map(|line| wrapped(line, DETAIL_COLUMNS)) {
                println!("      {}", self.style.dim(&line));
            }
        }
    }

    fn table(&mut self, rows: &[Vec<String>]) {
        let keys = ["name", "client_url", "peer_url", "role", "version"];
        self.fleet = rows[1..]
            .iter()
            .map(|row| keys.iter().zip(row).map(|(key, cell)| (*key, cell.as_str())).collect())
            .collect();
        if !self.json {
            let lines = table(rows);
            println!("\n      {}", self.style.dim(&lines[0]));
            for line in &lines[1..] {
                println!("      {line}");
            }
            println!();
        }
    }

    /// Prints how it all went.
    fn end(mut self, result: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let total = milliseconds(self.begin.elapsed());
        let error = result.as_ref().err().map(|error| chain(&**error));
        let doing = self.doing.unwrap_or("this");
        if let Some(error) = &error {
            self.steps.push(json!({ "name": doing, "ok": false, "ms": null, "detail": error }));
        }
        if self.json {
            let all = json!({
                "ok": error.is_none(), "ms": total, "steps": self.steps, "members": self.fleet, "error": error,
            });
            println!("{all}");
        } else if let Some(error) = &error {
            println!(
                "  {} {doing}\n      {}",
                self.style.bad("✗"),
                error.replace('\n', "\n      ")
            );
        } else {
            println!("\n  {} all as it must be, in {total:.0} ms", self.style.good("✓"));
        }
        Ok(if error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Fits a terminal of 100 columns with the indent.
const DETAIL_COLUMNS: usize = 90;

/// `text` in lines of at most `columns`, but for words that are longer.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// To a tenth.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_details_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable x", 3), ["unbreakable", "x"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
