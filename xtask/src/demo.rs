//! `cargo xtask demo`: the tutorial, live. Every line is something that has just happened.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tercet_client::{Client, Config, Tls};
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

    let client = cluster.client().await?;
    let begin = Instant::now();
    client.put("hello", "world").await?;
    show.done("set hello to world", begin.elapsed(), "every byte of it over TLS");
    read_back(show, &client, "get hello").await?;

    refusals(show, &cluster).await?;

    let begin = Instant::now();
    let leader = cluster.leader().await?;
    leader.kill()?;
    show.done("kill the leader", begin.elapsed(), &format!("{} is gone", leader.name()));
    let begin = Instant::now();
    let successor = cluster.leader().await?;
    show.done("elect another", begin.elapsed(), &format!("{} leads now", successor.name()));
    read_back(show, &client, "get hello again").await?;

    let directory = cluster.directory().to_owned();
    let begin = Instant::now();
    drop(cluster);
    let elapsed = begin.elapsed();
    if directory.exists() {
        return Err(format!("{} is still there", directory.display()).into());
    }
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
    let begin = Instant::now();
    let leader = cluster.leader().await?.index();
    let mut rows =
        vec![["NAME", "CLIENTS", "PEERS", "ROLE", "VERSION"].map(str::to_owned).to_vec()];
    for member in cluster.members() {
        let status = member.client().await?.status(member.client_url()).await?;
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
    let url = &cluster.endpoints()[0];
    let cases = [
        ("refuse: no certificate", Config::new([url]).tls(nobody)),
        ("refuse: a stranger's", Config::new([url]).tls(stranger)),
        ("refuse: plain HTTP", Config::new([url.replacen("https", "http", 1)])),
    ];
    for (name, config) in cases {
        let begin = Instant::now();
        let Err(error) = Client::connect(config).await?.get("hello").await else {
            return Err(format!("{name}: it was let in").into());
        };
        // A timeout would be no refusal.
        if error.is_timeout() {
            return Err(error.into());
        }
        show.done(name, begin.elapsed(), &chain(&error).replace("\n  because ", ": "));
    }
    Ok(())
}

/// Prints the steps as they are done, or collects them for JSON.
struct Show {
    style: Style,
    json: bool,
    begin: Instant,
    steps: Vec<serde_json::Value>,
    fleet: Vec<serde_json::Value>,
}

impl Show {
    fn new(json: bool) -> Self {
        let style = Style::of_stdout();
        Self { style, json, begin: Instant::now(), steps: Vec::new(), fleet: Vec::new() }
    }

    fn title(&self, text: &str) {
        if !self.json {
            println!("{} {text}\n", self.style.bold("tercet:"));
        }
    }

    /// Runs a step and prints what it says.
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(T, String), Failure>,
    ) -> Result<T, Failure> {
        let begin = Instant::now();
        let (value, detail) = work()?;
        self.done(name, begin.elapsed(), &detail);
        Ok(value)
    }

    /// Prints a step that went as it must.
    fn done(&mut self, name: &'static str, elapsed: Duration, detail: &str) {
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
    fn end(self, result: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let total = milliseconds(self.begin.elapsed());
        let error = result.as_ref().err().map(|error| chain(&**error));
        if self.json {
            let all = json!({
                "ok": error.is_none(), "ms": total, "steps": self.steps, "members": self.fleet, "error": error,
            });
            println!("{all}");
        } else if let Some(error) = &error {
            println!("  {} {}", self.style.bad("✗"), error.replace('\n', "\n    "));
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
