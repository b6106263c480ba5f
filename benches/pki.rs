//! The certificates of a fleet of three: an authority, three server and three peer identities and a
//! client, made in memory and written to disk.
//!
//! The peer is what the tutorial's script does with openssl: an authority and two identities, RSA
//! of 2048 bits. Criterion takes turns within one process on one machine; the last lines give the
//! medians of what was run, its warm-up included, and how many times as fast we are.
//!
//! `cargo bench -p tercet-benches --bench pki`

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use tercet_pki::Fleet;

const MEMBERS: [&str; 3] = ["infra1", "infra2", "infra3"];

/// What the tutorial types, one command after the other.
const SCRIPT: [&str; 8] = [
    "genrsa -out ca.key 2048",
    "req -x509 -new -key ca.key -subj /CN=ca -days 10000 -out ca.crt",
    "genrsa -out server.key 2048",
    "req -new -key server.key -subj /CN=localhost -out server.csr",
    "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out server.crt",
    "genrsa -out client.key 2048",
    "req -new -key client.key -subj /CN=client -out client.csr",
    "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out client.crt",
];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (memory, disk, script) =
        (RefCell::default(), RefCell::default(), RefCell::<Vec<Duration>>::default());
    let mut group = criterion.benchmark_group("certificates of three members");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.bench_function("in memory", |bencher| {
        bencher.iter_custom(|rounds| times(rounds, &memory, in_memory));
    });
    group.bench_function("written", |bencher| {
        bencher.iter_custom(|rounds| times(rounds, &disk, written));
    });
    // Where there is no openssl, there is nothing to compare with.
    if openssl(Path::new("."), "version") {
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.bench_function("tutorial's script", |bencher| {
            bencher.iter_custom(|rounds| times(rounds, &script, tutorial));
        });
    }
    group.finish();
    criterion.final_summary();
    print(&[("in memory", memory), ("written", disk), ("tutorial's script", script)]);
}

fn times(rounds: u64, all: &RefCell<Vec<Duration>>, once: fn() -> Duration) -> Duration {
    let one = |_| {
        let time = once();
        all.borrow_mut().push(time);
        time
    };
    (0..rounds).map(one).sum()
}

fn in_memory() -> Duration {
    let begin = Instant::now();
    black_box(Fleet::generate(MEMBERS).expect("certificates"));
    begin.elapsed()
}

fn written() -> Duration {
    let directory = tempfile::tempdir().expect("a directory");
    let begin = Instant::now();
    let fleet = Fleet::generate(MEMBERS).expect("certificates");
    black_box(fleet.write(directory.path().join("pki")).expect("files"));
    begin.elapsed()
}

fn tutorial() -> Duration {
    let directory = tempfile::tempdir().expect("a directory");
    let begin = Instant::now();
    for line in SCRIPT {
        assert!(openssl(directory.path(), line), "openssl {line}");
    }
    begin.elapsed()
}

fn openssl(directory: &Path, line: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "the tutorial's way is what is measured")]
    let mut command = Command::new("openssl");
    let command = command.args(line.split(' ')).current_dir(directory).stdin(Stdio::null());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn print(all: &[(&str, RefCell<Vec<Duration>>)]) {
    let mut medians = Vec::new();
    println!("{:<18}{:>7}{:>10}{:>10}", "milliseconds", "runs", "fastest", "median");
    for (name, times) in all {
        let mut times = times.borrow_mut();
        times.sort();
        let (Some(fastest), Some(median)) = (times.first(), times.get(times.len() / 2)) else {
            continue;
        };
        let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
        println!("{name:<18}{:>7}{:>10.2}{:>10.2}", times.len(), ms(fastest), ms(median));
        medians.push(median.as_secs_f64());
    }
    if let [memory, disk, script] = medians[..] {
        println!(
            "the script takes {:.0} times as long as in memory, {:.0} times as long as written",
            script / memory,
            script / disk
        );
    }
}
