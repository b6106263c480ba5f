//! Members with mutual TLS on every link: from nothing to ready, and from there to nothing.
//!
//! Three of them beside their peer, the same binary started as the tutorial does: all members at
//! once, with stock timing. Then from one to nine: what a member costs must be about the same in all.
//! One after the other in one process on one machine; the last lines give the medians, the extremes
//! and the ratios of all that was run, criterion's warm-up included.
//!
//! `cargo bench -p tercet-benches`; another etcd by `TERCET_ETCD`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use tercet_benches::Naive;
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{Cluster, Spec};
use tercet_pki::{Fleet, Layout};
use tokio::runtime::Runtime;

/// As many as the promise is about.
const SAMPLES: usize = 30;

/// From the least to the most that there can be.
const SIZES: [usize; 5] = [1, 3, 5, 7, 9];

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(SAMPLES);
    let etcd = Locator::from_env().locate(&Request::Default).expect("an etcd");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let samples = Samples::default();

    let mut group = criterion.benchmark_group("three members, mutual TLS");
    // One start is one sample: it is long enough.
    group.sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    group.bench_function("start", |bencher| {
        bencher.iter_custom(|rounds| times(rounds, || samples.start(&runtime, &etcd)));
    });
    group.bench_function("stop", |bencher| {
        bencher.iter_custom(|rounds| times(rounds, || samples.stop(&runtime, &etcd)));
    });
    group.bench_function("start, naively", |bencher| {
        bencher.iter_custom(|rounds| times(rounds, || samples.naive_start(&runtime, &etcd)));
    });
    group.finish();
    let mut group = criterion.benchmark_group("start, mutual TLS");
    group.sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    for members in SIZES {
        let id = BenchmarkId::new("members", members);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|rounds| times(rounds, || samples.sized(&runtime, &etcd, members)));
        });
    }
    group.finish();
    criterion.final_summary();
    samples.print(&etcd);
}

fn times(rounds: u64, mut once: impl FnMut() -> Duration) -> Duration {
    (0..rounds).map(|_| once()).sum()
}

/// Everything that was measured, criterion's warm-up included.
#[derive(Default)]
struct Samples {
    start: RefCell<Vec<Duration>>,
    stop: RefCell<Vec<Duration>>,
    naive_start: RefCell<Vec<Duration>>,
    sized: RefCell<BTreeMap<usize, Vec<Duration>>>,
}

impl Samples {
    fn start(&self, runtime: &Runtime, etcd: &Binary) -> Duration {
        let begin = Instant::now();
        let cluster = start(runtime, etcd, Spec::default());
        let elapsed = begin.elapsed();
        self.start.borrow_mut().push(elapsed);
        black_box(cluster);
        elapsed
    }

    fn sized(&self, runtime: &Runtime, etcd: &Binary, members: usize) -> Duration {
        let begin = Instant::now();
        let cluster = start(runtime, etcd, Spec::default().members(members));
        let elapsed = begin.elapsed();
        self.sized.borrow_mut().entry(members).or_default().push(elapsed);
        black_box(cluster);
        elapsed
    }

    fn stop(&self, runtime: &Runtime, etcd: &Binary) -> Duration {
        let cluster = start(runtime, etcd, Spec::default());
        let begin = Instant::now();
        drop(cluster);
        let elapsed = begin.elapsed();
        self.stop.borrow_mut().push(elapsed);
        elapsed
    }

    fn naive_start(&self, runtime: &Runtime, etcd: &Binary) -> Duration {
        let members = ["infra0", "infra1", "infra2"];
        let identities = Fleet::builder().layout(Layout::Shared).members(members).build();
        let (identities, ports) = (identities.expect("certificates"), free_ports());
        let begin = Instant::now();
        let naive = Naive::start(etcd.path(), identities, &ports);
        runtime.block_on(naive.wait_until_ready());
        let elapsed = begin.elapsed();
        self.naive_start.borrow_mut().push(elapsed);
        elapsed
    }

    fn print(&self, etcd: &Binary) {
        println!("etcd {}, milliseconds:", etcd.version());
        println!("{:<16}{:>6}{:>9}{:>9}{:>9}", "", "runs", "fastest", "median", "slowest");
        let rows =
            [("start", &self.start), ("stop", &self.stop), ("start, naively", &self.naive_start)];
        let mut medians = Vec::new();
        for (name, samples) in rows {
            let mut samples = samples.borrow_mut();
            let Some(median) = median(&mut samples) else { continue };
            medians.push(median);
            print(name, &samples, median);
            println!();
        }
        if let [start, _, naive] = medians[..] {
            println!(
                "the naive start takes {:.1} times as long in the median",
                naive.as_secs_f64() / start.as_secs_f64()
            );
        }
        for (members, samples) in self.sized.borrow_mut().iter_mut() {
            let Some(median) = median(samples) else { continue };
            print(&format!("{members} members"), samples, median);
            println!("{:>9.1} a member", ms(median) / *members as f64);
        }
    }
}

/// The one in the middle; they are sorted then.
fn median(samples: &mut [Duration]) -> Option<Duration> {
    samples.sort();
    samples.get(samples.len() / 2).copied()
}

fn print(name: &str, samples: &[Duration], median: Duration) {
    let extreme = |time: Option<&Duration>| time.copied().map_or(0.0, ms);
    print!(
        "{name:<16}{:>6}{:>9.1}{:>9.1}{:>9.1}",
        samples.len(),
        extreme(samples.first()),
        ms(median),
        extreme(samples.last())
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn start(runtime: &Runtime, etcd: &Binary, spec: Spec) -> Cluster {
    let parent = std::env::temp_dir();
    runtime.block_on(Cluster::start(&spec, etcd, &parent)).expect("a cluster")
}

/// As a script would: free a moment ago.
fn free_ports() -> [u16; 6] {
    let listeners = [(); 6].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
