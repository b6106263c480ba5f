//! Where the fleet is, and who we are: from the variables that `etcdctl` reads too, which
//! `cargo xtask up` prints.

use std::env::var;

use tercet_client::{Config, Result, Tls};

/// `ETCDCTL_ENDPOINTS`, each with its scheme, with commas between; `ETCDCTL_CACERT`, and with mutual TLS
/// `ETCDCTL_CERT` and `ETCDCTL_KEY`, are PEM files, which are read again when they change. `ETCDCTL_USER`
/// is a name and a password, with a colon between (`ETCDCTL_PASSWORD` is not read).
pub(crate) fn config() -> Result<Config> {
    let endpoints = var("ETCDCTL_ENDPOINTS").unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());
    let mut config = Config::new(endpoints.split(',').map(str::to_owned));
    if let Ok(user) = var("ETCDCTL_USER") {
        let (name, password) = user.split_once(':').unwrap_or((&user, ""));
        config = config.user(name, password);
    }
    let Ok(ca) = var("ETCDCTL_CACERT") else { return Ok(config) };
    let tls = match (var("ETCDCTL_CERT"), var("ETCDCTL_KEY")) {
        (Ok(certificate), Ok(key)) => Tls::mutual_files(ca, certificate, key)?,
        _ => Tls::from_files(ca)?,
    };
    Ok(config.tls(tls))
}
