//! A process that starts a cluster, breaks it, and dies: in the way, at the moment and with the fault
//! that its arguments say. They are the end, after how many microseconds it comes (with a plus before
//! them, since the fault is active), the fault, and a number by which the fault's details are drawn.
//!
//! Prints one JSON object a line: where the fleet is, when it is ready; that the fault is active; and
//! that a thread has ended, where only that does.

use std::io::Read as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tercet_cluster::{CrashAt, DiskError, Faults, StartPoint};
use tercet_harness::Cluster;

fn main() {
    let kept = kept_by_runtimes();
    let mut words = std::env::args().skip(1);
    let mut word = move || words.next().expect("END MICROSECONDS FAULT NUMBER");
    let (begin, end, after) = (Instant::now(), word(), word());
    let micros = after.trim_start_matches('+').parse().expect("microseconds");
    let after_fault = after.starts_with('+').then(|| Duration::from_micros(micros));
    if after_fault.is_none() {
        MOMENT.get_or_init(|| begin + Duration::from_micros(micros));
    }
    let (fault, number) = (word(), word().parse().expect("a number"));
    if std::env::var_os("MORTAL_STRAY").is_some() {
        // For the control: nobody ends this one.
        let mut stray = tercet_tests::command("setsid");
        stray.args(["sleep", "60"]).stdin(std::process::Stdio::null());
        let stray = stray.stdout(std::process::Stdio::null()).spawn().expect("it runs");
        // Nobody's from here on: it is to outlive this process.
        std::mem::forget(stray);
    }
    let life = Life { end, after_fault, fault, number };
    // The test is done with it, or is gone.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(4);
    });
    match life.end.as_str() {
        // The process lives on.
        "thread returns" | "thread panics" | "thread destructor" => {
            let ended = std::thread::spawn(move || life.live()).join();
            println!("{}", json!({ "thread": ended.is_ok(), "kept": kept }));
            park();
        }
        "exits"
        | "aborts"
        | "panics elsewhere"
        | "overflows its stack"
        | "has no memory"
        | "execs" => {
            let end = life.end.clone();
            // In the midst of whatever the other thread does.
            std::thread::spawn(move || {
                while MOMENT.get().is_none_or(|moment| *moment > Instant::now()) {
                    pause();
                }
                die(&end);
            });
            life.live();
        }
        _ => life.live(),
    }
}

/// What a runtime opens once in a process and keeps for good, where tokio was built with signals, as it
/// is for the whole workspace: what is open before there is a cluster.
fn kept_by_runtimes() -> Vec<String> {
    drop(tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.map(|target| target.display().to_string()).collect()
}

/// Until another thread, or somebody else, ends the process.
fn park() {
    loop {
        std::thread::park();
    }
}

/// Between two looks at whether the moment has come.
fn pause() {
    #[expect(clippy::disallowed_methods, reason = "the moment was drawn")]
    std::thread::sleep(Duration::from_micros(200));
}

/// The ends that need nothing of the cluster.
fn die(end: &str) {
    match end {
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        // As with `panic = "abort"`.
        "panics elsewhere" => {
            std::panic::set_hook(Box::new(|_| std::process::abort()));
            panic!("as told");
        }
        "overflows its stack" => {
            std::hint::black_box(deeper(&[1; 1024]));
        }
        // Rust's answer to an allocator that has nothing more.
        "has no memory" => {
            std::hint::black_box(Vec::<u8>::with_capacity(isize::MAX.unsigned_abs()));
        }
        "execs" => {
            use std::os::unix::process::CommandExt as _;
            let error = tercet_tests::command("true").exec();
            panic!("it could not become another program: {error}");
        }
        other => panic!("no such end: {other}"),
    }
}

#[expect(unconditional_recursion, reason = "as told")]
fn deeper(frame: &[u8; 1024]) -> u64 {
    let next = std::hint::black_box([frame[0]; 1024]);
    deeper(&next) + u64::from(next[1])
}

/// When it ends, as soon as that is known.
static MOMENT: OnceLock<Instant> = OnceLock::new();

/// Waits for it. Cancel-safe.
async fn moment() {
    while MOMENT.get().is_none_or(|moment| *moment > Instant::now()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

struct Life {
    end: String,
    /// Where it is told from the fault.
    after_fault: Option<Duration>,
    fault: String,
    number: usize,
}

std::thread_local! {
    /// Dropped when the thread is over, after all that is on its stack.
    static LEFT_TO_THE_THREAD: std::cell::Cell<Option<Cluster>> = const { std::cell::Cell::new(None) };
}

impl Life {
    fn live(self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let cluster = runtime.block_on(async {
            let builder = Cluster::builder().faults(faults(&self.fault));
            let cluster = tokio::select! {
                cluster = builder.start() => cluster.expect("a cluster"),
                // Dropped in the midst of its start.
                () = moment() => return None,
            };
            tell(&cluster);
            tokio::select! {
                () = self.broken(&cluster) => {}
                () = moment() => {
                    // With the guards of its faults alive, which this drops while it unwinds.
                    assert!(!self.end.ends_with("panics"), "as told");
                }
            }
            Some(cluster)
        });
        match self.end.as_str() {
            "panics" | "thread panics" => panic!("as told"),
            "returns" | "thread returns" => drop(cluster),
            "forgets it and returns" => std::mem::forget(cluster),
            "drops it outside any runtime" => {
                drop(runtime);
                drop(cluster);
            }
            "thread destructor" => LEFT_TO_THE_THREAD.set(cluster),
            _ => park(),
        }
    }

    /// Breaks the cluster, and says so, and keeps it broken until this is dropped.
    async fn broken(&self, cluster: &Cluster) {
        let active = || {
            println!("{}", json!({ "fault": self.fault }));
            if let Some(after) = self.after_fault {
                MOMENT.get_or_init(|| Instant::now() + after);
            }
        };
        let all: Vec<_> = cluster.members().collect();
        let [one, other] = [0, 1].map(|offset| all[(self.number + offset) % all.len()]);
        let moment = Duration::from_millis(self.number as u64 % 100);
        let mut guards: Vec<Box<dyn std::fmt::Debug + '_>> = Vec::new();
        let mut hold = |guard| guards.push(guard);
        match self.fault.as_str() {
            "none" => {}
            "killed" => hold(Box::new(one.kill().expect("it is killed"))),
            "all killed" => {
                for one in &all {
                    one.kill().expect("it is killed");
                }
            }
            // By a signal from elsewhere, as far as the cluster knows.
            "stopped" => stop(one.pid()),
            "all stopped" => all.iter().for_each(|member| stop(member.pid())),
            "paused" => hold(Box::new(one.pause().expect("it is paused"))),
            "all paused" => {
                all.iter().for_each(|one| hold(Box::new(one.pause().expect("it is paused"))));
            }
            "one paused, one killed" => {
                hold(Box::new(one.pause().expect("it is paused")));
                hold(Box::new(other.kill().expect("it is killed")));
            }
            "restarting" => {
                active();
                loop {
                    // Two of three are there all the time.
                    one.restart().await.expect("it is restarted");
                }
            }
            "crash loop" => {
                active();
                let crashes = one.crash_loop(1000, CrashAt::After(moment)).await;
                hold(Box::new(crashes.expect("it is killed each time")));
            }
            "killed while it starts" => {
                active();
                for point in StartPoint::ALL.into_iter().cycle() {
                    one.kill_at(point).await.expect("it is killed");
                }
            }
            "slow disk" => hold(Box::new(one.slow_disk(moment).expect("it is slow"))),
            "failing disk" => {
                // It ends by itself, as soon as something is written.
                hold(Box::new(one.fail_disk(DiskError::Io).expect("it fails")));
                write(cluster).await;
            }
            "full disk" => {
                hold(Box::new(one.fill_disk().expect("it is full")));
                write(cluster).await;
            }
            "clock forward" => {
                let days = Duration::from_secs(10 * 86_400);
                hold(Box::new(cluster.clocks_forward(days).expect("they are ahead")));
            }
            "clock back, slow disk, paused" => {
                hold(Box::new(one.clock_back(Duration::from_secs(3600)).expect("it is behind")));
                hold(Box::new(one.slow_disk(moment).expect("it is slow")));
                hold(Box::new(one.pause().expect("it is paused")));
                hold(Box::new(other.slow_disk(moment).expect("it is slow")));
            }
            "link cut" => hold(Box::new(cluster.cut(one, other).expect("it is cut"))),
            "link slow" => hold(Box::new(cluster.slow(one, other, moment).expect("it is slow"))),
            "link isolated, and written to" => {
                hold(Box::new(cluster.isolate(one).expect("it is isolated")));
                write(cluster).await;
            }
            "link, disk and clock, stopped" => {
                hold(Box::new(cluster.cut_one_way(one, other).expect("it is cut")));
                hold(Box::new(other.slow_disk(moment).expect("it is slow")));
                hold(Box::new(one.clock_back(moment).expect("it is behind")));
                stop(all[(self.number + 2) % all.len()].pid());
            }
            other => panic!("no such fault: {other}"),
        }
        active();
        std::future::pending::<()>().await;
        drop(guards);
    }
}

/// SIGSTOP.
fn stop(pid: Option<u32>) {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    kill_process(pid.expect("it runs"), Signal::STOP).expect("it is stopped");
}

/// As long as it takes: the fault may be in its way.
async fn write(cluster: &Cluster) {
    let client = cluster.client().await.expect("a client");
    let _ = client.put("key", "value").await;
}

/// What the fleet must be made ready for.
fn faults(fault: &str) -> Faults {
    let of = |word| fault.contains(word);
    let mut faults = Faults::NONE;
    if of("link") {
        faults = faults.links();
    }
    if of("disk") {
        faults = faults.disk();
    }
    if of("clock") {
        faults = faults.clock();
    }
    faults
}

fn tell(cluster: &Cluster) {
    // Not their URLs, which may be names on a network of links.
    let listens = |argument: &std::ffi::OsString| {
        let address = argument.to_str()?.strip_prefix("--listen-")?.split_once("//")?.1;
        Some(address.to_owned())
    };
    let members = cluster.members();
    let addresses: Vec<_> =
        members.flat_map(|member| member.plan().arguments().iter().filter_map(listens)).collect();
    assert!(addresses.len() >= 2 * cluster.members().len(), "{addresses:?}");
    println!("{}", json!({ "directory": cluster.directory(), "addresses": addresses }));
}
