//! Which calls the kernel asks us about, as a program that it runs at each call.
//!
//! It can see numbers and arguments, and no memory. What is let pass whatever its arguments costs
//! nothing: from 5.11 on the kernel works such numbers out once (`seccomp_cache_prepare`).

use libc::sock_filter;

use crate::process::interception::Intercepted;

/// What differs between architectures. Numbers of calls are those of the kernel's own tables
/// (`arch/x86/entry/syscalls/syscall_64.tbl`, `include/uapi/asm-generic/unistd.h`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Architecture {
    /// How the kernel names it to filters (`linux/audit.h`: the ELF machine, 64 bits, little end
    /// first).
    audit: u32,
    /// From here on, numbers are of another ABI of the same architecture.
    foreign_from: Option<u32>,
    pub(super) fsync: u32,
    pub(super) fdatasync: u32,
    pub(super) ftruncate: u32,
    pub(super) fallocate: u32,
    pub(super) pwrite64: u32,
    pub(super) pwritev: u32,
    pub(super) pwritev2: u32,
    pub(super) mkdirat: u32,
    pub(super) openat: u32,
    /// Those that newer architectures have no number for any more.
    pub(super) mkdir: Option<u32>,
    pub(super) open: Option<u32>,
    pub(super) creat: Option<u32>,
    pub(super) time: Option<u32>,
    pub(super) clock_gettime: u32,
    pub(super) gettimeofday: u32,
}

pub(super) const X86_64: Architecture = Architecture {
    audit: 0xC000_003E,
    // x32: __X32_SYSCALL_BIT.
    foreign_from: Some(0x4000_0000),
    fsync: 74,
    fdatasync: 75,
    ftruncate: 77,
    fallocate: 285,
    pwrite64: 18,
    pwritev: 296,
    pwritev2: 328,
    mkdirat: 258,
    openat: 257,
    mkdir: Some(83),
    open: Some(2),
    creat: Some(85),
    time: Some(201),
    clock_gettime: 228,
    gettimeofday: 96,
};

pub(super) const AARCH64: Architecture = Architecture {
    audit: 0xC000_00B7,
    foreign_from: None,
    fsync: 82,
    fdatasync: 83,
    ftruncate: 46,
    fallocate: 47,
    pwrite64: 68,
    pwritev: 70,
    pwritev2: 287,
    mkdirat: 34,
    openat: 56,
    mkdir: None,
    open: None,
    creat: None,
    time: None,
    clock_gettime: 113,
    gettimeofday: 169,
};

/// The one that this is.
pub(super) const NATIVE: Architecture =
    if cfg!(target_arch = "aarch64") { AARCH64 } else { X86_64 };

/// Of the clocks of `clock_gettime`, those that tell the time of day: `CLOCK_REALTIME` and
/// `CLOCK_REALTIME_COARSE`. The same number everywhere.
const WALL_CLOCKS: [u32; 2] = [0, 5];

/// The same on both architectures.
const O_CREAT: u32 = 0o100;

/// Where the program finds things (`struct seccomp_data`). Of arguments it sees 32 bits at a time;
/// both architectures have the lower ones first.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

// Opcodes of classic BPF (`linux/bpf_common.h`).
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ASK_US: u32 = libc::SECCOMP_RET_USER_NOTIF;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
/// `ENOSYS`, as a kernel without that ABI answers.
const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | 38;

/// The program for children on `architecture` whose `calls` are answered by us.
///
/// A child of another architecture would pass by all of it: it is killed, and the exit says by which
/// signal (SIGSYS). Calls of x32 do not exist.
pub(super) fn program(architecture: &Architecture, calls: Intercepted) -> Vec<sock_filter> {
    let a = architecture;
    let mut program = vec![load(ARCHITECTURE), jump(JUMP_IF_EQUAL, a.audit, 1, 0), answer(KILL)];
    program.push(load(NUMBER));
    if let Some(first) = a.foreign_from {
        program.extend([jump(JUMP_IF_AT_LEAST, first, 0, 1), answer(NO_SUCH_CALL)]);
    }
    let mut asked = Vec::new();
    if calls.disk {
        asked.extend([a.fsync, a.fdatasync, a.pwrite64, a.pwritev, a.pwritev2]);
        asked.extend([a.ftruncate, a.fallocate, a.mkdirat]);
        asked.extend(a.mkdir.into_iter().chain(a.creat));
    }
    if calls.clock {
        asked.push(a.gettimeofday);
        asked.extend(a.time);
    }
    for number in asked {
        program.extend([jump(JUMP_IF_EQUAL, number, 0, 1), answer(ASK_US)]);
    }
    if calls.disk {
        let with_flags = [(Some(a.openat), 2), (a.open, 1)];
        for (number, flags) in
            with_flags.map(|(number, flags)| Some((number?, flags))).iter().flatten()
        {
            program.extend([
                jump(JUMP_IF_EQUAL, *number, 0, 4),
                load(argument(*flags)),
                jump(JUMP_IF_ANY_BIT, O_CREAT, 0, 1),
                answer(ASK_US),
                answer(ALLOW),
            ]);
        }
    }
    if calls.clock {
        program.extend([
            jump(JUMP_IF_EQUAL, a.clock_gettime, 0, 5),
            load(argument(0)),
            jump(JUMP_IF_EQUAL, WALL_CLOCKS[0], 1, 0),
            jump(JUMP_IF_EQUAL, WALL_CLOCKS[1], 0, 1),
            answer(ASK_US),
            answer(ALLOW),
        ]);
    }
    program.push(answer(ALLOW));
    program
}

const fn load(from: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: from }
}

/// Skips as many as `then` or `otherwise` says.
const fn jump(code: u16, value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code, jt: then, jf: otherwise, k: value }
}

const fn answer(action: u32) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: action }
}

#[cfg(test)]
mod tests;
