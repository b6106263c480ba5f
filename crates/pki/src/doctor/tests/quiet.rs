//! What is unusual and sound, or no more than it seems: nothing is said, or little.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::lab::{Lab, SOUND};
use crate::doctor::{FileState, Rule, Severity, examine, look};
use crate::{Authority, Identity, Leaf};

/// The keys of etcd's own sample file that etcd has dropped, or does not have yet, as it has them.
#[test]
fn a_sample_that_sets_everything_to_nothing_is_sound() {
    let sample = "\
        name: default\n\
        discovery:\n\
        discovery-fallback: 'proxy'\n\
        discovery-proxy:\n\
        enable-v2: false\n\
        proxy: 'off'\n\
        proxy-failure-wait: 5000\n\
        proxy-refresh-interval: 30000\n\
        proxy-dial-timeout: 1000\n\
        proxy-write-timeout: 5000\n\
        proxy-read-timeout: 0\n\
        peer-transport-security:\n\
        \x20 allowed-cn:\n\
        \x20 allowed-hostname:\n\
        tls-min-version: 'TLS1.2'\n";
    for version in ["3.4.23", "3.5.1", "3.6.14", "3.7.1"] {
        assert_eq!(Lab::new(version).configured(sample).examine(), [], "{version}");
    }
    // The control: the same keys with something in them.
    let (lost, kept) = (Rule::UnknownSetting, Severity::Error);
    let set = sample.replace("allowed-cn:", "allowed-cn: [a]");
    assert_eq!(Lab::new("3.5.1").configured(&set).fired(), [(lost, kept)]);
    let set = sample.replace("discovery:", "discovery: https://discovery.example.com/1");
    assert_eq!(Lab::new("3.7.1").configured(&set).fired(), [(lost, Severity::Warning)]);
}

#[test]
fn a_variable_that_sets_nothing_is_sound() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member_with(SOUND, &[("ETCD_TLS_MIN_VERSION", "TLS1.2"), ("ETCD_ENABLE_V2V3", "")]);
    assert_eq!(lab.examine(), []);
    lab.members.clear();
    lab.member_with(SOUND, &[("ETCD_TLS_MIN_VERSION", "TLS1.3")]);
    assert_eq!(lab.fired(), [(Rule::UnknownSetting, Severity::Error)]);
}

#[test]
fn a_key_that_a_group_may_read_is_sound() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let leaf = Leaf::server("infra1").hosts(["localhost", "10.0.0.1"]);
    let server = authority.issue(&leaf).unwrap();
    for (mode, sound) in
        [(0o600, true), (0o400, true), (0o640, true), (0o440, true), (0o660, false), (0o644, false)]
    {
        lab.write("server.crt", server.chain_pem());
        lab.write_with("server.key", server.key_pem(), mode);
        lab.members.clear();
        lab.infra1("");
        let report = lab.examine();
        assert_eq!(report.is_empty(), sound, "{mode:o}: {report:#?}");
        for found in report {
            assert_eq!((found.rule, found.severity), (Rule::KeyReadable, Severity::Warning));
            assert!(found.fix.ends_with("\n  chmod 600 server.key"), "{}", found.fix);
        }
    }
}

/// Another user than etcd's asks: that is no fault of etcd's.
#[test]
fn a_file_that_we_may_not_read_is_not_etcds_fault() {
    let (mut lab, _) = Lab::sound("3.5.1");
    let denied = FileState::Unreadable("permission denied".to_owned());
    lab.files.insert("server.key".into(), denied.clone());
    lab.infra1("");
    let report = lab.examine();
    let [found] = report.as_slice() else { panic!("{report:#?}") };
    assert_eq!((found.rule, found.severity), (Rule::FileMissing, Severity::Warning));
    insta::assert_snapshot!(found.today, @"nothing, if etcd runs as a user who may read it; else open server.key: permission denied");
    insta::assert_snapshot!(found.meaning, @"The user who asks here may not read server.key, so nothing in it was looked at.");
    insta::assert_snapshot!(found.fix, @"ask again as the user that etcd runs as, or with sudo");
    lab.files.insert("server.key".into(), FileState::Missing);
    assert_eq!(lab.fired(), [(Rule::FileMissing, Severity::Error)]);
    // A list that cannot be read is one that etcd may read.
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.files.insert("list.crl".into(), denied);
    lab.infra1("--client-crl-file=list.crl");
    assert_eq!(lab.fired(), [(Rule::FileMissing, Severity::Warning)]);
}

fn write(directory: &Path, stem: &str, identity: &Identity) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join(format!("{stem}.crt")), identity.chain_pem()).unwrap();
    // Members are here without their keys, as they are for whoever looks after certificates alone.
    if stem.ends_with("client") {
        let key = directory.join(format!("{stem}.key"));
        std::fs::write(&key, identity.key_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// kubeadm's whole directory, where Kubernetes has its own authority and its own clients.
#[test]
fn the_directory_of_kubernetes_is_sound() {
    let scratch = tempfile::tempdir().unwrap();
    let (top, etcd) = (scratch.path().to_owned(), scratch.path().join("etcd"));
    let of_etcd = Authority::generate("etcd-ca").unwrap();
    let of_kubernetes = Authority::generate("kubernetes").unwrap();
    let member = Leaf::peer("node1").hosts(["node1", "localhost", "127.0.0.1"]);
    write(&etcd, "server", &of_etcd.issue(&member).unwrap());
    write(&etcd, "peer", &of_etcd.issue(&member).unwrap());
    let client = Leaf::client("kube-apiserver-etcd-client");
    write(&top, "apiserver-etcd-client", &of_etcd.issue(&client).unwrap());
    std::fs::write(etcd.join("ca.crt"), of_etcd.certificate_pem()).unwrap();
    std::fs::write(top.join("ca.crt"), of_kubernetes.certificate_pem()).unwrap();
    for name in ["apiserver-kubelet-client", "front-proxy-client"] {
        write(&top, name, &of_kubernetes.issue(&Leaf::client(name)).unwrap());
    }
    let report = |directory: &Path| {
        let mut description = Lab::new("3.5.1").describe();
        look::directory(directory).unwrap().add_to(&mut description);
        assert!(!description.members.is_empty());
        assert!(!description.clients.is_empty());
        examine(&description)
    };
    assert_eq!(report(&top), []);
    assert_eq!(report(&etcd), []);
    // The control: the one client that is etcd's is judged.
    write(&top, "apiserver-etcd-client", &of_kubernetes.issue(&client).unwrap());
    assert_eq!(report(&top)[0].rule, Rule::WrongAuthority);
    assert_eq!(report(&etcd)[0].rule, Rule::WrongAuthority);
}

#[test]
fn what_fails_everybody_is_not_said_again_for_the_gateway() {
    let (mut lab, _) = Lab::sound("3.5.1");
    let stranger = Authority::generate("stranger").unwrap();
    let leaf = Leaf::server("infra1").hosts(["localhost", "127.0.0.1", "::1", "10.0.0.1"]);
    lab.identity("server", &stranger.issue(&leaf).unwrap());
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    assert_eq!(lab.fired(), [(Rule::WrongAuthority, Severity::Error)]);
    // Alone, it is said.
    lab.clients.clear();
    assert_eq!(lab.fired(), [(Rule::WrongAuthority, Severity::Warning)]);
}

#[test]
fn a_bundle_may_say_a_thing_twice() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.write("ca.crt", authority.certificate_pem().repeat(3));
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    assert_eq!(lab.examine(), []);
}

/// Where only files are known, that one names nothing is known too.
#[test]
fn the_tutorials_files_alone_tell_that_the_server_has_no_name() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tutorial");
    let judged = |version: &str| {
        let mut description = Lab::new(version).describe();
        look::directory(&directory).unwrap().add_to(&mut description);
        // Their modes are those of the checkout.
        for file in description.members.iter_mut().flat_map(|member| &mut member.files) {
            file.path = file.path.file_name().unwrap().into();
            if let FileState::Present { contents, mode, .. } = &mut file.state {
                *contents = Zeroizing::new(contents.to_vec());
                *mode = Some(0o600);
            }
        }
        for settings in description.members.iter_mut().map(|member| &mut member.settings) {
            for side in [&mut settings.client, &mut settings.peer] {
                for path in [&mut side.cert_file, &mut side.key_file, &mut side.trusted_ca_file] {
                    *path = path.as_ref().map(|path| path.file_name().unwrap().into());
                }
            }
        }
        description.clients.clear();
        examine(&description)
    };
    let report = judged("3.5.1");
    let [found] = report.as_slice() else { panic!("{report:#?}") };
    assert_eq!((found.rule, found.severity), (Rule::NoNames, Severity::Error));
    insta::assert_snapshot!(found.today, @"x509: certificate relies on legacy Common Name field, use SANs or temporarily enable Common Name matching with GODEBUG=x509ignoreCN=0");
    insta::assert_snapshot!(found.meaning, @"The certificate CN=localhost (server.crt) has no list of names (subjectAltName), so it is good for no host, whatever is dialled. The common name does not count: Go does not look at it since 1.15.");
    insta::assert_snapshot!(found.fix, @r"
    issue it again with the key it has, and localhost among its names:
      openssl req -new -key server.key -subj '/CN=localhost' | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n') -out server.crt
    and put every other host and address of its URLs into that list
    ");
    // Go took the common name for a host then: what is left is that it is old.
    let report = judged("3.4.0");
    assert_eq!(report.iter().map(|one| one.rule).collect::<Vec<_>>(), [Rule::WeakCertificate]);
}
