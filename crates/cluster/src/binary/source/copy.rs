//! Copies bytes, and tells whose fault it is when it fails.

use std::io::{self, Read, Write};

/// No archive or binary of etcd is a tenth of it: something else is being sent, or unpacked.
pub(super) const LIMIT_BYTES: u64 = 512 << 20;

/// Why a copy is not whole.
#[derive(Debug)]
pub(super) enum CopyError {
    /// There is more to it than there can be.
    TooLong,
    /// What was read from failed.
    Read(io::Error),
    /// What was written to failed: the cache.
    Write(io::Error),
}

/// Copies `from` to `to` and shows every piece to `each`, which may end it.
pub(super) fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, CopyError> {
    let mut buffer = vec![0; 64 << 10];
    let mut length_bytes = 0;
    loop {
        let piece = match from.read(&mut buffer) {
            Ok(0) => return Ok(length_bytes),
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        length_bytes += piece.len() as u64;
        if length_bytes > LIMIT_BYTES {
            return Err(CopyError::TooLong);
        }
        to.write_all(piece).map_err(CopyError::Write)?;
        each(piece).map_err(CopyError::Read)?;
    }
}
