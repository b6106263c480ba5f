//! Printing to whoever may have stopped reading: `cargo xtask pki inspect DIR | head`.
//!
//! std's `print!` and `println!` panic then, and a command that is about to write files has to finish
//! all the same. These have their names, so that nobody uses the others by mistake.

use std::fmt::Arguments;
use std::io::Write as _;

macro_rules! print {
    ($($text:tt)*) => { $crate::print::text(format_args!($($text)*)) };
}

macro_rules! println {
    () => { $crate::print::text(format_args!("\n")) };
    ($($text:tt)*) => { $crate::print::text(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) fn text(text: Arguments<'_>) {
    // Nobody is left to be told.
    let _ = std::io::stdout().lock().write_fmt(text);
}
