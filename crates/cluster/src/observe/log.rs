//! Reading a log file: what is new in it, and its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads a growing file line by line, from where it left off.
#[derive(Debug)]
pub(crate) struct LogFollower {
    path: PathBuf,
    file: Option<File>,
    /// What was read after the last line end.
    partial: Vec<u8>,
}

impl LogFollower {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, partial: Vec::new() }
    }

    /// Calls `each` with every line that was completed since the last call. A file that is not
    /// there yet has none.
    pub(crate) fn read_new(&mut self, mut each: impl FnMut(&str)) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => match File::open(&self.path) {
                Ok(file) => self.file.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        let old = self.partial.len();
        file.read_to_end(&mut self.partial)?;
        let Some(end) = self.partial[old..].iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        let rest = self.partial.split_off(old + end + 1);
        for line in String::from_utf8_lossy(&self.partial).lines() {
            each(line);
        }
        self.partial = rest;
        Ok(())
    }
}

/// The last `lines` lines of the file at `path`, oldest first; none when it cannot be read.
///
/// Only the last 256 KiB are looked at, so that it stays quick for a log of any length.
#[must_use]
pub fn log_tail(path: &Path, lines: usize) -> Vec<String> {
    const WINDOW_BYTES: u64 = 256 * 1024;
    let tail = || -> io::Result<Vec<String>> {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(WINDOW_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut kept = VecDeque::with_capacity(lines);
        for line in BufReader::new(file).split(b'\n') {
            if kept.len() == lines {
                kept.pop_front();
            }
            kept.push_back(String::from_utf8_lossy(&line?).into_owned());
        }
        kept.truncate(lines);
        Ok(kept.into())
    };
    tail().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_come_once_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut follower = LogFollower::new(path.clone());
        let mut read = || {
            let mut lines = Vec::new();
            follower.read_new(|line| lines.push(line.to_owned())).unwrap();
            lines
        };
        assert!(read().is_empty(), "no file yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(read(), ["one"]);
        assert!(read().is_empty());
        file.write_all(b"o\nthree\nfo").unwrap();
        assert_eq!(read(), ["two", "three"]);
        file.write_all(b"ur").unwrap();
        assert!(read().is_empty());
        file.write_all(b"\n").unwrap();
        assert_eq!(read(), ["four"]);
    }

    #[test]
    fn the_tail_is_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(log_tail(&path, 3).is_empty());
        std::fs::write(&path, "a\nb\nc\nd\n").unwrap();
        assert_eq!(log_tail(&path, 2), ["c", "d"]);
        assert_eq!(log_tail(&path, 9), ["a", "b", "c", "d"]);
        assert!(log_tail(&path, 0).is_empty());
    }
}
