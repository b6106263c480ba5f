//! Judges that are programs: etcdctl, curl and openssl.

use std::path::{Path, PathBuf};
use std::process::Output;

use tercet_pki::Identity;
use tercet_tests::command;

use crate::verdict::Verdict;

/// An identity as files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The chain without the leaf, if there is more: `openssl s_server` wants it so.
    pub(crate) rest: Option<PathBuf>,
}

impl Files {
    /// Writes `identity` into `directory`.
    pub(crate) fn write(identity: &Identity, directory: &Path, stem: &str) -> Self {
        const END: &str = "-----END CERTIFICATE-----\n";
        let files = identity.write(directory, stem).unwrap();
        let (_, rest) = identity.chain_pem().split_once(END).expect("it begins with a leaf");
        let rest = (!rest.is_empty()).then(|| {
            let path = directory.join(format!("{stem}-rest.crt"));
            std::fs::write(&path, rest).unwrap();
            path
        });
        Self { certificate: files.certificate, key: files.key, rest }
    }
}

/// Of a build whose Go would read negative serial numbers, one that does not; any other takes no
/// notice.
pub(crate) const GODEBUG: (&str, &str) = ("GODEBUG", "x509negativeserial=0");

/// Whether this machine has what judges: OpenSSL 3, and a curl that is built on it.
pub(crate) fn are_here() -> bool {
    let says = |program: &str, argument: &str, word: &str| {
        let output = command(program).arg(argument).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(word))
    };
    says("openssl", "version", "OpenSSL 3.") && says("curl", "--version", "OpenSSL/3.")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

fn said(output: &Output) -> String {
    let all = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&all).trim().to_owned()
}

/// Whether curl gets an answer from `url`, of any status.
///
/// `careless`: the file of [`write_careless_settings`], with which the other side alone judges.
pub(crate) fn curl(
    url: &str,
    trusted: &Path,
    identity: &Files,
    careless: Option<&Path>,
) -> Verdict {
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"])
        // etcd speaks HTTP/2 to peers badly: it says so, and hangs up.
        .args(["--http1.1"])
        .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(["--cacert", path(trusted)])
        .args(["--cert", path(&identity.certificate), "--key", path(&identity.key)]);
    if let Some(settings) = careless {
        curl.env("OPENSSL_CONF", settings);
    }
    let output = curl.arg(url).output().unwrap();
    if output.status.success() && said(&output) != "000" {
        return Verdict::Accepted;
    }
    Verdict::Refused(said(&output))
}

/// Whether etcdctl can read a key at `url`.
pub(crate) fn etcdctl(etcdctl: &Path, url: &str, trusted: &Path, identity: &Files) -> Verdict {
    // Refused connections are tried again until the time is up. To wait less for what will not
    // come, the time is short at first, and only a failure that speaks of the connection counts.
    let mut milliseconds = 500;
    loop {
        let output = command(etcdctl)
            .env("ETCDCTL_API", "3")
            .env(GODEBUG.0, GODEBUG.1)
            .args(["get", "nothing", "--endpoints", url])
            .args(["--cacert", path(trusted)])
            .args(["--cert", path(&identity.certificate), "--key", path(&identity.key)])
            .arg(format!("--dial-timeout={milliseconds}ms"))
            .arg(format!("--command-timeout={milliseconds}ms"))
            .output()
            .unwrap();
        let said = said(&output);
        if output.status.success() {
            return Verdict::Accepted;
        }
        let spoke = ["x509: ", "tls: ", "connection error", "TransientFailure"];
        if spoke.iter().any(|word| said.contains(word)) || milliseconds > 30_000 {
            return Verdict::Refused(said);
        }
        milliseconds *= 2;
    }
}

/// Writes settings for OpenSSL with which it presents and accepts the weakest of keys and hashes.
/// (curl's `--ciphers` comes too late: the certificate has been read by then.)
pub(crate) fn write_careless_settings(path: &Path) {
    let settings = "openssl_conf = all\n\
                    [all]\nssl_conf = tls\n\
                    [tls]\nsystem_default = careless\n\
                    [careless]\nCipherString = DEFAULT@SECLEVEL=0\n";
    std::fs::write(path, settings).unwrap();
}

/// What a certificate is looked at for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// As a server that is dialled by this host.
    Server(&'a str),
    Client,
}

/// What `openssl verify -x509_strict` says to a certificate and the rest of its chain.
pub(crate) fn openssl(trusted: &Path, identity: &Files, purpose: Purpose<'_>) -> Verdict {
    let mut openssl = command("openssl");
    openssl.args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore"]);
    openssl.args(["-CAfile", path(trusted), "-untrusted", path(&identity.certificate)]);
    match purpose {
        Purpose::Client => openssl.args(["-purpose", "sslclient"]),
        Purpose::Server(host) if host.parse::<std::net::IpAddr>().is_ok() => {
            openssl.args(["-purpose", "sslserver", "-verify_ip", host])
        }
        Purpose::Server(host) => openssl.args(["-purpose", "sslserver", "-verify_hostname", host]),
    };
    let output = openssl.arg(&identity.certificate).output().unwrap();
    if output.status.success() { Verdict::Accepted } else { Verdict::Refused(said(&output)) }
}
