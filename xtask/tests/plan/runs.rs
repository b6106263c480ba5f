//! What is planned, run: on loopback addresses, each of which is a host.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Tls};
use tercet_cluster::binary::{Binary, Locator, Request};

use super::{command, good, scratch, xtask};

/// Members that run, until this is dropped.
#[derive(Default)]
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A fleet of three on loopback, and one address more.
struct Hosts<'a> {
    directory: &'a Path,
    etcd: Binary,
    ports: (u16, u16),
    options: Vec<String>,
}

impl<'a> Hosts<'a> {
    fn new(directory: &'a Path, more: &[&str]) -> Self {
        let etcd = Locator::from_env().locate(&Request::Default).unwrap();
        let ports = free_ports();
        let there = directory.join("there it is");
        let user = command("id").arg("-un").output().unwrap().stdout;
        let mut options: Vec<String> = vec!["plan".to_owned()];
        for number in 1..=3 {
            options.extend(["--host".to_owned(), format!("infra{number}={}", ip(number))]);
        }
        let own = [
            ("--etcd", etcd.version().to_string()),
            ("--ports", format!("{},{}", ports.0, ports.1)),
            ("--directory", there.to_str().unwrap().to_owned()),
            ("--user", String::from_utf8(user).unwrap().trim().to_owned()),
            ("--out", "the fleet".to_owned()),
        ];
        options.extend(own.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        options.extend(more.iter().map(|&word| word.to_owned()));
        Self { directory, etcd, ports, options }
    }

    /// Plans, and returns the commands that are told.
    fn plan(&self, more: &[&str]) -> Vec<String> {
        let words = self.options.iter().map(String::as_str).chain(more.iter().copied());
        let said = good(xtask(self.directory, &words.collect::<Vec<_>>()));
        let lines = said.lines().filter_map(|line| line.strip_prefix("  "));
        lines.map(str::to_owned).collect()
    }

    /// Does what a line says. The hosts are this machine, so ssh is a shell of ours.
    fn run(&self, line: &str) -> std::process::Output {
        let tools = self.directory.join("tools");
        if !tools.exists() {
            fs::create_dir(&tools).unwrap();
            fs::write(tools.join("ssh"), "#!/bin/sh\nshift\nexec sh -c \"$*\"\n").unwrap();
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(tools.join("ssh"), executable).unwrap();
        }
        let etcd = self.etcd.path().parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let path = [tools, etcd].into_iter().chain(std::env::split_paths(&path));
        let mut shell = command("sh");
        shell.args(["-c", line]).current_dir(self.directory);
        shell.env("PATH", std::env::join_paths(path).unwrap()).env("ETCDCTL_API", "3");
        shell.output().unwrap()
    }

    /// Copies what is for the hosts there.
    fn copy(&self, told: &[String]) {
        let lines: Vec<_> = told.iter().filter(|line| line.starts_with("tar ")).collect();
        assert!(!lines.is_empty(), "{told:?}");
        for line in lines {
            let output = self.run(line);
            assert!(output.status.success(), "{line}: {output:?}");
        }
    }

    /// Starts those that are told, with the very line.
    fn start(&self, told: &[String], running: &mut Running) {
        for line in told.iter().filter(|line| line.starts_with("sh ")) {
            let log = fs::File::create(self.directory.join(format!("log{}", running.0.len())));
            let mut shell = command("sh");
            shell.args(["-c", &format!("exec {line}")]).env("ETCD", self.etcd.path());
            shell.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.unwrap());
            running.0.push(shell.spawn().unwrap());
        }
    }

    fn url(&self, number: u8) -> String {
        format!("https://{}:{}", ip(number), self.ports.0)
    }

    /// A client that asks this member alone, with what the plan has for it.
    async fn client(&self, number: u8) -> Client {
        let file = |name: &str| self.directory.join("the fleet/client").join(name);
        let (ca, cert, key) = (file("ca.crt"), file("client.crt"), file("client.key"));
        let config = || {
            let tls = Tls::mutual_files(&ca, &cert, &key).unwrap();
            Config::new([self.url(number)]).tls(tls)
        };
        let begin = Instant::now();
        loop {
            let error = match Client::connect(config()).await {
                Ok(client) => match client.get("anything").await {
                    Ok(_) => return client,
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            let logs: String = (0..4)
                .filter_map(|n| fs::read_to_string(self.directory.join(format!("log{n}"))).ok())
                .filter_map(|log| log.lines().last().map(|line| format!("\n{line}")))
                .collect();
            assert!(begin.elapsed() < Duration::from_secs(90), "{number}: {error}{logs}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn ip(number: u8) -> String {
    format!("127.0.0.{}", number + 1)
}

/// Two ports that are free on all of the addresses.
fn free_ports() -> (u16, u16) {
    loop {
        let one = || TcpListener::bind("127.0.0.2:0").unwrap();
        let (client, peer) = (one(), one());
        let ports = [client, peer].map(|port| port.local_addr().unwrap().port());
        let free = |port| (2..=4).all(|number| TcpListener::bind((ip(number), port)).is_ok());
        if ports.into_iter().all(free) {
            return (ports[0], ports[1]);
        }
    }
}

async fn runs_in_form(form: &str) {
    let scratch = scratch();
    let hosts = Hosts::new(scratch.path(), &["--config", form]);
    let told = hosts.plan(&[]);
    hosts.copy(&told);
    let mut running = Running::default();
    hosts.start(&told, &mut running);
    assert_eq!(running.0.len(), 3);
    hosts.client(1).await.put("hello", "world").await.unwrap();
    let read = hosts.client(3).await.get("hello").await.unwrap();
    assert_eq!(read.expect("there").value(), b"world");

    // Without a certificate nobody is let in.
    let ca = scratch.path().join("the fleet/client/ca.crt");
    let config = Config::new([hosts.url(2)]).tls(Tls::from_files(&ca).unwrap());
    let refused = match Client::connect(config).await {
        Err(error) => error,
        Ok(client) => client.get("hello").await.unwrap_err(),
    };
    assert!(refused.to_string().contains("certificate"), "{refused}");

    // What is told for etcdctl.
    let health = told.iter().find(|line| line.ends_with("endpoint health")).unwrap();
    let output = hosts.run(health);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{health}: {said}");
    assert_eq!(said.matches("is healthy").count(), 3, "{said}");

    // One more host.
    let told = hosts.plan(&["--add", &format!("infra4={}", ip(4))]);
    hosts.copy(&told);
    let add = told.iter().find(|line| line.contains("member add")).unwrap();
    // Until the members have been connected for five seconds, they refuse it.
    let begin = Instant::now();
    loop {
        let output = hosts.run(add);
        if output.status.success() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{add}: {output:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    hosts.start(&told, &mut running);
    assert_eq!(running.0.len(), 4);
    let fourth = hosts.client(4).await;
    assert_eq!(fourth.get("hello").await.unwrap().expect("there").value(), b"world");
    assert_eq!(fourth.member_list().await.unwrap().members().len(), 4);
}

#[tokio::test]
async fn a_fleet_planned_with_files_runs() {
    runs_in_form("file").await;
}

#[tokio::test]
async fn a_fleet_planned_with_flags_runs() {
    runs_in_form("flags").await;
}

#[tokio::test]
async fn a_fleet_planned_with_variables_runs() {
    runs_in_form("env").await;
}
