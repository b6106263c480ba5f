//! What it costs that links can be broken: the network of a fleet's links, which carries every byte
//! when none is, beside the same without it.
//!
//! First the network alone: a round trip of 64 bytes, and the throughput of one connection, between
//! two threads that are connected directly or through it; and how long all threads were busy. Then
//! whole fleets: from nothing to ready, and a put, of three members with mutual TLS. One round of the
//! one, one of the other, in one process on one machine; the last lines give the medians and the
//! ratios of all that was run, criterion's warm-up included.
//!
//! `cargo bench -p tercet-benches --bench links`; another etcd by `TERCET_ETCD`.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{Cluster, Detour, Faults, Spec};
use tokio::runtime::Runtime;

/// Enough for a median of starts, which differ by a third.
const SAMPLES: usize = 30;

/// As etcd's heartbeats and acknowledgements.
const MESSAGE: usize = 64;

/// How much is sent for one measurement of throughput, and how much of it at once.
const MEBIBYTES: f64 = 64.0;
const TRANSFER: usize = 64 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

/// Puts for each start of a fleet, one after the other.
const PUTS: u32 = 300;

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(SAMPLES);
    let etcd = Locator::from_env().locate(&Request::Default).expect("an etcd");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let samples = Samples::default();

    let mut group = criterion.benchmark_group("direct and linked");
    let (echo, sink) = (peer(echo), peer(acknowledge));
    let mut direct = connect(echo);
    let detour = Detour::to(echo).expect("a network");
    let mut linked = connect(detour.address());
    group.bench_function("64 bytes there and back", |bencher| {
        bencher.iter_custom(|rounds| {
            samples.round_trips.take(rounds, || round_trip(&mut direct), || round_trip(&mut linked))
        });
    });
    let mut direct = connect(sink);
    let detour = Detour::to(sink).expect("a network");
    let mut linked = connect(detour.address());
    group.sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(500));
    group.bench_function("64 MiB", |bencher| {
        bencher.iter_custom(|rounds| {
            let direct = || samples.direct_busy.during(|| transfer(&mut direct));
            let linked = || samples.linked_busy.during(|| transfer(&mut linked));
            samples.transfers.take(rounds, direct, linked)
        });
    });
    // One start is one sample: it is long enough.
    group.warm_up_time(Duration::from_secs(1));
    group.bench_function("three members, mutual TLS", |bencher| {
        bencher.iter_custom(|rounds| {
            let start = |faults, puts: &RefCell<Vec<Duration>>| {
                fleet(&runtime, &etcd, faults, &mut puts.borrow_mut())
            };
            samples.starts.take(
                rounds,
                || start(Faults::NONE, &samples.puts.direct),
                || start(Faults::NONE.links(), &samples.puts.linked),
            )
        });
    });
    group.finish();
    criterion.final_summary();
    samples.print(&etcd);
}

/// Times of the one and the other, as they were taken.
#[derive(Default)]
struct Both {
    direct: RefCell<Vec<Duration>>,
    linked: RefCell<Vec<Duration>>,
}

impl Both {
    /// One of each in each round, the second first in every other; the time of all those that were
    /// linked.
    fn take(
        &self,
        rounds: u64,
        mut direct: impl FnMut() -> Duration,
        mut linked: impl FnMut() -> Duration,
    ) -> Duration {
        let mut all = Duration::ZERO;
        for _ in 0..rounds {
            let linked_first = self.direct.borrow().len() % 2 == 1;
            if !linked_first {
                self.direct.borrow_mut().push(direct());
            }
            let time = linked();
            self.linked.borrow_mut().push(time);
            all += time;
            if linked_first {
                self.direct.borrow_mut().push(direct());
            }
        }
        all
    }

    /// The medians, in what `unit` makes of them.
    fn print(&self, name: &str, unit: impl Fn(Duration) -> f64) {
        let (mut direct, mut linked) = (self.direct.borrow_mut(), self.linked.borrow_mut());
        let runs = direct.len();
        if let (Some(direct), Some(linked)) = (median(&mut direct), median(&mut linked)) {
            print(name, runs, unit(direct), unit(linked));
        }
    }
}

/// For how long the threads of this process were busy, and not only waiting.
#[derive(Default)]
struct Busy(RefCell<(Duration, u32)>);

impl Busy {
    fn during<T>(&self, what: impl FnOnce() -> T) -> T {
        let before = busy();
        let result = what();
        let (time, times) = &mut *self.0.borrow_mut();
        *time += busy().saturating_sub(before);
        *times += 1;
        result
    }

    /// Of what was transferred meanwhile, if anything was.
    fn per_mebibyte(&self) -> Option<Duration> {
        let (time, times) = *self.0.borrow();
        let each = time.checked_div(times)?;
        Some(each.div_f64(MEBIBYTES))
    }
}

/// The first number of each thread's `schedstat` is the nanoseconds that it ran (`proc(5)`; Linux
/// only, and nothing elsewhere).
fn busy() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

/// Everything that was measured, criterion's warm-up included.
#[derive(Default)]
struct Samples {
    round_trips: Both,
    transfers: Both,
    direct_busy: Busy,
    linked_busy: Busy,
    starts: Both,
    puts: Both,
}

impl Samples {
    fn print(&self, etcd: &Binary) {
        println!("etcd {}, medians:", etcd.version());
        println!("{:<32}{:>8}{:>10}{:>10}{:>8}", "", "runs", "direct", "linked", "ratio");
        let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
        self.round_trips.print("64 bytes there and back, µs", microseconds);
        let speed = |time: Duration| MEBIBYTES / time.as_secs_f64();
        self.transfers.print("throughput, MiB/s", speed);
        let (direct, linked) = (&self.direct_busy, &self.linked_busy);
        if let (Some(direct), Some(linked)) = (direct.per_mebibyte(), linked.per_mebibyte()) {
            let runs = self.transfers.direct.borrow().len();
            print("processor, µs/MiB", runs, microseconds(direct), microseconds(linked));
        }
        self.starts.print("start, ms", |time| time.as_secs_f64() * 1e3);
        self.puts.print("put, µs", microseconds);
    }
}

fn print(name: &str, runs: usize, direct: f64, linked: f64) {
    println!("{name:<32}{runs:>8}{direct:>10.1}{linked:>10.1}{:>8.3}", linked / direct);
}

/// The one in the middle; they are sorted then.
fn median(samples: &mut [Duration]) -> Option<Duration> {
    samples.sort();
    samples.get(samples.len() / 2).copied()
}

/// Where each connection is given to `serve`, in a thread of its own.
fn peer(serve: fn(TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || stream.and_then(serve));
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

/// One byte for each transfer.
fn acknowledge(mut stream: TcpStream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        for _ in 0..TRANSFER / CHUNK {
            stream.read_exact(&mut chunk)?;
        }
        stream.write_all(&[0])?;
    }
}

fn round_trip(stream: &mut TcpStream) -> Duration {
    let mut message = [7; MESSAGE];
    let begin = Instant::now();
    stream.write_all(&message).expect("sent");
    stream.read_exact(&mut message).expect("received");
    begin.elapsed()
}

fn transfer(stream: &mut TcpStream) -> Duration {
    let chunk = vec![7; CHUNK];
    let begin = Instant::now();
    for _ in 0..TRANSFER / CHUNK {
        stream.write_all(&chunk).expect("sent");
    }
    stream.read_exact(&mut [0]).expect("received");
    begin.elapsed()
}

/// Starts a fleet, puts, and drops it: the time to start, and those of the puts.
fn fleet(runtime: &Runtime, etcd: &Binary, faults: Faults, puts: &mut Vec<Duration>) -> Duration {
    let (spec, parent) = (Spec::default().faults(faults), std::env::temp_dir());
    let begin = Instant::now();
    let cluster = runtime.block_on(Cluster::start(&spec, etcd, &parent)).expect("a cluster");
    let elapsed = begin.elapsed();
    runtime.block_on(async {
        let client = cluster.client().await.expect("a client");
        for number in 0..PUTS {
            let begin = Instant::now();
            client.put(format!("key-{}", number % 10), "value").await.expect("written");
            // The first connects, which is not what is measured.
            if number > 0 {
                puts.push(begin.elapsed());
            }
        }
    });
    elapsed
}
