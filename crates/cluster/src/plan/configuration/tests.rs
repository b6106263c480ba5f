use tercet_pki::Layout;
use tercet_pki::doctor::{Origin, Settings as Read};

use super::*;
use crate::plan::{Address, DiscoveryService, Joining, MemberPlan, Security, Spec};
use crate::plan::{TlsOptions, TlsVersion};

/// Every release in which something of a file changed.
const VERSIONS: [&str; 14] = [
    "3.4.0", "3.4.10", "3.4.23", "3.4.25", "3.4.45", "3.5.0", "3.5.1", "3.5.8", "3.5.10", "3.5.14",
    "3.5.15", "3.6.14", "3.7.1", "3.9.0",
];

fn planned(spec: &Spec, version: &str, directory: &Path) -> Result<MemberPlan, PlanError> {
    let release = Release::of(version.parse().unwrap()).unwrap();
    let addresses: Vec<_> = (0..spec.member_names().len() as u16)
        .map(|n| Address::loopback(23791 + n, 23801 + n).with_http(23811 + n))
        .collect();
    Ok(spec.plan(release, directory, &addresses)?.members()[0].clone())
}

fn file(spec: Spec, version: &str) -> String {
    let spec = spec.configuration(Configuration::File);
    let member = planned(&spec, version, Path::new("/run/fleet")).unwrap();
    assert_eq!(member.arguments(), ["--config-file=/run/fleet/m1/etcd.yaml"]);
    member.configuration_file().unwrap().text.clone()
}

/// What the doctor makes of it, but for how it is said.
fn read(member: &MemberPlan, version: &str) -> Read {
    let (arguments, environment) = (member.arguments().to_vec(), member.environment().to_vec());
    let version = version.parse().unwrap();
    let mut read = Read::from_arguments(arguments, environment, version).unwrap();
    if let Some(file) = member.configuration_file() {
        assert_eq!(read.config_file.as_deref(), Some(&*file.path));
        assert_eq!(read.problems, []);
        read = read.with_config_file(file.text.as_bytes(), version).unwrap();
    }
    assert_eq!(read.problems, [], "{version}\n{member:#?}");
    read.origin = Origin::CommandLine;
    read.config_file = None;
    read
}

fn everything() -> [Spec; 12] {
    let (spec, tls) = (Spec::default, TlsOptions::default);
    [
        spec(),
        spec().security(Security::Plaintext).http_port(true),
        spec().security(Security::ServerTls).gateway(false),
        spec().security(Security::ClientAuth).layout(Layout::Shared),
        spec().security(Security::Auto),
        spec().tls(tls().revocation_list().skip_peer_address_check()),
        spec().tls(tls().min_version(TlsVersion::V1_2).max_version(TlsVersion::V1_3)),
        spec().tls(tls().cipher_suites([
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ])),
        spec()
            .gateway(false)
            .tls(tls().allowed_client_hosts(["a.example"]).allowed_peer_hosts(["b.example"])),
        spec().tls(tls().allowed_peer_names(["peers", "odd \"name\"; & é 'x'"])),
        spec().tls(tls().allowed_peer_names(["no"]).separate_outgoing()),
        spec().joining(Joining::Through(DiscoveryService::V3 {
            endpoints: vec!["https://10.0.0.1:1".into(), "https://10.0.0.2:1".into()],
            token: "1e3".into(),
            ca: Some("/ca.crt".into()),
            client: None,
        })),
    ]
}

/// The doctor is written from etcd's sources on its own, and compared with etcd itself.
#[test]
fn all_forms_say_the_same() {
    let mut refused = std::collections::BTreeSet::new();
    let mut compared = 0;
    for version in VERSIONS {
        for spec in everything() {
            let forms = Configuration::ALL.map(|form| {
                planned(&spec.clone().configuration(form), version, Path::new("/run/fleet"))
            });
            let [flags, environment, file] = match forms {
                [Ok(flags), Ok(environment), Ok(file)] => [flags, environment, file],
                // What the version has not is refused whatever the form.
                [Err(one), Err(two), Err(three)] => {
                    assert_eq!((&one, &one), (&two, &three));
                    refused.insert(version);
                    continue;
                }
                forms => panic!("{version}: {forms:#?}"),
            };
            assert_eq!(environment.arguments(), [""; 0]);
            let wanted = read(&flags, version);
            assert_eq!(read(&environment, version), wanted);
            assert_eq!(read(&file, version), wanted);
            compared += 1;
        }
    }
    assert!(!refused.contains("3.6.14"), "it has everything: {refused:?}");
    assert_eq!(compared, 132);
}

#[test]
fn odd_characters_are_what_they_are_in_all_forms() {
    let odd = "/run/it's \"odd\"\\ $HOME: #{x} \u{85}\u{2028}\u{7f}\t%é, ~/fleet";
    for spec in everything() {
        let forms = Configuration::ALL
            .map(|form| planned(&spec.clone().configuration(form), "3.7.1", Path::new(odd)));
        let [flags, others @ ..] = forms.map(|form| read(&form.unwrap(), "3.7.1"));
        let ca = flags.peer.trusted_ca_file.clone();
        assert!(ca.is_none_or(|ca| ca.starts_with(odd)));
        for other in others {
            assert_eq!(other, flags);
        }
    }
}

#[test]
fn a_file_is_nested_and_typed_as_its_version_has_it() {
    insta::assert_snapshot!("file_3_4", file(Spec::default(), "3.4.23"));
    insta::assert_snapshot!("file_3_5", file(Spec::default(), "3.5.1"));
    let options = TlsOptions::default()
        .min_version(TlsVersion::V1_2)
        .cipher_suites(["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
        .revocation_list()
        .allowed_peer_names(["one", "two"])
        .separate_outgoing()
        .skip_peer_address_check();
    let spec = Spec::default()
        .tls(options)
        .http_port(true)
        .flag("auto-compaction-retention", "1h")
        .flag("compact-hash-check-time", "1m30s")
        .flag("quota-backend-bytes", "0x1_0000");
    insta::assert_snapshot!("file_3_7", file(spec, "3.7.1"));
}

#[test]
fn the_environment_is_all_that_there_is() {
    let spec = Spec::default().security(Security::ClientAuth);
    let spec = spec.configuration(Configuration::Environment);
    let member = planned(&spec, "3.5.1", Path::new("/run/fleet")).unwrap();
    let lines = member
        .environment()
        .iter()
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()));
    insta::assert_snapshot!("environment", lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_a_form_cannot_say_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let refused = |spec: &Spec, form, directory: &Path| {
        let plan = |form| planned(&spec.clone().configuration(form), "3.5.1", directory);
        assert!(plan(Configuration::Flags).is_ok(), "the control");
        plan(form).unwrap_err().to_string()
    };
    let (fleet, spec) = (Path::new("/run/fleet"), Spec::default());
    insta::assert_snapshot!(
        refused(&spec.clone().flag("raft-read-timeout", "5s"), Configuration::File, fleet),
        @"a configuration file of etcd 3.5.1 has no key for --raft-read-timeout: tell members their settings by flags or in the environment"
    );
    insta::assert_snapshot!(
        refused(&spec.clone().flag("cors", ""), Configuration::Environment, fleet),
        @"--cors is to be empty, and an empty variable is none to etcd: tell members their settings by flags or in a file"
    );
    let directory = Path::new(OsStr::from_bytes(b"/run/\xff"));
    insta::assert_snapshot!(
        refused(&spec, Configuration::File, directory),
        @r#"the value "/run/�/m1/data" of --data-dir is not UTF-8, and a configuration file is: tell members their settings by flags or in the environment"#
    );
}

#[test]
fn words_and_values_agree() {
    for configuration in Configuration::ALL {
        assert_eq!(configuration.to_string().parse(), Ok(configuration));
    }
    insta::assert_snapshot!(
        "yaml".parse::<Configuration>().unwrap_err(),
        @"'yaml' is no form of configuration: use flags, env or file"
    );
}
