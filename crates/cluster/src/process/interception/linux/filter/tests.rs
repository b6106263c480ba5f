//! The program, run by an interpreter of our own on calls of both architectures.

use super::*;

/// A number and its arguments.
type Call = (u32, Vec<u64>);

const BOTH: Intercepted = Intercepted { disk: true, clock: true };

/// What the kernel would do with this call.
fn run(program: &[sock_filter], audit: u32, number: u32, arguments: &[u64]) -> u32 {
    let mut data = [0_u8; 64];
    data[0..4].copy_from_slice(&number.to_le_bytes());
    data[4..8].copy_from_slice(&audit.to_le_bytes());
    for (place, argument) in data[16..].chunks_exact_mut(8).zip(arguments) {
        place.copy_from_slice(&argument.to_le_bytes());
    }
    let (mut at, mut accumulator) = (0, 0_u32);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        match code {
            LOAD => {
                let from = k as usize;
                assert!(from.is_multiple_of(4), "the kernel refuses it");
                accumulator = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
            }
            JUMP_IF_EQUAL => at += jump(accumulator == k),
            JUMP_IF_AT_LEAST => at += jump(accumulator >= k),
            JUMP_IF_ANY_BIT => at += jump(accumulator & k != 0),
            RETURN => return k,
            other => panic!("no such instruction: {other:#x}"),
        }
    }
}

/// Every call of `architecture`, with arguments, that a filter of all kinds asks about.
fn asked(architecture: &Architecture) -> (Vec<Call>, Vec<Call>) {
    let a = architecture;
    let create = u64::from(O_CREAT | 0o2);
    let mut disk: Vec<_> = [a.fsync, a.fdatasync, a.ftruncate, a.fallocate, a.pwrite64, a.pwritev]
        .into_iter()
        .chain([a.pwritev2, a.mkdirat])
        .chain(a.mkdir)
        .chain(a.creat)
        .map(|number| (number, vec![3]))
        .collect();
    disk.push((a.openat, vec![u64::MAX, 0x7f00_0000_0000, create]));
    disk.extend(a.open.map(|open| (open, vec![0x7f00_0000_0000, create])));
    let mut clock = vec![(a.gettimeofday, vec![1, 2])];
    clock.extend(a.time.map(|time| (time, vec![0])));
    clock.extend([0, 5].map(|wall| (a.clock_gettime, vec![wall, 0x7f00_0000_0000])));
    // What is above an int is of no meaning.
    clock.push((a.clock_gettime, vec![0xffff_ffff_0000_0000, 1]));
    (disk, clock)
}

#[test]
fn what_was_asked_for_is_asked_about_and_nothing_else() {
    for a in [&X86_64, &AARCH64] {
        let (disk, clock) = asked(a);
        let result = |calls, (number, arguments): &Call| {
            run(&program(a, calls), a.audit, *number, arguments)
        };
        for call in &disk {
            assert_eq!(result(Intercepted::DISK, call), ASK_US, "{call:?}");
            assert_eq!(result(BOTH, call), ASK_US, "{call:?}");
            assert_eq!(result(Intercepted::CLOCK, call), ALLOW, "{call:?}");
        }
        for call in &clock {
            assert_eq!(result(Intercepted::CLOCK, call), ASK_US, "{call:?}");
            assert_eq!(result(BOTH, call), ASK_US, "{call:?}");
            assert_eq!(result(Intercepted::DISK, call), ALLOW, "{call:?}");
        }
        // All the rest passes, whatever its arguments.
        let of_either: Vec<_> = disk.iter().chain(&clock).map(|(number, _)| *number).collect();
        for number in (0..600).filter(|number| !of_either.contains(number)) {
            for word in [0, 1, u64::from(O_CREAT), u64::MAX] {
                let call = (number, vec![word; 6]);
                assert_eq!(result(BOTH, &call), ALLOW, "{call:?}");
            }
        }
    }
}

#[test]
fn arguments_decide_where_they_must() {
    for a in [&X86_64, &AARCH64] {
        let program = program(a, BOTH);
        // Opened and not made: O_RDWR | O_CLOEXEC.
        assert_eq!(run(&program, a.audit, a.openat, &[3, 4, 0o2_000_002]), ALLOW);
        // Mode bits look like O_CREAT, and are none.
        assert_eq!(run(&program, a.audit, a.openat, &[100, 100, 0, 0o100]), ALLOW);
        // Monotonic, of the processor, raw, since boot: clocks that nobody sets.
        for clock in [1, 2, 3, 4, 6, 7, 11, u64::MAX] {
            assert_eq!(run(&program, a.audit, a.clock_gettime, &[clock, 5]), ALLOW, "{clock}");
        }
    }
}

#[test]
fn no_other_abi_slips_through() {
    for (a, other) in [(&X86_64, &AARCH64), (&AARCH64, &X86_64)] {
        let program = program(a, BOTH);
        // Those of 32 bits too: i386 and arm.
        for audit in [other.audit, 0x4000_0003, 0x4000_0028, 0] {
            assert_eq!(run(&program, audit, a.fsync, &[3]), KILL, "{audit:#x}");
            assert_eq!(run(&program, audit, 0, &[]), KILL, "{audit:#x}");
        }
    }
    let program = program(&X86_64, Intercepted::DISK);
    for number in [74, 75, 0, 512] {
        assert_eq!(run(&program, X86_64.audit, 0x4000_0000 | number, &[3]), NO_SUCH_CALL);
    }
}

#[test]
fn the_native_numbers_are_those_of_the_c_library() {
    let a = &NATIVE;
    let ours = [
        (a.fsync, libc::SYS_fsync),
        (a.fdatasync, libc::SYS_fdatasync),
        (a.ftruncate, libc::SYS_ftruncate),
        (a.fallocate, libc::SYS_fallocate),
        (a.pwrite64, libc::SYS_pwrite64),
        (a.pwritev, libc::SYS_pwritev),
        (a.pwritev2, libc::SYS_pwritev2),
        (a.mkdirat, libc::SYS_mkdirat),
        (a.openat, libc::SYS_openat),
        (a.clock_gettime, libc::SYS_clock_gettime),
        (a.gettimeofday, libc::SYS_gettimeofday),
        #[cfg(target_arch = "x86_64")]
        (a.mkdir.unwrap(), libc::SYS_mkdir),
        #[cfg(target_arch = "x86_64")]
        (a.open.unwrap(), libc::SYS_open),
        #[cfg(target_arch = "x86_64")]
        (a.creat.unwrap(), libc::SYS_creat),
        #[cfg(target_arch = "x86_64")]
        (a.time.unwrap(), libc::SYS_time),
    ];
    for (ours, theirs) in ours {
        assert_eq!(i64::from(ours), theirs);
    }
    assert_eq!(i32::try_from(O_CREAT), Ok(libc::O_CREAT));
    assert_eq!(
        WALL_CLOCKS.map(|clock| clock as i32),
        [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE]
    );
}
