//! Where the fleet is, and who we are: from the variables that `etcdctl` reads too, which
//! `cargo xtask up` prints.

use std::env::var;

use tercet_client::{Config, Result, Tls};

/// `ETCDCTL_ENDPOINTS`, with commas between; `ETCDCTL_CACERT`, and with mutual TLS `ETCDCTL_CERT` and
/// `ETCDCTL_KEY`, are PEM files, which are read again when they change.
pub(crate) fn config() -> Result<Config> {
    let endpoints = var("ETCDCTL_ENDPOINTS").unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());
    let config = Config::new(endpoints.split(',').map(str::to_owned));
    let Ok(ca) = var("ETCDCTL_CACERT") else { return Ok(config) };
    let tls = match (var("ETCDCTL_CERT"), var("ETCDCTL_KEY")) {
        (Ok(certificate), Ok(key)) => Tls::mutual_files(ca, certificate, key)?,
        _ => Tls::from_files(ca)?,
    };
    Ok(config.tls(tls))
}
