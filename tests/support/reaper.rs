//! Runs a program and adopts all that it leaves behind: whatever a process of it starts, and whatever
//! that starts, becomes a child of this one when its parent dies, and is reaped. So nothing of it can
//! be missed, whatever it is called: it is all gone when there are no children left. Linux only.
//!
//! Prints one JSON object a line: the program's id; how it ended; and when everything of it was gone,
//! in microseconds after that.

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::process::CommandExt as _;
    use std::time::Instant;

    use rustix::io::Errno;
    use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};
    use serde_json::json;

    pub(super) fn main() {
        set_child_subreaper(Some(getpid())).expect("orphans are adopted");
        let mut words = std::env::args_os().skip(1);
        let program = words.next().expect("a program");
        #[expect(clippy::disallowed_methods, reason = "it is waited for below")]
        let mut command = std::process::Command::new(program);
        // A group of its own, to be signalled as a whole.
        let owner = command.args(words).process_group(0).spawn().expect("it runs").id();
        println!("{}", json!({ "owner": owner }));
        let mut ended = None;
        loop {
            match wait(WaitOptions::empty()) {
                Ok(Some((pid, status)))
                    if u32::try_from(pid.as_raw_nonzero().get()) == Ok(owner) =>
                {
                    ended = Some(Instant::now());
                    let (code, signal) = (status.exit_status(), status.terminating_signal());
                    println!("{}", json!({ "code": code, "signal": signal }));
                }
                Ok(_) | Err(Errno::INTR) => {}
                // There are no more.
                Err(_) => break,
            }
        }
        let micros = ended.expect("it was waited for").elapsed().as_micros();
        println!("{}", json!({ "gone_us": u64::try_from(micros).unwrap_or(u64::MAX) }));
    }
}
