//! Gets one file from one address, and hashes it on its way.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use ureq::Timeout;
use ureq::tls::{RootCerts, TlsConfig};

use super::super::Progress;
use super::copy::{CopyError, copy};

/// How long it may take until a server, found by name, connected to and greeted, is known to be
/// there. The first two of them make the three seconds after which a place is given up.
const RESOLVE_WITHIN: Duration = Duration::from_millis(1500);
const CONNECT_WITHIN: Duration = Duration::from_millis(1500);
/// From the request to the head of the answer: it is a server that was told to have the file.
const ANSWER_WITHIN: Duration = Duration::from_millis(2500);
/// A silence in the middle. Not smaller: a train goes through a tunnel.
const STALL: Duration = Duration::from_secs(10);
/// In all. 20 MB take ten minutes at 33 kB/s.
const TOTAL: Duration = Duration::from_secs(10 * 60);

/// Why a file did not come.
#[derive(Debug)]
pub(super) enum TransferError {
    /// The server is there, the file is not.
    NotThere(String),
    /// Anything else on the other side.
    Remote(String),
    /// It could not be written.
    Write(io::Error),
}

/// Gets `url` (`https:`, `http:` or `file:`) into `to`, a new file, and returns its sha256.
///
/// `patience` bounds finding and connecting, together with the constants above.
pub(super) fn transfer(
    url: &str,
    to: &Path,
    patience: Duration,
    progress: &dyn Progress,
) -> Result<String, TransferError> {
    let (mut from, total_bytes) = open(url, patience)?;
    let mut file = File::create(to).map_err(TransferError::Write)?;
    let mut hash = Sha256::new();
    let (mut done_bytes, begun) = (0, Instant::now());
    let copied = copy(&mut from, &mut file, |piece| {
        hash.update(piece);
        done_bytes += piece.len() as u64;
        progress.advance(done_bytes, total_bytes);
        if begun.elapsed() < TOTAL { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    });
    progress.finish();
    match copied {
        Ok(length) if total_bytes.is_some_and(|total| total != length) => {
            let total = total_bytes.unwrap_or_default();
            Err(TransferError::Remote(format!("it ended after {length} of {total} bytes")))
        }
        Ok(_) => Ok(hex(&hash.finalize())),
        Err(CopyError::TooLong) => Err(TransferError::Remote("it is far too long".to_owned())),
        Err(CopyError::Read(error)) => Err(TransferError::Remote(format!(
            "it broke off after {done_bytes} bytes: {}",
            in_words_io(&error)
        ))),
        Err(CopyError::Write(error)) => Err(TransferError::Write(error)),
    }
}

/// The sha256 of a file that another program has got.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    copy(&mut file, &mut io::sink(), |piece| {
        hash.update(piece);
        Ok(())
    })
    .map_err(|error| match error {
        CopyError::TooLong => io::ErrorKind::FileTooLarge.into(),
        CopyError::Read(error) | CopyError::Write(error) => error,
    })?;
    Ok(hex(&hash.finalize()))
}

type Opened = (Box<dyn Read>, Option<u64>);

fn open(url: &str, patience: Duration) -> Result<Opened, TransferError> {
    if let Some(path) = url.strip_prefix("file://") {
        return open_file(path);
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let words = "it is neither an https:, an http: nor a file: address";
        return Err(TransferError::Remote(words.to_owned()));
    }
    let response = agent(url, patience)?.get(url).call().map_err(|error| match error {
        ureq::Error::StatusCode(404 | 410) => TransferError::NotThere("not there".to_owned()),
        error => TransferError::Remote(in_words(&error)),
    })?;
    let body = response.into_body();
    let total_bytes = body.content_length();
    Ok((Box::new(body.into_reader()), total_bytes))
}

fn open_file(path: &str) -> Result<Opened, TransferError> {
    let path = percent_decoded(path.strip_prefix("localhost").unwrap_or(path));
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TransferError::NotThere("not there".to_owned()),
        _ => TransferError::Remote(error.to_string()),
    })?;
    let total_bytes = file.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(file), total_bytes))
}

fn agent(url: &str, patience: Duration) -> Result<ureq::Agent, TransferError> {
    let config = ureq::Agent::config_builder()
        .timeout_resolve(Some(RESOLVE_WITHIN.min(patience)))
        .timeout_connect(Some(CONNECT_WITHIN.min(patience)))
        .timeout_recv_response(Some(ANSWER_WITHIN))
        // No timeout for the body as a whole: a slow line is not a broken one.
        .timeout_per_read(Some(STALL))
        .user_agent(concat!("tercet/", env!("CARGO_PKG_VERSION")));
    let Some(provider) = crypto_provider() else {
        if url.starts_with("https:") {
            let words = "this build has no TLS: the features ring and aws-lc-rs are both off";
            return Err(TransferError::Remote(words.to_owned()));
        }
        return Ok(config.build().new_agent());
    };
    let tls = TlsConfig::builder()
        // What the machine trusts: a company's own authority is in there, and a copy in our source
        // would age.
        .root_certs(RootCerts::PlatformVerifier)
        // Never the process default, which belongs to the application.
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Ok(config.tls_config(tls).build().new_agent())
}

#[cfg(feature = "ring")]
fn crypto_provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
fn crypto_provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn crypto_provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    None
}

fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "its name cannot be resolved".to_owned(),
        ureq::Error::ConnectionFailed => "could not connect".to_owned(),
        ureq::Error::Timeout(Timeout::Resolve) => {
            "its name could not be resolved in time".to_owned()
        }
        ureq::Error::Timeout(Timeout::Connect) => "could not connect in time".to_owned(),
        ureq::Error::Timeout(Timeout::RecvResponse) => "it does not answer".to_owned(),
        ureq::Error::Timeout(Timeout::PerRead) => {
            format!("nothing came for {} s", STALL.as_secs())
        }
        ureq::Error::StatusCode(code) => format!("it answered with HTTP status {code}"),
        ureq::Error::Io(error) => in_words_io(error),
        error => error.to_string(),
    }
}

fn in_words_io(error: &io::Error) -> String {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        return in_words(error);
    }
    let words = error.to_string();
    // The standard library has no kind for it, and what follows differs between C libraries.
    if words.starts_with("failed to lookup address") {
        return in_words(&ureq::Error::HostNotFound);
    }
    words
}

/// `%20` and the like, of a `file:` address.
fn percent_decoded(path: &str) -> PathBuf {
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = (byte == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    PathBuf::from(OsString::from_vec(decoded))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_addresses_are_decoded() {
        assert_eq!(percent_decoded("/a%20b/%C3%A9"), PathBuf::from("/a b/é"));
        // Not a code: left alone.
        assert_eq!(percent_decoded("/100%/%zz/%"), PathBuf::from("/100%/%zz/%"));
    }

    #[test]
    fn sums_are_written_as_sha256sum_writes_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(
            sha256_of(file.path()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
