//! Three members with mutual TLS on every link: from nothing to ready, and from there to nothing.
//!
//! The peer is the same binary, started as the tutorial does: all members at once, with stock
//! timing. One after the other in one process on one machine; the last lines give the medians, the
//! extremes and the ratio of all that was run, criterion's warm-up included.
//!
//! `cargo bench -p tercet-benches`; another etcd by `TERCET_ETCD`.

use std::cell::RefCell;
use std::hint::black_box;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use tercet_benches::Naive;
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{Cluster, Spec};
use tercet_pki::{Fleet, Layout};
use tokio::runtime::Runtime;

/// As many as the promise is about.
const SAMPLES: usize = 30;

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
}

impl Samples {
    fn start(&self, runtime: &Runtime, etcd: &Binary) -> Duration {
        let begin = Instant::now();
        let cluster = start(runtime, etcd);
        let elapsed = begin.elapsed();
        self.start.borrow_mut().push(elapsed);
        black_box(cluster);
        elapsed
    }

    fn stop(&self, runtime: &Runtime, etcd: &Binary) -> Duration {
        let cluster = start(runtime, etcd);
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
            samples.sort();
            let Some(median) = samples.get(samples.len() / 2).copied() else { continue };
            medians.push(median);
            let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
            println!(
                "{name:<16}{:>6}{:>9.1}{:>9.1}{:>9.1}",
                samples.len(),
                ms(samples.first()),
                ms(Some(&median)),
                ms(samples.last())
            );
        }
        if let [start, _, naive] = medians[..] {
            println!(
                "the naive start takes {:.1} times as long in the median",
                naive.as_secs_f64() / start.as_secs_f64()
            );
        }
    }
}

fn start(runtime: &Runtime, etcd: &Binary) -> Cluster {
    let parent = std::env::temp_dir();
    runtime.block_on(Cluster::start(&Spec::default(), etcd, &parent)).expect("a cluster")
}

/// As a script would: free a moment ago.
fn free_ports() -> [u16; 6] {
    let listeners = [(); 6].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
