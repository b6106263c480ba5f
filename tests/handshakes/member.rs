//! One running etcd, and what it says to those who dial it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tercet_cluster::binary::{Binary, Feature};
use tercet_pki::etcd::Go;
use tercet_tests::{Port, RawEtcd, command};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SignatureScheme};

use crate::drawn::{Drawn, World};

/// Of a build whose Go would read negative serial numbers, one that does not.
const GODEBUG: (&str, &str) = ("GODEBUG", "x509negativeserial=0");

/// An etcd of one member that demands certificates of its clients.
pub(crate) struct Member {
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
    // Before the ports are free.
    _etcd: RawEtcd,
    _ports: [Port; 2],
}

impl Member {
    /// Starts it, and waits until it answers clients.
    pub(crate) fn start(binary: &Binary, world: &World, directory: &Path) -> Self {
        let ports = [Port::hold(), Port::hold()];
        let urls = ports.each_ref().map(|port| format!("https://localhost:{}", port.number()));
        let listen = ports.each_ref().map(|port| format!("https://127.0.0.1:{}", port.number()));
        let file = |name: &str| directory.join(name).to_str().expect("a path of ours").to_owned();
        let mut flags = vec![
            ("name", "infra1".to_owned()),
            ("data-dir", file("data")),
            ("listen-client-urls", listen[0].clone()),
            ("advertise-client-urls", urls[0].clone()),
            ("listen-peer-urls", listen[1].clone()),
            ("initial-advertise-peer-urls", urls[1].clone()),
            ("initial-cluster", format!("infra1={}", urls[1])),
            ("cert-file", file("server.crt")),
            ("key-file", file("server.key")),
            ("trusted-ca-file", file("ca.crt")),
            ("client-cert-auth", "true".to_owned()),
            ("peer-cert-file", file("peer.crt")),
            ("peer-key-file", file("peer.key")),
            ("peer-trusted-ca-file", file("peer-ca.crt")),
            ("peer-client-cert-auth", "true".to_owned()),
            ("logger", "zap".to_owned()),
        ];
        if binary.release().has(Feature::UnsafeNoFsync) {
            flags.push(("unsafe-no-fsync", "true".to_owned()));
        }
        let arguments: Vec<_> =
            flags.iter().map(|(name, value)| format!("--{name}={value}")).collect();

        std::fs::write(directory.join("ca.crt"), world.trusted().concat()).unwrap();
        std::fs::write(directory.join("peer-ca.crt"), world.authority.certificate_pem()).unwrap();
        write(&world.good, directory, "peer");
        write(&world.good, directory, "server");
        write(&world.good, directory, "good");
        let environment = [(GODEBUG.0.to_owned(), GODEBUG.1.to_owned())];
        let mut etcd =
            RawEtcd::start(binary.path(), &arguments, &environment, &directory.join("log"));
        etcd.wait_for_output("serving client traffic");
        let (directory, port) = (directory.to_owned(), ports[0].number());
        Self { arguments, directory, port, _etcd: etcd, _ports: ports }
    }

    /// Shows this to clients from now on: etcd reads the files anew for each handshake.
    pub(crate) fn show(&self, identity: &Drawn) {
        write(identity, &self.directory, "server");
    }

    /// Whether it lets in a client that shows `identity`: then it answers, else the connection
    /// ends. `None` when rustls cannot sign with such a key.
    pub(crate) async fn lets_in(&self, world: &World, identity: &Drawn) -> Option<bool> {
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        let key = ring::sign::any_supported_type(&key).ok()?;
        // Shown as it is: whether it is any good is for etcd to say.
        let shown = Shown(Arc::new(CertifiedKey::new(identity.certificates(), key)));
        let mut roots = RootCertStore::empty();
        let own = world.authority.certificate_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(own).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(shown));
        let answer = async {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            let request = "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await?;
            // In TLS 1.3 a server refuses a client after the client's handshake: only a read tells.
            let mut first = [0; 16];
            let length = stream.read(&mut first).await?;
            std::io::Result::Ok(first[..length].starts_with(b"HTTP/1.1 200"))
        };
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
        Some(answer.expect("an answer or a refusal").unwrap_or(false))
    }

    /// Whether etcdctl, which is Go's client, gets an answer from this host.
    pub(crate) fn is_taken(&self, etcdctl: &Path, host: &str) -> bool {
        let file = |name: &str| self.directory.join(name);
        // Refused connections are tried again until the time is up. To wait less for what will not
        // come, the time is short at first, and only a failure that speaks of TLS counts.
        let mut milliseconds = 500;
        loop {
            let output = command(etcdctl)
                .env("ETCDCTL_API", "3")
                .env(GODEBUG.0, GODEBUG.1)
                .args(["get", "nothing", "--endpoints", &format!("https://{host}:{}", self.port)])
                .args([Path::new("--cacert"), &file("ca.crt")])
                .args([Path::new("--cert"), &file("good.crt")])
                .args([Path::new("--key"), &file("good.key")])
                .arg(format!("--dial-timeout={milliseconds}ms"))
                .arg(format!("--command-timeout={milliseconds}ms"))
                .output()
                .unwrap();
            if output.status.success() {
                return true;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let spoke = ["x509: ", "tls: ", "connection error", "TransientFailure"];
            if spoke.iter().any(|word| said.contains(word)) {
                return false;
            }
            assert!(milliseconds < 30_000, "etcdctl says nothing of TLS: {said}");
            milliseconds *= 2;
        }
    }
}

fn write(identity: &Drawn, directory: &Path, stem: &str) {
    std::fs::write(directory.join(format!("{stem}.crt")), &identity.chain_pem).unwrap();
    std::fs::write(directory.join(format!("{stem}.key")), &identity.key_pem).unwrap();
}

/// The Go that it was built with.
pub(crate) fn go(binary: &Binary) -> Go {
    let output = command(binary.path()).arg("--version").output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = output.lines().find_map(|line| line.strip_prefix("Go Version: "));
    line.expect("etcd says its Go").parse().unwrap()
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
