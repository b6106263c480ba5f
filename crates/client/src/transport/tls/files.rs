//! Certificates and keys in files that are replaced while we run.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls::ClientConfig;
use zeroize::Zeroizing;

use super::Current;
use super::build::{Pem, identity, showing, verifying};
use crate::error::{Error, Result};

/// More than any bundle of authorities has: the one of all that browsers trust has 220 kB.
const LARGEST_BYTES: u64 = 4 << 20;

/// The paths, and what was last read there and could be used.
pub(super) struct Files {
    ca: PathBuf,
    /// The chain, and its key.
    identity: Option<(PathBuf, PathBuf)>,
    last: Mutex<Last>,
}

struct Last {
    /// Compared as a whole, since a file's time and size may both be the same as before.
    texts: Texts,
    /// The same one as long as the files are: it remembers sessions, and makes the next connection
    /// cheaper.
    config: Arc<ClientConfig>,
}

#[derive(PartialEq, Eq)]
struct Texts {
    ca: Vec<u8>,
    identity: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl Files {
    /// Reads them for the first time.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if they cannot be used.
    pub(super) fn open(ca: &Path, identity: Option<(&Path, &Path)>) -> Result<Self> {
        let identity = identity.map(|(chain, key)| (chain.to_owned(), key.to_owned()));
        let ca = ca.to_owned();
        let texts = read(&ca, identity.as_ref())?;
        let config = Arc::new(configure(&texts, &ca, identity.as_ref())?);
        Ok(Self { ca, identity, last: Mutex::new(Last { texts, config }) })
    }

    /// Reads them again, without holding up the runtime: they may be on a disk that hangs.
    pub(super) async fn current(files: &Arc<Self>) -> Current {
        let reading = files.clone();
        match tokio::task::spawn_blocking(move || reading.read_again()).await {
            Ok(current) => current,
            // The runtime ends.
            Err(error) => files.last_good(Some(error.to_string())),
        }
    }

    fn read_again(&self) -> Current {
        let texts = match read(&self.ca, self.identity.as_ref()) {
            Ok(texts) => texts,
            Err(error) => return self.last_good(Some(with_cause(&error))),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if texts != last.texts {
            match configure(&texts, &self.ca, self.identity.as_ref()) {
                Ok(config) => *last = Last { texts, config: Arc::new(config) },
                Err(error) => {
                    drop(last);
                    return self.last_good(Some(with_cause(&error)));
                }
            }
        }
        Current { config: last.config.clone(), refused: None }
    }

    fn last_good(&self, refused: Option<String>) -> Current {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Current { config: last.config.clone(), refused }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("ca", &self.ca)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

fn read(ca: &Path, identity: Option<&(PathBuf, PathBuf)>) -> Result<Texts> {
    let identity = match identity {
        Some((chain, key)) => {
            let chain = read_file(chain, &called(CHAIN, chain))?;
            let key = read_file(key, &called(KEY, key))?;
            Some((chain.to_vec(), key))
        }
        None => None,
    };
    Ok(Texts { ca: read_file(ca, &called(CA, ca))?.to_vec(), identity })
}

fn configure(texts: &Texts, ca: &Path, paths: Option<&(PathBuf, PathBuf)>) -> Result<ClientConfig> {
    let shown = match (&texts.identity, paths) {
        (Some((chain, key)), Some((chain_path, key_path))) => Some(identity(
            Pem { called: called(CHAIN, chain_path).into(), text: chain },
            Pem { called: called(KEY, key_path).into(), text: key },
        )?),
        _ => None,
    };
    let builder = verifying(Pem { called: called(CA, ca).into(), text: &texts.ca })?;
    Ok(showing(builder, shown))
}

const CA: &str = "the authority's file";
const CHAIN: &str = "the client's certificate file";
const KEY: &str = "the client's key file";

fn called(what: &str, path: &Path) -> String {
    format!("{what} `{}`", path.display())
}

fn read_file(path: &Path, called: &str) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |source| Error::config(format!("{called} cannot be read")).caused_by(source);
    // Asked before it is opened: to open a pipe waits for who writes to it.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::config(format!("{called} is no file that can be read again and again")));
    }
    if metadata.len() > LARGEST_BYTES {
        let length = metadata.len();
        return Err(Error::config(format!("{called} has {length} bytes, which no PEM file has")));
    }
    // Room for it all at once: growing would leave copies of a key behind.
    let room = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

/// The text alone, which is within another error then, and what the system said. A PEM parser's
/// words help nobody.
fn with_cause(error: &Error) -> String {
    let text = error.what();
    match std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(source) => format!("{text} ({source})"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
