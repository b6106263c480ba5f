//! Which process an id means at this moment: its start time tells it from all others that had or will
//! have the same id.

use std::io;

/// A process as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) start: StartTime,
    pub(crate) condition: Condition,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Runs,
    /// Stopped by a signal.
    Paused,
    /// Dead, and not reaped yet: a zombie.
    Ended,
}

/// When a process began. On Linux in clock ticks since the machine did, which says nothing after a
/// reboot: see [`Machine::boot`]. Elsewhere in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartTime(pub(crate) u64);

impl StartTime {
    /// Whether both are the same process's, if the ids are equal.
    pub(crate) fn is_same(self, other: Self) -> bool {
        (0..=TOLERANCE).contains(&self.0.abs_diff(other.0))
    }
}

/// Linux says the very tick. `ps` says whole seconds ago, and takes a moment to say so.
const TOLERANCE: u64 = if cfg!(target_os = "linux") { 0 } else { 2 };

/// Looks at a process; nothing when there is none of this id.
///
/// # Errors
///
/// When it cannot be said: then there may be one.
pub(crate) fn look(pid: u32) -> io::Result<Option<Sighting>> {
    #[cfg(target_os = "linux")]
    return look_in_proc(pid);
    #[cfg(not(target_os = "linux"))]
    return look_by_ps(pid);
}

#[cfg(target_os = "linux")]
fn look_in_proc(pid: u32) -> io::Result<Option<Sighting>> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => match of_stat(&text) {
            Some(seen) => Ok(Some(seen)),
            None => Err(io::Error::other(format!("/proc/{pid}/stat is not understood: {text}"))),
        },
        // The second is what a read says of a process that ends between opening and reading.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) =>
        {
            // Without /proc, or where it hides processes, there may be one all the same.
            if exists(pid)? { Err(error) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}

/// Whether there is a process of this id, dead ones that nobody reaped included.
#[cfg(target_os = "linux")]
fn exists(pid: u32) -> io::Result<bool> {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return Ok(false);
    };
    match rustix::process::test_kill_process(pid) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `proc_pid_stat(5)`: the name is in parentheses and may hold anything; the state is field 3 and the
/// start field 22.
#[cfg(target_os = "linux")]
fn of_stat(text: &str) -> Option<Sighting> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let condition = match *fields.first()? {
        "T" => Condition::Paused,
        "Z" | "X" => Condition::Ended,
        _ => Condition::Runs,
    };
    Some(Sighting { start: StartTime(fields.get(19)?.parse().ok()?), condition })
}

#[cfg(any(not(target_os = "linux"), test))]
fn look_by_ps(pid: u32) -> io::Result<Option<Sighting>> {
    #[expect(clippy::disallowed_methods, reason = "it is waited for at once")]
    let output = std::process::Command::new("ps")
        .args(["-o", "state=,etime=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.trim().is_empty() {
        // It says so by its exit status too, but not by one that nothing else has.
        return Ok(None);
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    of_ps(&text, now)
        .map(Some)
        .ok_or_else(|| io::Error::other(format!("what ps says is not understood: {text}")))
}

/// `S 01-02:03:04`: the state, and for how long it has run.
#[cfg(any(not(target_os = "linux"), test))]
fn of_ps(text: &str, now: u64) -> Option<Sighting> {
    let (state, elapsed) = text.trim().split_once(char::is_whitespace)?;
    let condition = match state.chars().next()? {
        'T' => Condition::Paused,
        'Z' => Condition::Ended,
        _ => Condition::Runs,
    };
    let elapsed = elapsed.trim();
    let (days, clock) = elapsed.split_once('-').unwrap_or(("0", elapsed));
    let of_day = clock.split(':').try_fold(0, |seconds: u64, part| {
        seconds.checked_mul(60)?.checked_add(part.parse::<u64>().ok()?)
    })?;
    let elapsed = days.parse::<u64>().ok()?.checked_mul(86_400)?.checked_add(of_day)?;
    Some(Sighting { start: StartTime(now.checked_sub(elapsed)?), condition })
}

/// Where process ids mean what they mean here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) host: String,
    /// Another one at each start of the machine. Empty but on Linux, where start times alone do not
    /// survive a reboot.
    pub(crate) boot: String,
    /// Containers count their processes by themselves. Empty but on Linux.
    pub(crate) pid_namespace: String,
}

impl Machine {
    /// The one that this process sees.
    pub(crate) fn here() -> Self {
        if cfg!(target_os = "linux") {
            let read = |path: &str| {
                std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
            };
            let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            Self {
                host: read("/proc/sys/kernel/hostname"),
                boot: read("/proc/sys/kernel/random/boot_id"),
                pid_namespace: namespace.to_string_lossy().into_owned(),
            }
        } else {
            // A name that changes with the network (macOS) would make every run a stranger's.
            Self { host: String::new(), boot: String::new(), pid_namespace: String::new() }
        }
    }

    /// What its process ids mean, seen from `here`.
    pub(crate) fn ids_mean(&self, here: &Self) -> IdsMean {
        if self.host != here.host {
            IdsMean::Unknown
        } else if self.boot != here.boot {
            IdsMean::Nothing
        } else if self.pid_namespace != here.pid_namespace {
            IdsMean::Unknown
        } else {
            IdsMean::TheSame
        }
    }
}

/// What process ids of one place mean at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdsMean {
    TheSame,
    /// All those processes are gone: the machine was started anew.
    Nothing,
    /// It is another machine's directory, or another container's.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_of_its_id() {
        let me = look(std::process::id()).unwrap().unwrap();
        assert_eq!(me.condition, Condition::Runs);
        assert!(me.start.is_same(me.start));
        assert!(!me.start.is_same(StartTime(me.start.0 + 3)));
        // The largest that Linux gives is 2^22.
        assert_eq!(look(1 << 30).unwrap(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_kernel_says_is_read_whatever_the_name() {
        let rest = "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 1";
        let told = |state: &str| of_stat(&format!("7 (a) Z (b) {state} {rest}"));
        for (state, condition) in
            [("S", Condition::Runs), ("T", Condition::Paused), ("Z", Condition::Ended)]
        {
            assert_eq!(told(state), Some(Sighting { start: StartTime(12345), condition }));
        }
        assert_eq!(of_stat("7 (cut"), None);
        assert_eq!(of_stat("7 (cut) S 1"), None);
    }

    #[test]
    fn what_ps_says_is_read() {
        let started = |text| of_ps(text, 1_000_000).map(|seen| (seen.start.0, seen.condition));
        assert_eq!(started("S+   00:05\n"), Some((999_995, Condition::Runs)));
        assert_eq!(started("T 01:00:00"), Some((996_400, Condition::Paused)));
        assert_eq!(started("Zs 2-00:00:01"), Some((827_199, Condition::Ended)));
        for wrong in ["", "S", "S now", "S -1:00", "S 99999999999999999999-00:00"] {
            assert_eq!(started(wrong), None, "{wrong}");
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let me = look_by_ps(std::process::id()).unwrap().unwrap();
        assert!(me.start.0 <= now + 2 && me.start.0 + 86_400 > now, "{me:?}");
        assert_eq!(look_by_ps(1 << 30).unwrap(), None);
    }

    #[test]
    fn ids_of_elsewhere_mean_nothing_here() {
        let here = Machine::here();
        assert_eq!(here.ids_mean(&here), IdsMean::TheSame);
        let rebooted = Machine { boot: "before".into(), pid_namespace: "x".into(), ..here.clone() };
        assert_eq!(rebooted.ids_mean(&here), IdsMean::Nothing);
        let contained = Machine { pid_namespace: "pid:[1]".into(), ..here.clone() };
        assert_eq!(contained.ids_mean(&here), IdsMean::Unknown);
        let other = Machine { host: "elsewhere".into(), ..rebooted };
        assert_eq!(other.ids_mean(&here), IdsMean::Unknown);
    }
}
