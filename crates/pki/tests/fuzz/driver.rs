//! Running a target for a while, and telling what it failed with.

use std::any::Any;
use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::corpus::Corpus;
use super::mutate::{Random, input};

/// How long one input may take. An hour of inputs takes a few milliseconds each, in a debug build
/// on a busy machine; what takes ten thousand times as long does not end.
const HANG: Duration = Duration::from_secs(60);

/// How much memory the whole process may take at its peak. It takes some 20 MiB; a reader that
/// believes a length of four bytes takes 4 GiB.
const MAX_PEAK_KIB: u64 = 256 << 10;

/// Gives `target` inputs made from `corpus`, for as long as `TERCET_FUZZ_SECONDS` says.
///
/// # Panics
///
/// With the input, if the target panics, hangs, or takes too much memory.
pub(super) fn run(corpus: Corpus, target: fn(&[u8])) {
    if let Some(path) = env::var_os("TERCET_FUZZ_INPUT") {
        target(&fs::read(path).unwrap());
        return;
    }
    let seconds = env::var("TERCET_FUZZ_SECONDS").map_or(2.0, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let first_seed = seed();

    let current = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&current);
    let (send, receive) = mpsc::channel();
    let worker = thread::spawn(move || {
        let mut seed = first_seed;
        let mut count = 0_u64;
        while Instant::now() < end {
            let input = input(&mut Random::new(seed), &corpus);
            shared.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&input);
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| target(&input))) {
                return Err(format!("panicked: {}", text_of(&*panic)));
            }
            count += 1;
            if count.is_multiple_of(256) && peak_kib().is_some_and(|peak| peak > MAX_PEAK_KIB) {
                return Err(format!("took more than {MAX_PEAK_KIB} KiB, with this or one before"));
            }
            // The other side is there until it has given up.
            let _ = send.send(());
            seed = seed.wrapping_add(1);
        }
        Ok(count)
    });
    let problem = loop {
        match receive.recv_timeout(HANG) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => break Some(format!("took longer than {HANG:?}")),
            Err(RecvTimeoutError::Disconnected) => match worker.join().unwrap() {
                Ok(count) => {
                    println!("{count} inputs in {seconds} s, from seed {first_seed}");
                    break None;
                }
                Err(problem) => break Some(problem),
            },
        }
    };
    if let Some(problem) = problem {
        let input = current.lock().unwrap_or_else(PoisonError::into_inner);
        panic!("{problem}\nThe input, for `xxd -r -p > FILE`:\n{}", hex(&input));
    }
}

/// Another one each time, so that every run tries something else.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    match env::var("TERCET_FUZZ_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one(0),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().enumerate().fold(String::new(), |mut text, (index, byte)| {
        let end = if index % 40 == 39 { "\n" } else { "" };
        write!(text, "{byte:02x}{end}").unwrap();
        text
    })
}

/// The most memory that this process ever had, where the system says it.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
