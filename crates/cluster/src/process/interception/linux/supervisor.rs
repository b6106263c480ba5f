//! The thread that answers one child.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::filter::NATIVE;
use super::sys::{self, Answer, Question, Room};
use crate::process::interception::Interception;
use crate::process::interception::policy::{Bell, DiskCall, Policy};

/// Answers a child's calls until the child is gone or this is dropped.
///
/// Who still waits for an answer then gets an error (`ENOSYS`) from the kernel: the child must be
/// gone first. [`Child`](crate::process::Child) sees to it.
#[derive(Debug)]
pub(crate) struct Supervisor {
    over: Arc<AtomicBool>,
    bell: Arc<Bell>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Says, by being closed, that the thread is done.
    done: Mutex<mpsc::Receiver<()>>,
}

/// How long the thread may take to end once it is told. It never waits for anything but the two
/// things that it is told by: microseconds.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) fn start(listener: OwnedFd, interception: &Interception) -> io::Result<Self> {
        let policy = Arc::clone(&interception.policy);
        let (over, bell) = (Arc::new(AtomicBool::new(false)), policy.bell()?);
        let (alive, done) = mpsc::channel();
        sys::wake_on_the_same_processor(listener.as_fd());
        let mut loop_ = Loop {
            listener,
            policy,
            over: Arc::clone(&over),
            bell: Arc::clone(&bell),
            room: Room::new()?,
            waiting: Vec::new(),
        };
        // The kernel cuts names of threads at 15 bytes.
        let thread = std::thread::Builder::new()
            .name(format!("tercet-sys-{}", interception.name))
            .stack_size(128 * 1024)
            .spawn(move || {
                let _alive: mpsc::Sender<()> = alive;
                loop_.run();
            })?;
        Ok(Self { over, bell, thread: Some(thread), done: Mutex::new(done) })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.bell.ring();
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        if done.recv_timeout(ENDS_WITHIN) == Err(mpsc::RecvTimeoutError::Timeout) {
            // It ends when it can. Whoever drops must not wait for ever.
            return;
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Loop {
    listener: OwnedFd,
    policy: Arc<Policy>,
    over: Arc<AtomicBool>,
    bell: Arc<Bell>,
    room: Room,
    /// Calls that are to take longer.
    waiting: Vec<Waiting>,
}

struct Waiting {
    question: Question,
    call: DiskCall,
    since: Instant,
}

impl Loop {
    fn run(&mut self) {
        while !self.over.load(Ordering::Acquire) {
            let next = self.answer_what_is_due();
            let timeout = next.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.bell.heard, PollFlags::IN),
            ];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                Err(_) => return,
            }
            let (asked, rung) = (fds[0].revents(), fds[1].revents());
            if rung.contains(PollFlags::IN) {
                self.bell.silence();
            }
            if asked.contains(PollFlags::IN) {
                if !self.take_question() {
                    return;
                }
            } else if asked.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                // Nobody is left who could ask.
                return;
            }
        }
    }

    /// Reads one question and answers it, now or later. False when there will be none any more.
    fn take_question(&mut self) -> bool {
        let question = match sys::ask(self.listener.as_fd(), &mut self.room) {
            Ok(question) => question,
            Err(error) => {
                // Who asked was killed meanwhile, or a signal came.
                let passes = [libc::ENOENT, libc::EINTR, libc::EAGAIN]
                    .map(Some)
                    .contains(&error.raw_os_error());
                return passes;
            }
        };
        match disk_call(question.number) {
            Some(call) => self.take_disk_call(question, call),
            None => self.reply(question.id, self.time_of_day(&question)),
        }
        true
    }

    fn take_disk_call(&mut self, question: Question, call: DiskCall) {
        // Before 5.19, and when it could not be asked otherwise, a signal (Go sends many to itself)
        // takes a call back, and the kernel begins it again, as a new question. A thread makes one
        // call at a time: so that is the same one, and it has waited already.
        let before = self.waiting.iter_mut().find(|one| one.question.thread == question.thread);
        if let Some(before) = before {
            if before.question.number == question.number
                && before.question.arguments == question.arguments
            {
                before.question.id = question.id;
            } else {
                *before = Waiting { question, call, since: Instant::now() };
                self.policy.of_disk(call, true);
            }
            return;
        }
        let verdict = self.policy.of_disk(call, true);
        if verdict.delay.is_zero() {
            self.reply(question.id, verdict.error.map_or(Answer::Do, Answer::Fail));
        } else {
            self.waiting.push(Waiting { question, call, since: Instant::now() });
        }
    }

    /// Answers those that have waited for as long as they are to wait by now, and says after how
    /// long the next one is due.
    fn answer_what_is_due(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        let mut index = 0;
        while let Some(one) = self.waiting.get(index) {
            let verdict = self.policy.of_disk(one.call, false);
            let left = verdict.delay.saturating_sub(one.since.elapsed());
            if left.is_zero() {
                let id = self.waiting.swap_remove(index).question.id;
                self.reply(id, verdict.error.map_or(Answer::Do, Answer::Fail));
            } else {
                next = Some(next.map_or(left, |next| next.min(left)));
                index += 1;
            }
        }
        next
    }

    /// Whoever is gone needs no answer.
    fn reply(&self, question: u64, answer: Answer) {
        let _ = sys::reply(self.listener.as_fd(), question, answer);
    }

    fn time_of_day(&self, question: &Question) -> Answer {
        match self.policy.clock_is_ahead() {
            Some(ahead) => shifted(self.listener.as_fd(), question, ahead),
            None => Answer::Do,
        }
    }
}

/// What a call asks of the disk; none for those that ask for the time.
fn disk_call(number: u32) -> Option<DiskCall> {
    let a = &NATIVE;
    let clock = [Some(a.clock_gettime), Some(a.gettimeofday), a.time];
    match number {
        number if clock.contains(&Some(number)) => None,
        number if [a.fsync, a.fdatasync].contains(&number) => Some(DiskCall::Flush),
        _ => Some(DiskCall::TakeRoom),
    }
}

/// Tells the time that it is for a child whose clock is `ahead` by so many nanoseconds.
fn shifted(listener: BorrowedFd<'_>, question: &Question, ahead: i128) -> Answer {
    let now = clock_gettime(ClockId::Realtime);
    let (seconds, nanoseconds) = time_ahead(now.tv_sec, now.tv_nsec, ahead);
    let [first, second, ..] = question.arguments;
    // Where it goes, how, and what the call returns.
    let (address, words, result) = match question.number {
        number if number == NATIVE.clock_gettime => (second, [seconds, nanoseconds], 0),
        // What it once said of time zones has long been nothing.
        number if number == NATIVE.gettimeofday => (first, [seconds, nanoseconds / 1000], 0),
        // time(2) has room for the seconds only, and returns them as well.
        _ => {
            let written = write(listener, question, first, &seconds.to_ne_bytes());
            return written.err().unwrap_or(Answer::Return(seconds));
        }
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words[0].to_ne_bytes());
    bytes[8..].copy_from_slice(&words[1].to_ne_bytes());
    write(listener, question, address, &bytes).err().unwrap_or(Answer::Return(result))
}

/// Writes into the memory of the thread that asks; nothing where it gives no address.
///
/// The descriptor is of that memory, whoever has the thread's number later. That it had this number
/// when the descriptor was opened is what the kernel is asked.
fn write(
    listener: BorrowedFd<'_>,
    question: &Question,
    address: u64,
    bytes: &[u8],
) -> Result<(), Answer> {
    if address == 0 {
        return Ok(());
    }
    let memory = File::options().write(true).open(format!("/proc/{}/mem", question.thread));
    if !sys::is_waited_for(listener, question.id) {
        // Nobody hears this.
        return Err(Answer::Do);
    }
    // One that cannot be written to would be told a wrong time: that is for the probe to find.
    let memory = memory.map_err(|_| Answer::Do)?;
    memory.write_all_at(bytes, address).map_err(|_| Answer::Fail(libc::EFAULT))
}

/// That much later; never before 1970, as the kernel has it.
fn time_ahead(seconds: i64, nanoseconds: i64, ahead: i128) -> (i64, i64) {
    const SECOND: i128 = 1_000_000_000;
    let now = i128::from(seconds) * SECOND + i128::from(nanoseconds);
    // Far beyond what Go can add to without overflow lies the end of its years; the kernel's own is
    // in 2262 (`KTIME_MAX`).
    let then = now.saturating_add(ahead).clamp(0, i128::from(i64::MAX));
    ((then / SECOND) as i64, (then % SECOND) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ahead_and_behind() {
        let day = 86_400 * 1_000_000_000_i128;
        assert_eq!(time_ahead(1_000_000, 7, day), (1_086_400, 7));
        assert_eq!(time_ahead(1_000_000, 7, -day), (913_600, 7));
        assert_eq!(time_ahead(10, 0, -1), (9, 999_999_999));
        assert_eq!(time_ahead(10, 999_999_999, 1), (11, 0));
        assert_eq!(time_ahead(10, 5, i128::MIN), (0, 0));
        assert_eq!(time_ahead(10, 5, i128::MAX), (9_223_372_036, 854_775_807));
    }

    #[test]
    fn every_call_that_is_asked_about_has_its_kind() {
        let a = &NATIVE;
        assert_eq!(disk_call(a.fsync), Some(DiskCall::Flush));
        assert_eq!(disk_call(a.fdatasync), Some(DiskCall::Flush));
        assert_eq!(disk_call(a.openat), Some(DiskCall::TakeRoom));
        assert_eq!(disk_call(a.clock_gettime), None);
        assert!(a.time.is_none_or(|time| disk_call(time).is_none()));
    }
}
