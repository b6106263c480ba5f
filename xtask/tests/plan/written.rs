//! What is written, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use tercet_pki::{FleetDirectory, Role};

use super::{all_in, command, good, mode, plan_three, read, scratch, xtask};

#[test]
fn each_host_has_what_it_needs_and_nothing_of_another() {
    let scratch = scratch();
    let said = good(plan_three(scratch.path(), &["--out", "fleet"]));
    insta::assert_snapshot!("steps", said);
    let out = scratch.path().join("fleet");
    let listed = |path: &std::path::PathBuf| {
        let end = if out.join(path).is_dir() { "/" } else { "" };
        format!("{:04o} {}{end}", mode(&out.join(path)), path.display())
    };
    let all: Vec<_> = all_in(&out).iter().map(listed).collect();
    insta::assert_snapshot!("files", all.join("\n"));
    assert_eq!(mode(&out), 0o700);

    let host = out.join("hosts/infra2");
    for file in ["run", "etcd.yaml", "etcd.service"] {
        insta::assert_snapshot!(file, read(&host.join("infra2").join(file)));
    }
    // The same files as those that are kept, and the authority's key with nobody else.
    for file in all_in(&host.join("pki")).iter().filter(|path| path.extension().is_some()) {
        assert_eq!(read(&host.join("pki").join(file)), read(&out.join("pki").join(file)));
    }
    let authority = read(&out.join("pki/ca.key"));
    let files = all_in(&out).into_iter().filter(|path| out.join(path).is_file());
    let having: Vec<_> = files.filter(|path| read(&out.join(path)) == authority).collect();
    assert_eq!(having, [Path::new("pki/ca.key")]);

    let fleet = FleetDirectory::load(out.join("pki"), out.join("pki/ca.key")).unwrap();
    for role in [Role::Server, Role::Peer] {
        let names = |member| {
            let one = fleet.identity(role, Some(member)).unwrap();
            let names = one.chain[0].names.clone().unwrap();
            let ip = names.ip.iter().map(ToString::to_string).collect::<Vec<_>>();
            (names.dns.join(" "), ip.join(" "))
        };
        let own = |dns: &str, ip: &str| (dns.to_owned(), ip.to_owned());
        let second = own("localhost etcd-2.example.com", "127.0.0.1 ::1 10.0.1.11");
        assert_eq!(names("infra2"), second);
        assert_eq!(names("infra3"), own("localhost", "127.0.0.1 ::1 10.0.1.12"));
    }
}

#[test]
fn a_member_is_told_in_each_form() {
    for (form, files) in [("flags", "etcd.service run"), ("env", "etcd.env etcd.service run")] {
        let scratch = scratch();
        let out = scratch.path().join("fleet");
        good(plan_three(scratch.path(), &["--out", "fleet", "--config", form]));
        let member = out.join("hosts/infra1/infra1");
        let names: Vec<_> = all_in(&member).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(names.join(" "), files);
        insta::assert_snapshot!(format!("run_{form}"), read(&member.join("run")));
        if form == "env" {
            insta::assert_snapshot!("environment", read(&member.join("etcd.env")));
            assert_eq!(mode(&member.join("etcd.env")), 0o600);
        }
    }
}

/// The files that each word has on a host, and that nothing is named there which is not.
#[test]
fn each_security_has_its_files() {
    let per_member = "pki/ca.crt pki/infra1/server.crt pki/infra1/server.key";
    let mutual = "pki/ca.crt pki/infra1/peer.crt pki/infra1/peer.key pki/infra1/server.crt \
                  pki/infra1/server.key";
    let outgoing = "pki/ca.crt pki/infra1/peer-client.crt pki/infra1/peer-client.key \
                    pki/infra1/peer.crt pki/infra1/peer.key pki/infra1/server-client.crt \
                    pki/infra1/server-client.key pki/infra1/server.crt pki/infra1/server.key";
    let cases: [(&[&str], &str, &str); 7] = [
        (&["plaintext"], "", ""),
        (&["auto"], "", ""),
        (&["server-tls"], per_member, "ca.crt"),
        (&["client-auth"], per_member, "ca.crt client.crt client.key"),
        (&["mutual", "--crl"], &format!("pki/ca.crl.der {mutual}"), "ca.crt client.crt client.key"),
        (&["mutual", "--separate-outgoing"], outgoing, "ca.crt client.crt client.key"),
        (
            &["mutual", "--shared-cert"],
            "pki/ca.crt pki/server.crt pki/server.key",
            "ca.crt client.crt client.key",
        ),
    ];
    for (security, wanted, of_client) in cases {
        for form in ["file", "flags", "env"] {
            let scratch = scratch();
            let out = scratch.path().join("fleet");
            let more = [&["--out", "fleet", "--config", form, "--security"], security].concat();
            good(plan_three(scratch.path(), &more));
            let host = out.join("hosts/infra1");
            let files = |directory: &Path| {
                let all = all_in(directory);
                let files = all.iter().filter(|path| directory.join(path).is_file());
                files.map(|path| path.display().to_string()).collect::<Vec<_>>()
            };
            let in_host = files(&host);
            let certificates: Vec<_> =
                in_host.iter().filter(|file| file.starts_with("pki/")).cloned().collect();
            assert_eq!(certificates.join(" "), wanted, "{security:?}");
            let client = out.join("client");
            let clients = if client.exists() { files(&client).join(" ") } else { String::new() };
            assert_eq!(clients, of_client, "{security:?}");
            assert_eq!(out.join("pki").exists(), !wanted.is_empty(), "{security:?}");

            let text: String = in_host
                .iter()
                .filter(|file| !file.starts_with("pki/"))
                .map(|file| read(&host.join(file)))
                .collect();
            let named: Vec<_> = text
                .split(['"', '\'', '=', ' ', '\n'])
                .filter_map(|word| word.strip_prefix("/var/lib/etcd/"))
                .filter(|path| *path != "infra1/data")
                .collect();
            assert!(!named.is_empty(), "the control");
            for path in named {
                assert!(in_host.iter().any(|file| file == path), "{security:?} {form} {path}");
            }
        }
    }
}

/// Judged where they will be, by the doctor: it finds what their security is about, and nothing else.
#[test]
fn the_doctor_finds_nothing_in_what_is_planned() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&["mutual"], &[]),
        (&["mutual", "--shared-cert"], &[]),
        (&["mutual", "--separate-outgoing"], &[]),
        (&["mutual", "--crl", "--tls-min", "1.2", "--etcd", "3.6.14"], &[]),
        (&["client-auth"], &["TLS036-peers-unauthenticated"]),
        (&["server-tls"], &["TLS036-peers-unauthenticated"]),
        (&["plaintext"], &["TLS035-plaintext-listener", "TLS036-peers-unauthenticated"]),
        (&["auto"], &["TLS029-automatic-tls"]),
    ];
    for (security, wanted) in cases {
        let scratch = scratch();
        let there = scratch.path().join("there");
        let directory = there.to_str().unwrap();
        let more = ["--out", "fleet", "--directory", directory, "--security"];
        good(plan_three(scratch.path(), &[&more, security].concat()));
        let etcd = if security.contains(&"--etcd") { "3.6.14" } else { "3.5.1" };
        let mut words = ["doctor", "--json", "--etcd", etcd].map(str::to_owned).to_vec();
        for member in ["infra1", "infra2", "infra3"] {
            put_in_place(&scratch.path().join("fleet/hosts").join(member), &there);
            words.extend(["--config".to_owned(), format!("{directory}/{member}/etcd.yaml")]);
        }
        let found = || {
            let (_, stdout, stderr) = xtask(scratch.path(), &words);
            assert_eq!(stderr, "");
            let all: Value = serde_json::from_str(&stdout).unwrap();
            let findings = all["findings"].as_array().unwrap().clone();
            let ids = findings.iter().map(|one| one["id"].as_str().unwrap().to_owned());
            ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(found(), wanted, "{security:?}");
        // The control.
        if wanted.is_empty() {
            fs::remove_file(there.join("pki/ca.crt")).unwrap();
            assert_eq!(found(), ["TLS033-file-missing"]);
        }
    }
}

/// Copies what is for a host to where it is on the host, with all its modes.
fn put_in_place(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let status = command("cp").arg("-rp").arg(from.join(".")).arg(to).status();
    assert!(status.unwrap().success());
}

#[test]
fn programs_are_told_in_one_line() {
    let scratch = scratch();
    let said =
        good(plan_three(scratch.path(), &["--out", "fleet", "--json", "--advertise", "address"]));
    assert_eq!(said.lines().count(), 1);
    let all: Value = serde_json::from_str(&said).unwrap();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&all).unwrap());
    // Without certificates, and nothing written.
    let said =
        good(plan_three(scratch.path(), &["--json", "--security", "auto", "--config", "env"]));
    let all: Value = serde_json::from_str(&said).unwrap();
    for key in ["out", "ca", "cert", "key", "pki", "joins"] {
        assert_eq!(all[key], Value::Null, "{key}");
    }
    assert_eq!(all["members"][0]["cert"], Value::Null);
    assert_eq!(all["members"][0]["env_file"], "/var/lib/etcd/infra1/etcd.env");
}

#[test]
fn without_a_directory_it_is_printed_what_members_are_told() {
    let scratch = scratch();
    let more = ["--config", "flags", "--security", "plaintext", "--token", "one"];
    let host = ["--host", "a=fd00::1,a.example", "--advertise", "name"];
    let said =
        good(xtask(scratch.path(), &[&["plan", "--etcd", "3.5.1"], &host[..], &more].concat()));
    insta::assert_snapshot!("printed", said);
    assert!(all_in(scratch.path()).is_empty());
}

/// A plan that is there stays, whatever is asked for.
#[test]
fn nothing_is_written_over() {
    let scratch = scratch();
    let out = scratch.path().join("fleet");
    let contents = |directory: &Path| -> BTreeMap<_, _> {
        let all = all_in(directory);
        let files = all.into_iter().filter(|path| directory.join(path).is_file());
        files.map(|path| (path.clone(), read(&directory.join(path)))).collect()
    };
    // An empty directory is nothing.
    fs::create_dir(&out).unwrap();
    good(plan_three(scratch.path(), &["--out", "fleet"]));
    let first = contents(&out);
    let (success, _, stderr) = plan_three(scratch.path(), &["--out", "fleet"]);
    assert!(!success);
    insta::assert_snapshot!("taken", stderr);
    assert_eq!(contents(&out), first);
    for number in 1..=2 {
        let (success, _, stderr) = plan_three(scratch.path(), &["--out", "fleet", "--force"]);
        assert!(success, "{stderr}");
        assert_eq!(stderr, format!("tercet: what was in fleet is in fleet.{number} now\n"));
    }
    assert_eq!(contents(&scratch.path().join("fleet.1")), first);
    assert_ne!(contents(&out), first);
    // What is no plan is nobody's to move.
    fs::create_dir(scratch.path().join("home")).unwrap();
    fs::write(scratch.path().join("home/letter"), "dear").unwrap();
    fs::write(scratch.path().join("file"), "dear").unwrap();
    for (name, because) in [("home", "home is no plan"), ("file", "file is no directory")] {
        let (success, _, stderr) = plan_three(scratch.path(), &["--out", name, "--force"]);
        assert!(!success && stderr.contains(because), "{stderr}");
    }
    let mut left: Vec<_> =
        fs::read_dir(scratch.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "fleet", "fleet.1", "fleet.2", "home"], "and no stage");
}

/// The commands of the page are commands, and it shows what is printed.
#[test]
fn what_the_page_says_is_so() {
    let scratch = scratch();
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hosts.md"));
    let page = page.replace("\\\n", " ");
    let blocks = page.split("```sh\n").skip(1).filter_map(|text| text.split("```").next());
    let lines: Vec<_> = blocks.flat_map(str::lines).collect();
    let inline = page.split('`').filter(|piece| piece.starts_with("cargo xtask pki "));
    let (mut said, mut ran) = (String::new(), 0);
    for line in lines.iter().copied().chain(inline) {
        let Some(command) = line.strip_prefix("cargo xtask ") else { continue };
        // What is asked there must be there.
        if command.starts_with("plan ") || command.starts_with("pki ") {
            let words: Vec<_> = command.split_whitespace().collect();
            said += &good(xtask(scratch.path(), &words));
            ran += 1;
        }
    }
    assert_eq!(ran, 3, "{lines:?}");
    let shown: Vec<_> = lines.iter().filter(|line| line.contains("ssh ")).collect();
    assert_eq!(shown.len(), 2);
    for line in shown {
        assert!(said.contains(line), "{line}\n{said}");
    }
}
