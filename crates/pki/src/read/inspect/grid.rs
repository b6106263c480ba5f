//! Columns that stand below each other.

use std::fmt;

/// How wide a cell gets before its words go on in the next line.
const CELL_WIDTH: usize = 36;

/// A heading, and rows of cells of one or more lines.
pub(super) struct Grid {
    title: &'static str,
    heads: &'static [&'static str],
    rows: Vec<Vec<Vec<String>>>,
}

impl Grid {
    pub(super) fn new(title: &'static str, heads: &'static [&'static str]) -> Self {
        Self { title, heads, rows: Vec::new() }
    }

    /// Adds a row, of one list of words for each column.
    pub(super) fn row(&mut self, cells: Vec<Vec<String>>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells.into_iter().map(wrap).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Words with commas between them, in lines.
fn wrap(words: Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let count = words.len();
    for (index, word) in words.into_iter().enumerate() {
        let word = if index + 1 < count { word + "," } else { word };
        if !line.is_empty() && width(&line) + 1 + width(&word) > CELL_WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if line.is_empty() {
        line.push('-');
    }
    lines.push(line);
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| width(head)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = cell.iter().map(|line| width(line)).fold(*widest, usize::max);
            }
        }
        let write = |f: &mut fmt::Formatter<'_>, cells: &[&str]| {
            let mut line = String::new();
            for (cell, widest) in cells.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
            }
            writeln!(f, "{}", line.trim_end())
        };
        writeln!(f, "{}", self.title)?;
        write(f, self.heads)?;
        for row in &self.rows {
            let height = row.iter().map(Vec::len).max().unwrap_or(0);
            for index in 0..height {
                let line: Vec<&str> =
                    row.iter().map(|cell| cell.get(index).map_or("", String::as_str)).collect();
                write(f, &line)?;
            }
        }
        Ok(())
    }
}
