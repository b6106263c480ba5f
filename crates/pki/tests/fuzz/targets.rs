//! What is tried.

use tercet_pki::doctor::{
    Client, Description, File, FileState, Finding, Member, Settings, examine,
};
use tercet_pki::etcd::Version;
use tercet_pki::read::{
    self, CertificateDetails, PrivateKeyDetails, RevocationListDetails, inspect,
};
use tercet_pki::{Authority, Leaf, Policy, Request, Revocations};
use time::OffsetDateTime;

use super::corpus::Corpus;
use super::driver::run;

/// When the samples were new: the result of a run shall not depend on the day.
fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_330_800).unwrap()
}

/// What is printed is in proportion to what was read: nothing repeats it without bound.
fn is_in_proportion(text: &str, input: &[u8]) {
    assert!(text.len() <= 64 * input.len() + 4096, "{} bytes of {}", text.len(), input.len());
}

#[test]
fn inspecting() {
    run(Corpus::of_certificates(), |input| {
        let inventory = inspect::bytes("input", input);
        is_in_proportion(&inventory.table(now()).to_string(), input);
        is_in_proportion(&inventory.long(now()).to_string(), input);
    });
}

#[test]
fn reading() {
    run(Corpus::of_certificates(), |input| {
        let certificates = read::certificates(input).unwrap_or_default();
        let keys = read::private_keys(input).unwrap_or_default();
        for one in certificates.iter().take(4) {
            for other in certificates.iter().take(4) {
                let _ = one.signed_by(other);
            }
            for key in keys.iter().take(4) {
                let _ = key.belongs_to(one);
            }
        }
        let _ = CertificateDetails::parse(input);
        let _ = PrivateKeyDetails::parse(input);
        let _ = RevocationListDetails::parse(input);
        if let Ok(list) = read::revocation_list(input) {
            for certificate in &certificates {
                let _ = (list.signed_by(certificate), list.entry(certificate));
            }
        }
    });
}

#[test]
fn signing_requests() {
    run(Corpus::of_requests(), |input| {
        thread_local! {
            static AUTHORITY: Authority = Authority::generate("fuzz").unwrap();
        }
        let _ = read::request(input).map(|request| request.signed_by_itself());
        let Ok(request) = Request::read(input) else { return };
        let narrow = Policy::peer().allow_host("infra1.example.com").allow_common_name("infra1");
        let wide = Policy::peer()
            .allow_suffix("example.com")
            .allow_network("0.0.0.0/0")
            .allow_uri("spiffe://example.com/infra1")
            .allow_any_common_name();
        for policy in [narrow, wide] {
            let _ = AUTHORITY.with(|authority| authority.sign(&request, &policy));
        }
    });
}

const VERSIONS: [&str; 6] = ["3.4.0", "3.4.23", "3.5.1", "3.5.30", "3.6.14", "3.7.1"];

/// A version, chosen by the input.
fn version(input: &[u8]) -> Version {
    VERSIONS[input.len() % VERSIONS.len()].parse().unwrap()
}

#[test]
fn settings_and_their_findings() {
    run(Corpus::of_settings(), |input| {
        let version = version(input);
        let text = String::from_utf8_lossy(input);
        let (arguments, environment): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| !line.starts_with("ETCD_"));
        let environment = environment.iter().map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.into(), value.into())
        });
        let told = Settings::from_arguments(arguments, environment, version).ok();
        let written = Settings::from_config_file("etcd.yaml", input, version).ok();
        let mut description = Description::new(version, now());
        for settings in told.into_iter().chain(written) {
            let files =
                ["server.crt", "ca.crt"].map(|name| File::new(name.into(), FileState::Missing));
            description.members.push(Member::new(settings, files.into()));
        }
        is_bounded(&examine(&description));
    });
}

#[test]
fn files_and_their_findings() {
    run(Corpus::of_certificates(), |input| {
        thread_local! {
            static FLEET: Sound = Sound::new();
        }
        let version = version(input);
        FLEET.with(|fleet| is_bounded(&examine(&fleet.described(version, input))));
    });
}

/// What is said is at most so much, whatever was read: a few files, and a few things of each.
fn is_bounded(findings: &[Finding]) {
    let bytes: usize = findings
        .iter()
        .map(|finding| finding.today.len() + finding.meaning.len() + finding.fix.len())
        .sum();
    assert!(bytes < 4 << 20, "{bytes} bytes in {} findings", findings.len());
}

/// A sound fleet of two, whose files are replaced one by one.
struct Sound {
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Sound {
    fn new() -> Self {
        let authority = Authority::generate("fuzz").unwrap();
        let server = Leaf::server("infra1").hosts(["localhost", "10.0.0.1", "127.0.0.1"]);
        let peer = Leaf::peer("infra1").hosts(["localhost", "10.0.0.1", "127.0.0.1"]);
        let (server, peer) = (authority.issue(&server).unwrap(), authority.issue(&peer).unwrap());
        let list = authority.revoke(&Revocations::new()).unwrap();
        Self {
            files: vec![
                ("ca.crt", authority.certificate_pem().into()),
                ("server.crt", server.chain_pem().into()),
                ("server.key", server.key_pem().into()),
                ("peer.crt", peer.chain_pem().into()),
                ("peer.key", peer.key_pem().into()),
                ("ca.crl", list.der().into()),
            ],
        }
    }

    /// With `input` in place of one of the files, or of all.
    fn described(&self, version: Version, input: &[u8]) -> Description {
        let which = usize::from(input.first().copied().unwrap_or(0)) + input.len();
        let which = which % (self.files.len() + 1);
        let file = |(index, (name, sound)): (usize, &(&str, Vec<u8>))| {
            let contents = if which == index || which == self.files.len() { input } else { sound };
            let contents = contents.to_vec().into();
            let state = FileState::Present { contents, mode: Some(0o600), modified: None };
            File::new((*name).into(), state)
        };
        let files: Vec<File> = self.files.iter().enumerate().map(file).collect();
        let mut description = Description::new(version, now());
        for name in ["infra1", "infra2"] {
            let arguments = [
                &format!("--name={name}"),
                "--listen-peer-urls=https://10.0.0.1:2380",
                "--initial-advertise-peer-urls=https://10.0.0.1:2380",
                "--listen-client-urls=https://10.0.0.1:2379",
                "--advertise-client-urls=https://10.0.0.1:2379",
                "--initial-cluster=infra1=https://10.0.0.1:2380,infra2=https://10.0.0.1:2380",
                "--cert-file=server.crt",
                "--key-file=server.key",
                "--client-cert-auth",
                "--trusted-ca-file=ca.crt",
                "--client-crl-file=ca.crl",
                "--peer-cert-file=peer.crt",
                "--peer-key-file=peer.key",
                "--peer-client-cert-auth",
                "--peer-trusted-ca-file=ca.crt",
                "--peer-crl-file=ca.crl",
            ];
            let settings = Settings::from_arguments(arguments, [], version).unwrap();
            description.members.push(Member::new(settings, files.clone()));
        }
        let mut client = Client::default();
        client.trusted_ca_file = Some(files[0].clone());
        client.cert_file = Some(files[1].clone());
        client.key_file = Some(files[2].clone());
        description.clients.push(client);
        description.loose = files;
        description
    }
}
