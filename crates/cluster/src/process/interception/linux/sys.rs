//! The bare system calls that no safe library offers; the second and last place of `unsafe`.
//!
//! Each function is one call, takes what Rust can check (borrowed descriptors, slices, references)
//! and returns what the kernel said. Those for the child, between fork and exec, allocate nothing,
//! take no lock and do not panic; their names begin with `child_`.

#![expect(unsafe_code, reason = "no safe library has seccomp's notifications, nor ptrace")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use libc::{c_int, c_long, c_void, sock_filter, sock_fprog};
use rustix::process::Pid;

/// Has the child do `work` between fork and exec.
///
/// # Safety of what it is given
///
/// `work` may only make system calls: another thread may have held any lock, the allocator's too,
/// at the fork. There is one caller, [`Arming`](super::arming::Arming), and that is what it does.
pub(super) fn before_exec(command: &mut Command, arming: super::arming::Arming) {
    let in_child = move || arming.in_child();
    // SAFETY: see above; `Arming::in_child` calls the `child_` functions of this file and rustix's
    // bare calls on buffers that were made before the fork or are on its stack, and returns errors
    // that are plain codes.
    unsafe {
        command.pre_exec(in_child);
    }
}

/// Puts `program` before every call of this thread, and of what it becomes by exec. Returns where
/// the kernel asks.
///
/// With `killable`, only SIGKILL ends the wait for an answer once the question was read, and no other
/// signal (Linux 5.19).
pub(super) fn child_install(program: &[sock_filter], killable: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if killable {
        flags |= libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    }
    let len =
        u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // The kernel only reads it.
    let program = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: `program` points to `len` instructions that outlive the call, which copies them.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            c_long::from(libc::SECCOMP_SET_MODE_FILTER),
            flags,
            &raw const program,
        )
    };
    let listener = checked(listener)?;
    let listener =
        c_int::try_from(listener).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Asks to be traced by the thread that forked: exec will stop then, before the first instruction.
pub(super) fn child_be_traced() -> io::Result<()> {
    // SAFETY: PTRACE_TRACEME looks at no argument.
    checked(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) }).map(drop)
}

/// Holds all signals back but the one by which exec stops: while it is traced and nobody is there
/// yet to let it go on, any other would stop it for good.
pub(super) fn child_hold_signals() -> io::Result<()> {
    // SAFETY: the set is filled before it is used, and no old one is asked for. These functions are
    // async-signal-safe (POSIX).
    let result = unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(set.as_mut_ptr());
        libc::sigdelset(set.as_mut_ptr(), libc::SIGTRAP);
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut())
    };
    checked(c_long::from(result)).map(drop)
}

/// Lets all signals through to a child that is stopped and traced by this thread.
pub(super) fn let_signals_through(child: Pid) -> io::Result<()> {
    let none = 0_u64;
    let size = size_of_val(&none);
    // SAFETY: the kernel reads `size` bytes at the address, which are there.
    let result = unsafe {
        libc::ptrace(libc::PTRACE_SETSIGMASK, child.as_raw_nonzero().get(), size, &raw const none)
    };
    checked(result).map(drop)
}

/// Lets a child that is stopped and traced by this thread go on, with `signal` if there is one.
pub(super) fn go_on(child: Pid, signal: c_int) -> io::Result<()> {
    // SAFETY: PTRACE_CONT takes a number and no address.
    let result = unsafe {
        libc::ptrace(libc::PTRACE_CONT, child.as_raw_nonzero().get(), 0, signal as usize)
    };
    checked(result).map(drop)
}

/// Lets a child go that is stopped and traced by this thread: it runs, and is not traced any more.
pub(super) fn let_go(child: Pid) -> io::Result<()> {
    // SAFETY: PTRACE_DETACH takes a number and no address.
    let result = unsafe { libc::ptrace(libc::PTRACE_DETACH, child.as_raw_nonzero().get(), 0, 0) };
    checked(result).map(drop)
}

/// One call that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// What the kernel knows it by.
    pub(super) id: u64,
    /// The thread that calls.
    pub(super) thread: u32,
    pub(super) number: u32,
    pub(super) arguments: [u64; 6],
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The kernel does it.
    Do,
    /// It is not done, and this is what it returns.
    Return(i64),
    /// It is not done, and fails with this error.
    Fail(i32),
}

/// Room for a question, as large as this kernel's are.
#[derive(Debug)]
pub(super) struct Room {
    /// In words, for the alignment.
    words: Vec<u64>,
}

impl Room {
    pub(super) fn new() -> io::Result<Self> {
        let mut sizes =
            libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
        // SAFETY: the kernel writes one such structure to where there is one.
        checked(unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                c_long::from(libc::SECCOMP_GET_NOTIF_SIZES),
                0_u64,
                &raw mut sizes,
            )
        })?;
        // Answers have not grown since the first; a kernel whose answers are larger reads beyond ours.
        if usize::from(sizes.seccomp_notif_resp) > size_of::<libc::seccomp_notif_resp>() {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        let size = usize::from(sizes.seccomp_notif).max(size_of::<libc::seccomp_notif>());
        Ok(Self { words: vec![0; size.div_ceil(size_of::<u64>())] })
    }
}

/// The next question. There must be one ([`poll(2)`] says so), or this waits.
pub(super) fn ask(listener: BorrowedFd<'_>, room: &mut Room) -> io::Result<Question> {
    // The kernel refuses any that is not empty.
    room.words.fill(0);
    let place = room.words.as_mut_ptr();
    // SAFETY: the room is as large as the kernel says that its structure is, at least as large as
    // ours, and aligned as it.
    checked(unsafe { ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, place.cast()) })?;
    // SAFETY: the same, and all zeroes or what the kernel wrote: integers only.
    let said = unsafe { &*place.cast::<libc::seccomp_notif>() };
    Ok(Question {
        id: said.id,
        thread: said.pid,
        number: said.data.nr.cast_unsigned(),
        arguments: said.data.args,
    })
}

/// Answers a question. `NotFound` when nobody waits for it any more.
pub(super) fn reply(listener: BorrowedFd<'_>, question: u64, answer: Answer) -> io::Result<()> {
    let (val, error, flags) = match answer {
        Answer::Do => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Answer::Return(value) => (value, 0, 0),
        Answer::Fail(code) => (0, -code, 0),
    };
    let mut answer = libc::seccomp_notif_resp { id: question, val, error, flags };
    // SAFETY: the kernel reads one such structure (`Room::new` has looked at its size) from where
    // there is one.
    checked(unsafe { ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, (&raw mut answer).cast()) })
        .map(drop)
}

/// Whether a question is still waited for: that its thread is still who it was when it asked.
pub(super) fn is_waited_for(listener: BorrowedFd<'_>, question: u64) -> bool {
    // Until 5.17 the kernel wrote the direction of this one the wrong way round, and it knows both.
    const ID_VALID_OF_OLD: u64 = 0x8008_2102;
    let mut id = question;
    // SAFETY: the kernel reads eight bytes from where they are.
    let result = unsafe { ioctl(listener, ID_VALID_OF_OLD as _, (&raw mut id).cast()) };
    checked(result).is_ok()
}

/// Has questions wake us on the processor that asks, which waits anyway (Linux 6.6). Only faster.
pub(super) fn wake_on_the_same_processor(listener: BorrowedFd<'_>) {
    // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, which is the ioctl's argument itself.
    let flags = std::ptr::without_provenance_mut::<c_void>(1);
    // SAFETY: the kernel takes it for a number.
    let _ = unsafe { ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) };
}

/// # Safety
///
/// `argument` must be what `request` wants.
unsafe fn ioctl(fd: BorrowedFd<'_>, request: libc::Ioctl, argument: *mut c_void) -> c_long {
    // SAFETY: the caller's; the descriptor is open as long as it is borrowed.
    c_long::from(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument) })
}

/// What the C library says by -1.
fn checked(result: c_long) -> io::Result<c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
