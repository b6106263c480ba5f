//! What a process has used, and what the machine is.

use std::fs;
use std::time::Duration;

/// The CPU time of this process, all its threads, also those that are gone.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The memory of this process in KiB, now and at most: what it has asked for, its stacks and its heap.
///
/// Not the pages of the program, of which both clients are a part: which of them are there depends on
/// what the linker put beside what is used.
pub(crate) fn memory_kib() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    // The program's pages only become more; so at most it was the rest of the most.
    (of("RssAnon:"), of("VmHWM:").saturating_sub(of("RssFile:") + of("RssShmem:")))
}

/// Processor, how many of them, and how much they had to do in the last minute.
pub(crate) fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| Some(line.split_once(':')?.1.trim()));
    let count = std::thread::available_parallelism().map_or(0, |count| count.get());
    format!("{count} processors, {}, load {}", model.unwrap_or("of some kind"), load())
}

/// The load of the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}
