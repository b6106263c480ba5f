//! What people read.

use tercet_pki::doctor::Rule;

use crate::observe::refusal::explain;

fn text(lines: &[&str]) -> String {
    explain(lines).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_start_and_a_link() {
    insta::assert_snapshot!(
        text(&["flag provided but not defined: -ca-file"]),
        @r"
    cause: this version of etcd has no flag --ca-file
    fix: use --trusted-ca-file (versions that have --ca-file: until 3.3)
    rule: TLS031-unknown-setting (docs/doctor/TLS031-unknown-setting.md)
    "
    );
    insta::assert_snapshot!(
        text(&["flag provided but not defined: -tls-min-version"]),
        @r"
    cause: this version of etcd has no flag --tls-min-version
    fix: leave it out, or take another version (versions that have --tls-min-version: from 3.4.25 and 3.5.8 on)
    rule: TLS031-unknown-setting (docs/doctor/TLS031-unknown-setting.md)
    "
    );
    insta::assert_snapshot!(
        text(&["flag provided but not defined: -cert-fiel"]),
        @r"
    cause: this version of etcd has no flag --cert-fiel
    fix: is --cert-fiel spelled right? no etcd from 3.3 on has it
    rule: TLS031-unknown-setting (docs/doctor/TLS031-unknown-setting.md)
    "
    );
    insta::assert_snapshot!(
        text(&[
            r#"{"level":"fatal","msg":"discovery failed","error":"member dc76099028659bfd has already been bootstrapped"}"#
        ]),
        @r"
    cause: the running cluster has member dc76099028659bfd, which is to start as a new one
    fix: if its data is lost, remove the member and add it again (etcdctl member remove, member add), then start it with --initial-cluster-state=existing; otherwise give it its data directory back
    "
    );
    insta::assert_snapshot!(
        text(&[
            r#"{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"127.0.0.1:33250","server-name":"","error":"x509: certificate is valid for 10.9.9.9, not 127.0.0.1"}"#,
            r#"{"level":"warn","msg":"failed to reach the peer URL","address":"https://127.0.0.1:1/version","remote-member-id":"1260c2babd18e567","error":"Get \"https://127.0.0.1:1/version\": remote error: tls: bad certificate"}"#,
        ]),
        @r"
    cause: a connection to its peer port from 127.0.0.1:33250: the certificate does not name the address 127.0.0.1 that dials, only 10.9.9.9
    fix: issue the certificate of the peer that dials again with 127.0.0.1 among its names, for that is where its packets come from
    rule: TLS018-peer-address-not-named (docs/doctor/TLS018-peer-address-not-named.md)

    cause: its link to 1260c2babd18e567: the other side refuses the certificate (bad certificate), and only its log says why
    fix: look at the log of the other member for this one's address
    "
    );
    insta::assert_snapshot!(
        text(&[r#"{"level":"fatal","msg":"discovery failed","error":"something new"}"#]),
        @r"
    cause: in etcd's own words: discovery failed: something new
    fix: read the lines around it
    "
    );
}

#[test]
fn a_use_depends_on_the_port() {
    let rule = |message: &str| {
        let line = format!(
            r#"{{"level":"warn","msg":"{message}","remote-addr":"x:1","error":"x509: certificate specifies an incompatible key usage"}}"#
        );
        explain([line])[0].rule()
    };
    assert_eq!(rule("rejected connection on client endpoint"), Some(Rule::ClientNotClient));
    assert_eq!(rule("rejected connection on peer endpoint"), Some(Rule::PeerUsageMissing));
}

#[test]
fn every_page_is_there() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for line in [
        "flag provided but not defined: -ca-file",
        r#"{"level":"fatal","msg":"listener failed","error":"tls: private key does not match public key"}"#,
    ] {
        let page = explain([line])[0].page().unwrap();
        assert!(docs.join(&page).is_file(), "{page}");
    }
}
