use super::*;
use crate::etcd::Version;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn read(arguments: &[&str], variables: &[(&str, &str)], etcd: &str) -> Settings {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Settings::from_arguments(arguments, variables, version(etcd)).unwrap()
}

fn said(settings: &Settings) -> String {
    let lines = settings.problems.iter().map(|problem| match problem {
        Problem::Unknown { setting, instead, versions, today, .. } => {
            format!("{setting}: {today}\n  instead {instead:?}; versions '{versions}'")
        }
        Problem::Invalid { setting, value, today, fix } => {
            format!("{setting} {value:?}: {today}\n  {fix}")
        }
        other => format!("{other:?}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tutorials_command_line_is_read() {
    let arguments = [
        "./etcd/etcd",
        "--name",
        "infra1",
        "--advertise-client-urls",
        "https://localhost:23791",
        "--listen-client-urls",
        "https://localhost:23791",
        "--cert-file",
        "./server.crt",
        "--key-file",
        "./server.key",
        "--client-cert-auth",
        "--ca-file",
        "ca.crt",
        "--initial-advertise-peer-urls",
        "https://localhost:23801",
        "--listen-peer-urls",
        "https://localhost:23801",
        "--peer-cert-file",
        "./server.crt",
        "--peer-key-file",
        "./server.key",
        "--peer-ca-file",
        "./ca.crt",
        "--initial-cluster",
        "infra1=https://localhost:23801,infra2=https://localhost:23802",
    ];
    let settings = read(&arguments, &[], "3.5.1");
    insta::assert_snapshot!(said(&settings), @r#"
    --ca-file: flag provided but not defined: -ca-file
      instead Some("--trusted-ca-file"); versions 'until 3.3'
    --peer-ca-file: flag provided but not defined: -peer-ca-file
      instead Some("--peer-trusted-ca-file"); versions 'until 3.3'
    "#);
    assert_eq!(settings.name, "infra1");
    assert!(settings.client.client_cert_auth && !settings.peer.client_cert_auth);
    // As if it were mended, so that one run finds all.
    assert_eq!(settings.client.trusted_ca_file, Some("ca.crt".into()));
    assert_eq!(settings.peer.trusted_ca_file, Some("./ca.crt".into()));
    assert_eq!(settings.initial_cluster.len(), 2);
    assert_eq!(settings.listen_peer_urls[0].port, Some(23801));
}

#[test]
fn flags_are_read_as_go_reads_them() {
    let settings = read(
        &["-name=a", "--name", "b", "--client-cert-auth=T", "-auto-tls=false", "--peer-auto-tls"],
        &[("ETCD_CERT_FILE", "c.crt"), ("ETCD_KEY_FILE", ""), ("HOME", "/")],
        "3.4.23",
    );
    assert_eq!(said(&settings), "");
    assert_eq!(settings.name, "b");
    assert!(
        settings.client.client_cert_auth && !settings.client.auto_tls && settings.peer.auto_tls
    );
    assert_eq!(settings.client.cert_file, Some("c.crt".into()));
    assert_eq!(settings.client.key_file, None);
    // A value may look like a flag.
    let settings = read(&["--name", "--data-dir", "--cert-file", "x"], &[], "3.5.1");
    assert_eq!((settings.name.as_str(), settings.problems.len()), ("--data-dir", 0));
}

#[test]
fn defaults_are_etcds() {
    let settings = read(&["--name=a", "--initial-advertise-peer-urls=https://h:1"], &[], "3.5.1");
    assert_eq!(settings.initial_cluster, [("a".to_owned(), "https://h:1".parse().unwrap())]);
    assert_eq!(settings.listen_client_urls[0].to_string(), "http://localhost:2379");
    assert!(settings.grpc_gateway);
    let found = read(&["--discovery-srv=example.com"], &[], "3.5.1");
    assert_eq!(found.initial_cluster, []);
}

#[test]
fn names_are_lists_since_a_patch_release() {
    let names =
        |etcd: &str| read(&["--peer-cert-allowed-cn=a,b"], &[], etcd).peer.allowed_common_names;
    assert_eq!(names("3.4.45"), ["a,b"]);
    assert_eq!(names("3.5.14"), ["a,b"]);
    assert_eq!(names("3.5.15"), ["a", "b"]);
    assert_eq!(names("3.6.0"), ["a", "b"]);
}

#[test]
fn mistakes_are_told_in_the_words_of_etcd() {
    let settings = read(
        &[
            "--client-cert-auth",
            "true",
            "--peer-client-cert-auth=yes",
            "---name=x",
            "stray",
            "--cert-files",
            "a",
            "--cacert",
            "b",
            "--tls-min-version=TLS1.3",
            "--cipher-suites=TLS_FOO",
            "--listen-peer-urls=10.0.0.1:2380,https://infra1:2380",
            "--listen-client-urls=https://10.0.0.1:2379",
            "--heartbeat-interval=1s",
            "--initial-cluster=a",
            "--listen-metrics-urls=http://10.0.0.1:99999",
            "--key-file",
        ],
        &[
            ("ETCD_CLIENT_CERT_AUTH", ""),
            ("ETCD_CA_FILE", "x"),
            ("ETCD_PORT", "tcp://10.0.0.1:2379"),
            ("ETCD_UNSUPPORTED_ARCH", "arm64"),
            ("ETCD_AUTO_TLS", "maybe"),
        ],
        "3.5.1",
    );
    insta::assert_snapshot!(said(&settings));
    assert!(settings.client.client_cert_auth, "as if it were mended");
}

#[test]
fn a_configuration_file_makes_all_else_ignored() {
    let arguments = ["--config-file=etcd.yaml", "--name=a", "--ca-file=x"];
    let settings =
        read(&arguments, &[("ETCD_CERT_FILE", "c"), ("ETCD_SERVICE_HOST", "x")], "3.5.1");
    insta::assert_snapshot!(said(&settings));
    assert_eq!(settings.config_file, Some("etcd.yaml".into()));
    let settings = settings.with_config_file(b"name: b", version("3.5.1")).unwrap();
    assert_eq!((settings.name.as_str(), settings.config_file), ("b", Some("etcd.yaml".into())));
    assert_eq!(settings.problems.len(), 4);
    let by_variable = read(&[], &[("ETCD_CONFIG_FILE", "a.yaml")], "3.5.1");
    assert_eq!(by_variable.config_file, Some("a.yaml".into()));
}

#[test]
fn what_is_no_member_is_refused() {
    let refused = |arguments: &[&str]| {
        Settings::from_arguments(arguments, [], version("3.5.1")).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        refused(&["/usr/bin/etcd", "gateway", "start"]),
        @"'etcd gateway' is not a member of a fleet: give the command line of a member"
    );
    insta::assert_snapshot!(
        refused(&["etcdctl", "get", "x"]),
        @"'etcdctl' is not etcd: give the command line of a member"
    );
    insta::assert_snapshot!(
        refused(&["--version"]),
        @"with '--version' etcd prints and ends: leave it out"
    );
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_text_are_refused_where_they_matter() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let bytes = || OsString::from_vec(b"a\xff".to_vec());
    let read = |arguments: Vec<OsString>, variables: Vec<(OsString, OsString)>| {
        Settings::from_arguments(arguments, variables, version("3.5.1")).map(|_| ())
    };
    assert!(read(vec![bytes()], vec![]).is_err());
    assert!(read(vec![], vec![("ETCD_NAME".into(), bytes())]).is_err());
    assert!(read(vec![], vec![("PATH".into(), bytes()), (bytes(), bytes())]).is_ok());
}

/// Many, long and odd arguments end soon.
#[test]
fn a_hostile_command_line_is_only_a_command_line() {
    let many: Vec<_> = (0..20_000).map(|number| format!("--unknown-{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(read(&many, &[], "3.5.1").problems.len() >= 10_000);
    let long = format!("--listen-peer-urls={}", "https://a:1,".repeat(100_000));
    let _ = read(&[&long], &[], "3.5.1");
    for argument in ["-", "--", "---", "-=", "--=", "", "=", "--name=", "-\u{0}", "--é=ß", "é"] {
        for other in ["", "--", "true", "--name"] {
            let _ = read(&[argument, other], &[("ETCD_", argument), (argument, other)], "3.6.0");
        }
    }
}
