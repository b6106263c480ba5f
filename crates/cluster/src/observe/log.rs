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
    /// How far the file was read.
    read_bytes: u64,
}

impl LogFollower {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, partial: Vec::new(), read_bytes: 0 }
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
        self.read_bytes += file.read_to_end(&mut self.partial)? as u64;
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

    /// Where the line begins that is to be read next.
    pub(crate) fn position(&self) -> u64 {
        self.read_bytes - self.partial.len() as u64
    }

    /// The lines from the byte `begin` on, whether or not they were read; none when they cannot be.
    ///
    /// A log of any length is looked at quickly: beyond its first 64 and last 256 KiB nothing is.
    pub(crate) fn lines_from(&self, begin: u64) -> Vec<String> {
        const HEAD_BYTES: u64 = 64 * 1024;
        let lines = || -> io::Result<Vec<String>> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(begin))?;
            if end.saturating_sub(begin) <= HEAD_BYTES + TAIL_BYTES {
                file.read_to_end(&mut text)?;
            } else {
                file.by_ref().take(HEAD_BYTES).read_to_end(&mut text)?;
                // The two halves of lines that are cut are lines of no meaning.
                text.push(b'\n');
                file.seek(SeekFrom::Start(end - TAIL_BYTES))?;
                file.read_to_end(&mut text)?;
            }
            Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
        };
        lines().unwrap_or_default()
    }
}

/// How much of a log's end is looked at.
const TAIL_BYTES: u64 = 256 * 1024;

/// The last `lines` lines of the file at `path`, oldest first; none when it cannot be read.
///
/// Only the last 256 KiB are looked at, so that it stays quick for a log of any length.
#[must_use]
pub fn log_tail(path: &Path, lines: usize) -> Vec<String> {
    let tail = || -> io::Result<Vec<String>> {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut kept = VecDeque::new();
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
    fn a_run_is_read_again_from_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut follower = LogFollower::new(path.clone());
        assert!(follower.lines_from(0).is_empty(), "no file yet");
        std::fs::write(&path, "first run\nhal").unwrap();
        follower.read_new(|_| ()).unwrap();
        let begin = follower.position();
        std::fs::write(&path, "first run\nhalf\nsecond run\n").unwrap();
        assert_eq!(follower.lines_from(begin), ["half", "second run"]);
        assert_eq!(follower.lines_from(0), ["first run", "half", "second run"]);
        // Of a long one, the beginning and the end.
        let long: String = (0..100_000).map(|number| format!("{number}\n")).collect();
        std::fs::write(&path, long).unwrap();
        let lines = follower.lines_from(0);
        assert_eq!((&*lines[0], lines.last().unwrap().as_str()), ("0", "99999"));
        assert!(lines.len() < 100_000);
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
