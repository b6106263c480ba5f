//! Why a child asks the kernel for the time at all.
//!
//! Programs read the clock without a call, from memory that the kernel maps into each of them (the
//! vDSO). They find it by a word that the kernel leaves on their stack. Between exec and the first
//! instruction that word is taken away: then Go (`runtime/vdso_linux.go`) and the C libraries make
//! the call.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::sys;

/// Entries of the auxiliary vector (`linux/auxvec.h`).
const AT_NULL: u64 = 0;
const AT_IGNORE: u64 = 1;
const AT_SYSINFO_EHDR: u64 = 33;

/// How long exec may take until it stops. It has been done when we begin to wait: microseconds.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// Far more than the pointers to the arguments and variables of any child of ours take.
const MOST_STACK: usize = 256 * 1024;

/// Has `child`, which has asked to be traced and has called exec, know of no vDSO, and lets it run.
///
/// Must be called by the thread that forked it.
pub(super) fn take_away(child: &mut Child) -> io::Result<()> {
    let pid = Pid::from_child(child);
    if !wait_for_exec(pid)? {
        // It is told by how it ended.
        return Ok(());
    }
    blank(pid)?;
    sys::let_signals_through(pid)?;
    sys::let_go(pid)
}

/// Waits until it has stopped in exec. False when it has ended, which stays there to be waited for.
fn wait_for_exec(pid: Pid) -> io::Result<bool> {
    let deadline = Instant::now() + STOPS_WITHIN;
    let options = WaitIdOptions::EXITED
        | WaitIdOptions::STOPPED
        | WaitIdOptions::NOHANG
        | WaitIdOptions::NOWAIT;
    loop {
        if let Some(status) = waitid(WaitId::Pid(pid), options)? {
            match status.trapping_signal() {
                Some(libc::SIGTRAP) => return Ok(true),
                // Only SIGSTOP comes through. It takes effect now, and exec after it.
                Some(signal) => sys::go_on(pid, signal)?,
                None if status.exited() || status.killed() || status.dumped() => return Ok(false),
                None => {}
            }
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not stop in exec"));
        }
        #[expect(clippy::disallowed_methods, reason = "between two looks at another process")]
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// Writes over the word.
fn blank(pid: Pid) -> io::Result<()> {
    let proc = format!("/proc/{}", pid.as_raw_nonzero());
    let auxv = words(&std::fs::read(format!("{proc}/auxv"))?);
    let bottom = stack_bottom(&std::fs::read_to_string(format!("{proc}/stat"))?)?;
    let memory = File::options().read(true).write(true).open(format!("{proc}/mem"))?;
    let mut stack = vec![0; MOST_STACK];
    let read = memory.read_at(&mut stack, bottom)?;
    stack.truncate(read);
    match vdso_word(&words(&stack), &auxv) {
        Found::Word(index) => {
            let at = bottom + (index * size_of::<u64>()) as u64;
            memory.write_all_at(&AT_IGNORE.to_le_bytes(), at)
        }
        // A kernel without one, or another tracer has been here.
        Found::NoVdso => Ok(()),
        Found::NoVector => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "what the kernel has left on its stack is not where it should be",
        )),
    }
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

/// Where the stack begins that exec has made: field 28 of `/proc/PID/stat` (`proc_pid_stat(5)`).
fn stack_bottom(stat: &str) -> io::Result<u64> {
    // The name, in parentheses, is field 2 and may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let bottom = fields.split_ascii_whitespace().nth(25).and_then(|field| field.parse().ok());
    match bottom {
        Some(bottom) if bottom > 1 => Ok(bottom),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "/proc does not say where its stack is",
        )),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It is this word of the stack.
    Word(usize),
    /// The vector is there, without it.
    NoVdso,
    /// This is not such a stack.
    NoVector,
}

/// Finds, on the stack of a program that begins, the key of the entry for the vDSO: after the number
/// of arguments, pointers to them, a zero, pointers to variables and a zero (System V ABI). `auxv` is
/// what the kernel says it has put there.
fn vdso_word(stack: &[u64], auxv: &[u64]) -> Found {
    let arguments = stack.first().and_then(|count| usize::try_from(*count).ok());
    let variables = arguments.and_then(|count| count.checked_add(2));
    let end = variables.and_then(|from| {
        let pointers = stack.get(from..)?;
        Some(from + pointers.iter().position(|pointer| *pointer == 0)?)
    });
    let Some(begin) = end.map(|end| end + 1) else { return Found::NoVector };
    // What follows the last entry is nobody's.
    let entries = auxv.chunks_exact(2).take_while(|entry| entry[0] != AT_NULL).count();
    let expected = &auxv[..2 * entries];
    if expected.is_empty() || !stack[begin..].starts_with(expected) {
        return Found::NoVector;
    }
    match expected.chunks_exact(2).position(|entry| entry[0] == AT_SYSINFO_EHDR) {
        Some(entry) => Found::Word(begin + 2 * entry),
        None => Found::NoVdso,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_found_where_the_abi_has_it() {
        let auxv = [16, 1, AT_SYSINFO_EHDR, 0x7fff_0000, 6, 4096, AT_NULL, 0];
        let mut stack = vec![2, 0x10, 0x11, 0, 0x20, 0x21, 0x22, 0];
        stack.extend(auxv);
        stack.extend([0x6161, 0x6262]);
        assert_eq!(vdso_word(&stack, &auxv), Found::Word(10));
        assert_eq!(vdso_word(&stack[..10], &auxv), Found::NoVector, "cut short");
        // Without arguments and variables.
        let bare = [&[0, 0, 0][..], &auxv].concat();
        assert_eq!(vdso_word(&bare, &auxv), Found::Word(5));
        // A value that looks like the key is none.
        let other = [16, AT_SYSINFO_EHDR, 6, 4096, AT_NULL, 0];
        assert_eq!(vdso_word(&[&[0, 0, 0][..], &other].concat(), &other), Found::NoVdso);
        for nonsense in [&[][..], &[u64::MAX, 0, 0], &[5, 1, 2], &[0, 0, 0, 9, 9]] {
            assert_eq!(vdso_word(nonsense, &auxv), Found::NoVector, "{nonsense:?}");
        }
        assert_eq!(vdso_word(&stack, &[]), Found::NoVector);
    }

    #[test]
    fn the_stack_is_where_the_system_says() {
        let fields = |stack: &str| {
            let before = "0 ".repeat(24);
            format!("12 (a ) b) S {before}{stack} 0 0\n")
        };
        assert_eq!(stack_bottom(&fields("140737488347136")).unwrap(), 140_737_488_347_136);
        // It is not said to those who may not know.
        for hidden in ["0", "1", "x"] {
            let error = stack_bottom(&fields(hidden)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        assert!(stack_bottom("").is_err());
    }
}
