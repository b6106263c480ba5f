//! Whom to trust, and who we are.

mod build;
mod files;
mod unverified;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

pub(crate) use self::build::provider;
use self::build::{Pem, identity, showing, unverified, verifying};
use self::files::Files;
use crate::error::Result;

/// Whom to trust and, with mutual TLS, who we are.
///
/// TLS 1.2 and 1.3 are both spoken: etcd 3.5.0 to 3.5.7 offer clients no more than 1.2
/// (`client/pkg/transport/listener.go`). The server's name is always verified against the host of
/// the endpoint, be it a DNS name or an IP address; only with [`unverified`](Self::unverified)
/// nothing is.
///
/// | who the server trusts | from PEM in memory | from files, read again at each connection |
/// |---|---|---|
/// | anybody | [`from_pem`](Self::from_pem) | [`from_files`](Self::from_files) |
/// | certificates only (`--client-cert-auth`) | [`mutual`](Self::mutual) | [`mutual_files`](Self::mutual_files) |
///
/// The cryptography is [ring](https://docs.rs/ring) or, without the feature `ring` and with
/// `aws-lc-rs`, AWS-LC; with both features it is ring. It is never looked up in, nor installed as,
/// rustls' process-wide default, so another crate's choice does not matter here.
///
/// The private key is kept inside that library. What was decoded from its PEM is wiped at once; the
/// PEM itself is yours to wipe, and its base64 passes through a buffer of the parser, which is not.
/// With files the PEM is kept too, to see whether it has changed, and is wiped at the end.
#[derive(Clone)]
pub struct Tls {
    source: Source,
    trust: Trust,
    mutual: bool,
}

/// Where a connection's configuration is from.
#[derive(Clone)]
enum Source {
    Memory(Arc<ClientConfig>),
    Files(Arc<Files>),
}

/// Whom we trust, for `Debug`.
#[derive(Clone, Copy, Debug)]
enum Trust {
    Authority,
    Anybody,
}

/// What the next connection is made with.
pub(crate) struct Current {
    pub(crate) config: Arc<ClientConfig>,
    /// Why it is not what is in the files.
    pub(crate) refused: Option<String>,
}

impl Current {
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

impl Tls {
    /// Trusts the authorities in `ca_pem`, one or more certificates, and shows none itself.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if `ca_pem` has no certificate or one
    /// that cannot be read.
    pub fn from_pem(ca_pem: impl AsRef<[u8]>) -> Result<Self> {
        let config =
            verifying(Pem::authority(ca_pem.as_ref())).map(|builder| showing(builder, None));
        Ok(Self::new(config.map_err(|error| error.during("Tls::from_pem"))?, false))
    }

    /// Trusts the authorities in `ca_pem`, and shows `chain_pem`: the certificate of `key_pem`,
    /// first, then those that lead to an authority that the server trusts.
    ///
    /// The key may be in PKCS #8, PKCS #1 (RSA) or SEC 1 (EC) form, and not encrypted.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if one of the three cannot be read, or
    /// if the key is not that of the first certificate.
    pub fn mutual(
        ca_pem: impl AsRef<[u8]>,
        chain_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Result<Self> {
        let config = identity(Pem::chain(chain_pem.as_ref()), Pem::key(key_pem.as_ref())).and_then(
            |identity| {
                let builder = verifying(Pem::authority(ca_pem.as_ref()))?;
                Ok(showing(builder, Some(identity)))
            },
        );
        Ok(Self::new(config.map_err(|error| error.during("Tls::mutual"))?, true))
    }

    /// As [`from_pem`](Self::from_pem), of a file that is read again before each connection.
    ///
    /// A file that was replaced takes effect with the next connection; those that are open stay.
    /// If it cannot be used at that moment, half written perhaps, what was last read of it is used,
    /// and an error of that connection says so. Whoever replaces it should write the new one beside
    /// it and rename it: a half of a bundle may look like a whole one.
    ///
    /// It is read here and now, which blocks; later reads are on the runtime's threads for blocking
    /// work, and within the connection's own deadline. Pipes are refused: they can be read once.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig), with the path, if it cannot be read now.
    pub fn from_files(ca: impl AsRef<Path>) -> Result<Self> {
        let files = Files::open(ca.as_ref(), None);
        let files = files.map_err(|error| error.during("Tls::from_files"))?;
        Ok(Self::of_files(files, false))
    }

    /// As [`mutual`](Self::mutual), of files that are read again before each connection, as with
    /// [`from_files`](Self::from_files).
    ///
    /// Certificate and key change together or not at all: while one of them is new and the other is
    /// not, the last pair that fitted is shown.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig), with the path, if one of the three cannot
    /// be read now, or if the key is not that of the first certificate.
    pub fn mutual_files(
        ca: impl AsRef<Path>,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self> {
        let files = Files::open(ca.as_ref(), Some((chain.as_ref(), key.as_ref())));
        let files = files.map_err(|error| error.during("Tls::mutual_files"))?;
        Ok(Self::of_files(files, true))
    }

    /// Encrypts, and **trusts anybody**: whoever is on the way can read and change everything, as
    /// with `curl -k`. Not for anything that matters.
    ///
    /// It is for etcd's `--auto-tls`: that certificate is signed by itself, is another one on each
    /// member, and proves nothing to anybody.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if TLS cannot be set up, which is not
    /// known to happen.
    pub fn unverified() -> Result<Self> {
        let config = unverified().map(|builder| showing(builder, None));
        let config = config.map_err(|error| error.during("Tls::unverified"))?;
        Ok(Self { trust: Trust::Anybody, ..Self::new(config, false) })
    }

    /// As [`unverified`](Self::unverified), and shows a certificate, as [`mutual`](Self::mutual)
    /// does: the server knows who we are, and we do not know who it is.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if one of the two cannot be read, or if
    /// the key is not that of the first certificate.
    pub fn unverified_mutual(
        chain_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Result<Self> {
        let config = identity(Pem::chain(chain_pem.as_ref()), Pem::key(key_pem.as_ref()))
            .and_then(|identity| Ok(showing(unverified()?, Some(identity))));
        let config = config.map_err(|error| error.during("Tls::unverified_mutual"))?;
        Ok(Self { trust: Trust::Anybody, ..Self::new(config, true) })
    }

    /// What a connection that is made now would be configured with, for whoever speaks another
    /// protocol with the same trust: etcd also answers HTTP (`/health`, `/metrics`, `/v2/keys`). It
    /// offers no protocol by itself (ALPN).
    ///
    /// Cancel safe.
    pub async fn rustls_config(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.current().await.config);
        config.alpn_protocols.clear();
        config
    }

    fn new(config: ClientConfig, mutual: bool) -> Self {
        Self { source: Source::Memory(Arc::new(config)), trust: Trust::Authority, mutual }
    }

    fn of_files(files: Files, mutual: bool) -> Self {
        Self { source: Source::Files(Arc::new(files)), trust: Trust::Authority, mutual }
    }

    /// What the next connection is to be made with.
    pub(crate) async fn current(&self) -> Current {
        match &self.source {
            Source::Memory(config) => Current { config: config.clone(), refused: None },
            Source::Files(files) => Files::current(files).await,
        }
    }

    /// Whether there is a certificate to show.
    pub(crate) fn is_mutual(&self) -> bool {
        self.mutual
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Tls");
        debug.field("trust", &self.trust).field("mutual", &self.mutual);
        if let Source::Files(files) = &self.source {
            debug.field("files", files);
        }
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused() {
        let no_certificate = Tls::from_pem("not PEM").unwrap_err();
        insta::assert_snapshot!(no_certificate, @"Tls::from_pem: the authority's PEM has no certificate");
        let broken = "-----BEGIN CERTIFICATE-----\nAA!\n-----END CERTIFICATE-----\n";
        insta::assert_snapshot!(Tls::from_pem(broken).unwrap_err(), @"Tls::from_pem: the authority's PEM has a certificate that cannot be read");
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        insta::assert_snapshot!(Tls::from_pem(nonsense).unwrap_err(), @"Tls::from_pem: the authority's PEM has a certificate that cannot be an authority");
        for encrypted in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
             AAAA\n-----END EC PRIVATE KEY-----\n",
        ] {
            let error = Tls::mutual(nonsense, nonsense, encrypted).unwrap_err().to_string();
            assert!(error.starts_with("Tls::mutual: the client's key PEM is encrypted"), "{error}");
            assert!(error.contains("`openssl pkey -in KEY.pem -out DECRYPTED.pem`"), "{error}");
        }
        insta::assert_snapshot!(Tls::mutual(nonsense, nonsense, "").unwrap_err(), @"Tls::mutual: the client's key PEM has no private key that can be read");
        insta::assert_snapshot!(Tls::unverified_mutual("", "").unwrap_err(), @"Tls::unverified_mutual: the client's chain PEM has no certificate");
    }

    #[test]
    fn who_is_trusted_is_shown() {
        let tls = Tls::unverified().unwrap();
        insta::assert_snapshot!(format!("{tls:?}"), @"Tls { trust: Anybody, mutual: false, .. }");
    }
}
