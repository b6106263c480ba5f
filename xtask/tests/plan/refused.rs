//! What cannot be planned, and why.

use super::{THREE, all_in, good, plan_three, scratch, xtask};

#[test]
fn what_cannot_be_planned_is_refused_with_a_reason() {
    let scratch = scratch();
    let refused = |words: &[&str]| {
        let (success, stdout, stderr) = xtask(scratch.path(), &[&["plan"], words].concat());
        assert!(!success && stdout.is_empty(), "{words:?}: {stdout}");
        stderr
    };
    let with = |more: &[&str]| refused(&[&THREE[..], more].concat());
    let host = |text: &str| refused(&["--host", text]);
    let said = [
        refused(&[]),
        refused(&["--out", "fleet"]),
        host("infra1"),
        host("infra1=etcd-1.example.com"),
        host("infra1=10.0.1.10,10.0.2.10"),
        host("infra1=10.0.1.10,not a name"),
        host("a/b=10.0.1.10"),
        host("infra1=0.0.0.0"),
        host("infra1=fe80::1"),
        with(&["--host", "infra1=10.0.1.13"]),
        with(&["--host", "infra4=10.0.1.10"]),
        with(&["--advertise", "name"]),
        with(&["--advertise", "both"]),
        with(&["--ports", "2379"]),
        with(&["--ports", "2379,2379"]),
        with(&["--http-port", "70000", "--etcd", "3.6.14"]),
        with(&["--directory", "etcd"]),
        with(&["--directory", "/etc"]),
        with(&["--directory", "/srv/../etc"]),
        with(&["--directory", "/srv/a\nb"]),
        with(&["--user", "etcd; reboot"]),
        with(&["--token", ""]),
        with(&["--out", ""]),
        with(&["--force"]),
        with(&["--security", "tls"]),
        with(&["--config", "yaml"]),
        with(&["--flag", "data-dir"]),
        with(&["--flag", "data-dir=/x"]),
        with(&["--etcd", "latest"]),
        with(&["--etcd", "3.3.1"]),
        with(&["--etcd", "3.6.14", "--v2"]),
        with(&["--etcd", "3.4.23", "--http-port", "2381"]),
        with(&["--out", "x", "--add", "infra3=10.0.1.13"]),
        with(&["--out", "x", "--add", "infra4=10.0.1.12"]),
        with(&["--out", "x", "--add", "infra4=10.0.1.13"]),
        with(&["--out", "x", "--add", "infra4=10.0.1.13", "--force"]),
        with(&["--add", "infra4=10.0.1.13"]),
        with(&["--add", "infra4=10.0.1.13", "--add", "infra5=10.0.1.14"]),
        refused(&["--add", "infra4=10.0.1.13"]),
        with(&["now"]),
        with(&["--members", "3"]),
    ];
    insta::assert_snapshot!("refusals", said.concat());
    assert!(all_in(scratch.path()).is_empty(), "nothing was written");
}

/// One member more needs the fleet's own authority, and its own place.
#[test]
fn a_member_joins_the_fleet_that_was_planned() {
    let scratch = scratch();
    let add = |out: &str, more: &[&str]| {
        let joins = ["--out", out, "--add", "infra4=10.0.1.13"];
        plan_three(scratch.path(), &[&joins[..], more].concat())
    };
    let refused = |out: &str, more: &[&str]| {
        let (success, stdout, stderr) = add(out, more);
        assert!(!success && stdout.is_empty(), "{stdout}");
        stderr
    };
    good(plan_three(scratch.path(), &["--out", "own"]));
    good(plan_three(scratch.path(), &["--out", "shared", "--shared-cert"]));
    good(plan_three(scratch.path(), &["--out", "plain", "--security", "plaintext"]));
    let mut said = vec![
        refused("own", &["--shared-cert"]),
        refused("shared", &[]),
        refused("shared", &["--shared-cert"]),
        refused("plain", &[]),
    ];
    // Killed after its certificates were made, it goes on.
    good(add("own", &[]));
    let out = scratch.path().join("own");
    let key = out.join("hosts/infra4/pki/infra4/peer.key");
    let before = super::read(&key);
    std::fs::remove_dir_all(out.join("hosts/infra4")).unwrap();
    insta::assert_snapshot!("steps_of_a_newcomer", good(add("own", &[])));
    assert_eq!(super::read(&key), before);
    insta::assert_snapshot!(
        "newcomer.yaml",
        super::read(&out.join("hosts/infra4/infra4/etcd.yaml"))
    );
    said.push(refused("own", &[]));
    // But not for another host, nor without the key that signs.
    std::fs::remove_dir_all(out.join("hosts/infra4")).unwrap();
    let (_, _, elsewhere) =
        plan_three(scratch.path(), &["--out", "own", "--add", "infra4=10.0.1.14"]);
    said.push(elsewhere);
    std::fs::rename(out.join("pki/ca.key"), scratch.path().join("safe")).unwrap();
    let (_, _, keyless) =
        plan_three(scratch.path(), &["--out", "own", "--add", "infra5=10.0.1.15"]);
    said.push(keyless);
    insta::assert_snapshot!("refusals_of_newcomers", said.concat());
    good(add("plain", &["--security", "plaintext"]));
    assert_eq!(all_in(&scratch.path().join("plain/hosts/infra4")).len(), 4);

    // As the refusal says.
    let pki = ["pki", "add-member", "shared/pki", "infra4=10.0.1.13"];
    let (success, stdout, stderr) = xtask(scratch.path(), &pki);
    assert!(success, "{stdout}{stderr}");
    good(add("shared", &["--shared-cert"]));
    let shared = |place: &str| super::read(&scratch.path().join("shared").join(place));
    assert_eq!(shared("hosts/infra4/pki/server.crt"), shared("pki/server.crt"));
}
