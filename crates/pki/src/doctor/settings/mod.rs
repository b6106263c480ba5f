//! What a member was told.

mod arguments;
mod build;
mod keys;
mod told;
mod url;
mod value;
mod yaml;

use std::path::PathBuf;

pub use arguments::ArgumentsError;
pub use url::{Url, UrlError};
pub use yaml::{CONFIG_FILE_MAX_BYTES, ConfigFileError};

/// The settings of one etcd that have to do with TLS, whatever they were read from.
///
/// Values are what etcd would end up with: its defaults where nothing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// What they were read from, so that a fix can be said in the same language.
    pub origin: Origin,
    /// `--config-file`, or the file that was read as one.
    pub config_file: Option<PathBuf>,
    /// `--name`.
    pub name: String,
    /// `--listen-peer-urls`.
    pub listen_peer_urls: Vec<Url>,
    /// `--listen-client-urls`.
    pub listen_client_urls: Vec<Url>,
    /// `--listen-client-http-urls`.
    pub listen_client_http_urls: Vec<Url>,
    /// `--listen-metrics-urls`.
    pub listen_metrics_urls: Vec<Url>,
    /// `--initial-advertise-peer-urls`.
    pub advertise_peer_urls: Vec<Url>,
    /// `--advertise-client-urls`.
    pub advertise_client_urls: Vec<Url>,
    /// `--initial-cluster`: names and peer URLs, in the order they are written.
    pub initial_cluster: Vec<(String, Url)>,
    /// What clients meet: `--cert-file` and the rest.
    pub client: TlsSettings,
    /// What peers meet: `--peer-cert-file` and the rest.
    pub peer: TlsSettings,
    /// `--cipher-suites`, as they are written; empty is Go's own choice.
    pub cipher_suites: Vec<String>,
    /// `--tls-min-version`; empty is etcd's default, TLS 1.2.
    pub tls_min_version: String,
    /// `--tls-max-version`; empty is Go's newest.
    pub tls_max_version: String,
    /// `--enable-grpc-gateway`.
    pub grpc_gateway: bool,
    /// `--experimental-peer-skip-client-san-verification` and its later spelling.
    pub peer_skip_client_san_verification: bool,
    /// What could not be understood, or will be refused.
    pub problems: Vec<Problem>,
}

/// The TLS of one kind of port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// `--cert-file`.
    pub cert_file: Option<PathBuf>,
    /// `--key-file`.
    pub key_file: Option<PathBuf>,
    /// `--client-cert-file`: what the member shows where it is the client.
    pub client_cert_file: Option<PathBuf>,
    /// `--client-key-file`.
    pub client_key_file: Option<PathBuf>,
    /// `--trusted-ca-file`.
    pub trusted_ca_file: Option<PathBuf>,
    /// `--client-crl-file`, `--peer-crl-file`.
    pub crl_file: Option<PathBuf>,
    /// `--client-cert-auth`.
    pub client_cert_auth: bool,
    /// `--auto-tls`.
    pub auto_tls: bool,
    /// `--peer-cert-allowed-cn`.
    pub allowed_common_names: Vec<String>,
    /// `--client-cert-allowed-hostname`, `--peer-cert-allowed-hostname`.
    pub allowed_hostnames: Vec<String>,
}

/// What settings were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Flags, and the environment where it says more.
    CommandLine,
    /// `--config-file`, which makes etcd ignore flags and environment.
    ConfigFile,
    /// No settings at all: a directory of certificates, whose names say what each is for. URLs
    /// are empty, since nobody said any.
    Directory,
}

/// A setting that etcd refuses or ignores.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No version has it, or this one has it no more, or not yet.
    Unknown {
        /// As it is written: `--ca-file`, `ETCD_CA_FILE`, `client-transport-security.ca-file`.
        setting: String,
        /// What to write instead, in the same language, where that is known.
        instead: Option<String>,
        /// Which versions have it, in words: `until 3.3`, `from 3.5.0 on`; empty if none has it.
        versions: String,
        /// What etcd says.
        today: String,
        /// Whether etcd refuses to start. It does for a flag, and only ignores a variable or a key.
        refused: bool,
    },
    /// Set as a flag and in the environment: etcd refuses to start.
    Shadowed {
        /// `ETCD_NAME`.
        variable: String,
        /// `--name`.
        flag: String,
    },
    /// Set where it has no effect: flags beside `--config-file`, variables beside it.
    Ignored {
        /// As it is written.
        setting: String,
        /// Why.
        because: String,
    },
    /// A value that etcd refuses.
    Invalid {
        /// As it is written.
        setting: String,
        /// Its value.
        value: String,
        /// What etcd says.
        today: String,
        /// What to write.
        fix: String,
    },
}

#[cfg(test)]
mod tests;
