//! The judges that are etcd itself.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use tercet_cluster::binary::{Binary, Feature};
use tercet_pki::Identity;
use tercet_tests::{Port, RawEtcd, command};

use crate::kinds::Kinds;
use crate::programs::{Files, GODEBUG};
use crate::verdict::Verdict;

/// An etcd of one member, whose server certificate can be another at any time: it reads the files
/// again at every handshake.
pub(crate) struct Judge {
    pub(crate) client_port: Port,
    pub(crate) peer_port: Port,
    directory: PathBuf,
    // Before the ports are free.
    etcd: RawEtcd,
}

impl Judge {
    /// Starts it in a directory of its own, and waits until it answers clients.
    pub(crate) fn start(
        binary: &Binary,
        trusted: &Path,
        kinds: &Kinds,
        directory: PathBuf,
    ) -> Self {
        let (client_port, peer_port) = (Port::hold(), Port::hold());
        let client = format!("https://127.0.0.1:{}", client_port.number());
        let peer = format!("https://127.0.0.1:{}", peer_port.number());
        let cluster = format!("judge={peer}");
        let etcd = start(binary, &directory, trusted, kinds, [&client, &peer, &cluster]);
        let mut judge = Self { client_port, peer_port, directory, etcd };
        judge.etcd.wait_for_output("serving client traffic");
        judge
    }

    /// Shows this to clients from now on.
    pub(crate) fn show(&self, identity: &Identity) {
        identity.replace(&self.directory, "server").unwrap();
    }
}

/// Starts an etcd called `judge`, at these URLs for clients and peers, in this cluster.
fn start(
    binary: &Binary,
    directory: &Path,
    trusted: &Path,
    kinds: &Kinds,
    [client, peer, cluster]: [&str; 3],
) -> RawEtcd {
    let server = kinds.good.write(directory, "server").unwrap();
    let peers = kinds.good.write(directory, "peer").unwrap();
    let revoked = directory.join("revoked.der");
    std::fs::write(&revoked, kinds.revocation_list.der()).unwrap();
    let file = |path: &Path| path.to_str().expect("a path of ours").to_owned();
    let mut flags = vec![
        ("name", "judge".to_owned()),
        ("data-dir", file(&directory.join("data"))),
        ("listen-client-urls", client.to_owned()),
        ("advertise-client-urls", client.to_owned()),
        ("listen-peer-urls", peer.to_owned()),
        ("initial-advertise-peer-urls", peer.to_owned()),
        ("initial-cluster", cluster.to_owned()),
        ("cert-file", file(&server.certificate)),
        ("key-file", file(&server.key)),
        ("trusted-ca-file", file(trusted)),
        ("client-cert-auth", "true".to_owned()),
        ("peer-cert-file", file(&peers.certificate)),
        ("peer-key-file", file(&peers.key)),
        ("peer-trusted-ca-file", file(trusted)),
        ("peer-client-cert-auth", "true".to_owned()),
        ("client-crl-file", file(&revoked)),
        ("peer-crl-file", file(&revoked)),
        ("logger", "zap".to_owned()),
    ];
    if binary.release().has(Feature::UnsafeNoFsync) {
        flags.push(("unsafe-no-fsync", "true".to_owned()));
    }
    let flags: Vec<_> = flags.iter().map(|(name, value)| format!("--{name}={value}")).collect();
    let environment = [(GODEBUG.0.to_owned(), GODEBUG.1.to_owned())];
    RawEtcd::start(binary.path(), &flags, &environment, &directory.join("log"))
}

/// What a member says to a peer that it dials and that shows `shown`.
///
/// The member believes that it has a second one, which is openssl, and shows anything.
pub(crate) fn dialled_by_a_member(
    binary: &Binary,
    trusted: &Path,
    kinds: &Kinds,
    directory: &Path,
    host: &str,
    shown: &[&Files],
) -> Vec<Verdict> {
    let [client, peer, other] = [(); 3].map(|()| Port::hold());
    let urls = [&client, &peer].map(|port| format!("https://127.0.0.1:{}", port.number()));
    let cluster = format!("judge={},other=https://{host}:{}", urls[1], other.number());
    let mut etcd = start(binary, directory, trusted, kinds, [&urls[0], &urls[1], &cluster]);
    let shown = shown.iter().enumerate();
    let verdict = |(index, files): (usize, &&Files)| {
        let output = directory.join(format!("other-{index}"));
        let mut other = Other::start(other.number(), files, &output);
        let mut verdict = None;
        etcd.wait_until("dialled the other member", |etcd| {
            assert_eq!(etcd.exit_status(), None, "{}", etcd.told());
            verdict = other.verdict();
            verdict.is_some()
        });
        verdict.expect("it was waited for")
    };
    shown.map(verdict).collect()
}

/// A server that shows anything.
struct Other {
    child: Child,
    output: PathBuf,
}

impl Other {
    fn start(port: u16, files: &Files, output: &Path) -> Self {
        let file = File::create(output).unwrap();
        let child = command("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}")])
            .args([Path::new("-cert"), &files.certificate, Path::new("-key"), &files.key])
            .args(files.rest.iter().flat_map(|rest| [Path::new("-cert_chain"), rest]))
            .args(["-cipher", "DEFAULT@SECLEVEL=0"])
            // Held open: at its end, openssl hangs up.
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, output: output.to_owned() }
    }

    /// Whether whoever dialled it finished the handshake, or refused it; `None` as long as nobody
    /// has done either. (A client looks at the server's certificate before it finishes.)
    fn verdict(&mut self) -> Option<Verdict> {
        let ended = self.child.try_wait().unwrap();
        let output = std::fs::read(&self.output).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        if output.contains("BEGIN SSL SESSION PARAMETERS") {
            return Some(Verdict::Accepted);
        }
        assert_eq!(ended, None, "{output}");
        output.contains("alert").then(|| Verdict::Refused(output.into_owned()))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
