//! A network of hosts on one machine: a namespace for each, and cables between all of them.
//!
//! Nothing of it is in the machine's own network, and nothing of it has to be removed: a namespace
//! is there as long as a process is in it, and a cable as long as both its ends are. The test itself
//! runs in one more namespace, in a process of its own; what it starts there ends with it.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tercet_harness::MemberHost;
use tercet_tests::{command, say};

/// Set where we are in a network of our own, to the name of the test.
const WITHIN: &str = "TERCET_TEST_NETWORK";

/// The ways into a network and a view of files of one's own: as root, and as anybody.
const WAYS_IN: [&[&str]; 2] =
    [&["--net", "--mount"], &["--user", "--map-root-user", "--net", "--mount"]];

/// Runs the test called `name`, which this is, in a network of its own; where none can be made, says
/// so, and that is all.
pub(crate) fn within<F: Future<Output = tercet_harness::Result<()>>>(
    name: &str,
    test: impl FnOnce(Network) -> F,
) {
    if std::env::var_os(WITHIN).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(test(Network::new())).unwrap();
    }
    let Some(mut again) = again(name) else {
        say(&format!("{name} is skipped: no network namespaces can be made here"));
        return;
    };
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

/// The command that runs the test `name` in a network of its own, and ends with whoever starts it;
/// none where that cannot be done.
pub(crate) fn again(name: &str) -> Option<Command> {
    let way = WAYS_IN.into_iter().find(|way| {
        // All that is used below, tried out.
        let tools = "ip link add name one type veth peer name two && nsenter --net=/proc/$$/ns/net true && \
                     setpriv --pdeathsig KILL true && mount --bind /dev/null /etc/hosts";
        let tried = command("unshare").args(*way).args(["sh", "-c", tools]).output();
        tried.is_ok_and(|output| output.status.success())
    })?;
    let mut again = command("unshare");
    // Not before: who enters a user namespace is forgiven the death of its parent.
    again.args(way).args(["setpriv", "--pdeathsig", "KILL", "--"]);
    again.arg(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(WITHIN, name);
    Some(again)
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{out}\n{err}", output.status)
}

/// Hosts, with a cable between each two, and between each and us.
pub(crate) struct Network {
    hosts: Vec<Child>,
}

impl Network {
    /// One more than most fleets begin with, and two for partitions.
    const HOSTS: u8 = 5;

    fn new() -> Self {
        run(&["ip", "link", "set", "lo", "up"]);
        let mut network = Self { hosts: Vec::new() };
        for host in 1..=Self::HOSTS {
            network.hosts.push(hold_namespace());
            network.run_on(host, &["ip", "link", "set", "lo", "up"]);
            for other in 0..host {
                network.cable(host, other);
            }
        }
        name_hosts();
        network
    }

    /// The host with this number, counted from 1, for the member `infraN`.
    pub(crate) fn host(&self, number: u8) -> MemberHost {
        MemberHost::new(format!("infra{number}"), address(number))
            .dns_name(dns_name(number))
            .entrance(self.entrance(number))
    }

    /// The first three.
    pub(crate) fn hosts(&self) -> Vec<MemberHost> {
        (1..=3).map(|number| self.host(number)).collect()
    }

    /// The processes that hold the namespaces.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.hosts.iter().map(Child::id).collect()
    }

    pub(crate) fn entrance(&self, number: u8) -> Vec<String> {
        let holder = &self.hosts[usize::from(number) - 1];
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", holder.id()), "--".to_owned()]
    }

    /// Connects a host with another one, or with us, who are 0. Each has one address, whatever the
    /// cable: as a machine in the network of a data centre has.
    fn cable(&self, host: u8, other: u8) {
        let [to_host, to_other] = [host, other].map(|number| format!("to{number}"));
        let our_pid = std::process::id();
        let pid = match other {
            0 => our_pid,
            other => self.hosts[usize::from(other) - 1].id(),
        };
        let peer = ["type", "veth", "peer", "name", &to_host, "netns", &pid.to_string()];
        self.run_on(host, &[&["ip", "link", "add", "name", &to_other][..], &peer].concat());
        for (from, to, device) in [(host, other, &to_other), (other, host, &to_host)] {
            let [from_address, to_address] = [from, to].map(|number| address(number).to_string());
            let own = format!("{from_address}/32");
            self.run_on(from, &["ip", "address", "add", &own, "dev", device]);
            self.run_on(from, &["ip", "link", "set", device, "up"]);
            let route = ["ip", "route", "add", &to_address, "dev", device, "src", &from_address];
            self.run_on(from, &route);
        }
    }

    /// Cuts every cable between these hosts and those: packets of either side are dropped by itself.
    pub(crate) fn cut(&self, these: &[u8], those: &[u8]) {
        self.each_way(these, those, |from, to| {
            self.run_on(from, &["ip", "route", "replace", "blackhole", &address(to).to_string()]);
        });
    }

    /// Makes the cables that were cut whole again.
    pub(crate) fn heal(&self, these: &[u8], those: &[u8]) {
        self.each_way(these, those, |from, to| {
            let (to_address, from_address) = (address(to).to_string(), address(from).to_string());
            let by = format!("to{to}");
            let route = ["ip", "route", "replace", &to_address, "dev", &by, "src", &from_address];
            self.run_on(from, &route);
        });
    }

    fn each_way(&self, these: &[u8], those: &[u8], does: impl Fn(u8, u8)) {
        for &this in these {
            for &that in those {
                does(this, that);
                does(that, this);
            }
        }
    }

    /// Runs this on a host, or here, which is 0.
    pub(crate) fn run_on(&self, number: u8, words: &[&str]) {
        if number == 0 {
            return run(words);
        }
        let entrance = self.entrance(number);
        let entrance: Vec<_> = entrance.iter().map(String::as_str).collect();
        run(&[&entrance, words].concat());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            // It may have ended already, which is what is wanted.
            let _ = host.kill();
            let _ = host.wait();
        }
    }
}

pub(crate) fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 77, number, 10).into()
}

pub(crate) fn dns_name(number: u8) -> String {
    format!("etcd-{number}.example.com")
}

/// A process in a new namespace, which ends with us.
fn hold_namespace() -> Child {
    let mut holder = command("setpriv")
        .args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--"])
        // Until its input ends.
        .args(["sh", "-c", "echo made && exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "made\n");
    holder
}

/// Makes the hosts' names known, to us and to all that we start: in our view of the files.
fn name_hosts() {
    let names = (1..=Network::HOSTS).map(|n| format!("{} {}\n", address(n), dns_name(n)));
    let text: String = ["127.0.0.1 localhost\n".to_owned()].into_iter().chain(names).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hosts");
    std::fs::write(&file, text).unwrap();
    run(&["mount", "--bind", path(&file), "/etc/hosts"]);
    // The file is there under its other name from now on.
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

fn run(words: &[&str]) {
    let output = command(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", told(&output));
}
