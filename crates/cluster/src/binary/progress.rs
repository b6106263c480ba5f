//! Tells a person what takes so long.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Is told what is going on while an etcd is being got.
pub trait Progress: fmt::Debug + Send + Sync {
    /// One line, without the line's end.
    fn say(&self, line: &str);

    /// So much of a file is here; called often.
    fn advance(&self, done_bytes: u64, total_bytes: Option<u64>) {
        let _ = (done_bytes, total_bytes);
    }

    /// The file is here, or will not come.
    fn finish(&self) {}
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn say(&self, _line: &str) {}
}

/// Writes to standard error: lines, and on a terminal a bar that goes away at the end.
#[derive(Debug, Default)]
pub struct Stderr {
    /// When the bar was drawn, while there is one.
    drawn: Mutex<Option<Instant>>,
}

/// Ten times a second.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

impl Progress for Stderr {
    fn say(&self, line: &str) {
        self.finish();
        // Nobody is told when standard error is closed.
        let _ = writeln!(std::io::stderr(), "tercet: {line}");
    }

    fn advance(&self, done_bytes: u64, total_bytes: Option<u64>) {
        let mut stderr = std::io::stderr();
        if !stderr.is_terminal() {
            return;
        }
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_EVERY) {
            *drawn = Some(Instant::now());
            let _ = write!(stderr, "\r{}\x1b[K", bar(done_bytes, total_bytes));
            let _ = stderr.flush();
        }
    }

    fn finish(&self) {
        if self.drawn.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `tercet: [#########---------------------] 6.2 of 19.3 MB`
fn bar(done_bytes: u64, total_bytes: Option<u64>) -> String {
    const WIDTH: u64 = 30;
    let megabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
    let done = megabytes(done_bytes);
    let Some(total_bytes) = total_bytes.filter(|total_bytes| *total_bytes > 0) else {
        return format!("tercet: {done} MB");
    };
    let full = (done_bytes.min(total_bytes) * WIDTH / total_bytes) as usize;
    let (full, empty) = ("#".repeat(full), "-".repeat(WIDTH as usize - full));
    format!("tercet: [{full}{empty}] {done} of {} MB", megabytes(total_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_it_is() {
        insta::assert_snapshot!(bar(6_250_000, Some(19_313_285)), @"tercet: [#########---------------------] 6.2 of 19.3 MB");
        insta::assert_snapshot!(bar(6_250_000, None), @"tercet: 6.2 MB");
        // More than was announced, and nothing announced: neither may panic.
        insta::assert_snapshot!(bar(3, Some(2)), @"tercet: [##############################] 0.0 of 0.0 MB");
        insta::assert_snapshot!(bar(0, Some(0)), @"tercet: 0.0 MB");
    }
}
