//! What only a port tells: that nobody answers there, that the process does something else than its
//! settings say, that somebody is refused whose files are in order.

use std::path::PathBuf;

use tercet_pki::doctor::{Description, Rule, Severity};
use tercet_pki::{Identity, LOOPBACK_HOSTS, Leaf};
use tercet_tests::available;

use crate::stage::{Stage, only};

#[tokio::test]
async fn a_member_that_is_down() {
    for etcd in available() {
        let stage = Stage::new(etcd);
        let said = ["Nothing listens at the client port of m1", "and the peer port of m1"];
        let description = stage.description();
        stage.found(description, Rule::PortNotAnswering, Severity::Error, &said).await;
        // The files say why, and nothing need be said of the port.
        let (key, away) = (stage.path("server.key"), stage.path("away"));
        std::fs::rename(&key, &away).unwrap();
        let findings = stage.examine(stage.description()).await;
        only(&findings, Rule::FileMissing, Severity::Error, &[]);
        std::fs::rename(&away, &key).unwrap();
        stage.is_cured_of(Rule::PortNotAnswering).await;
    }
}

#[tokio::test]
async fn a_process_that_reads_other_files() {
    for etcd in available() {
        let stage = Stage::new(etcd);
        stage.put("other", &stage.issue(Leaf::server("other").hosts(LOOPBACK_HOSTS)));
        let mut settings = stage.arguments();
        for word in &mut settings {
            *word = word.replace("/server.", "/other.");
        }
        let client = (stage.path("client.crt"), stage.path("client.key"));
        let running = stage.start();
        stage.put("client", &stage.issue(Leaf::client("client")));
        let description = stage.description_with(&settings, Some(client));
        let said = ["The client port of m1", "shows CN=m1", "has CN=other"];
        stage.found(description, Rule::RunsOtherwise, Severity::Error, &said).await;
        drop(running);
        stage.is_cured_of(Rule::RunsOtherwise).await;
    }
}

#[tokio::test]
async fn a_process_that_asks_for_less_or_more() {
    for etcd in available() {
        let mut stage = Stage::new(etcd);
        let (sound, description) = (stage.arguments(), stage.description());
        stage.flags.retain(|(flag, _)| flag != "trusted-ca-file" && flag != "client-cert-auth");
        let running = stage.start();
        let said = ["asks nobody for a certificate"];
        stage.found(description, Rule::RunsOtherwise, Severity::Error, &said).await;
        drop(running);

        let open = stage.arguments();
        stage.set("trusted-ca-file", stage.word("ca.crt"));
        stage.set("client-cert-auth", "true");
        let running = stage.start();
        let client = (stage.path("client.crt"), stage.path("client.key"));
        let description = stage.description_with(&open, Some(client));
        let said = ["asks for a certificate, and by its settings it does not"];
        stage.found(description, Rule::RunsOtherwise, Severity::Error, &said).await;
        drop(running);
        assert_eq!(stage.arguments().len(), sound.len());
    }
}

#[tokio::test]
async fn a_port_of_the_other_language() {
    for etcd in available() {
        let mut stage = Stage::new(etcd);
        let plain = stage.peer_url().replace("https", "http");
        stage.set("listen-peer-urls", &plain);
        stage.set("initial-advertise-peer-urls", &plain);
        stage.set("initial-cluster", format!("m1={plain}"));
        let running = stage.start();
        // The others believe that it is one with TLS.
        let findings = stage.examine_ports(stage.description()).await;
        only(&findings, Rule::SchemeMismatch, Severity::Error, &["peer port of m1", "without TLS"]);
        drop(running);
    }
}

/// The description with the client as `identity`.
fn as_client(stage: &Stage, identity: &Identity) -> Description {
    stage.put("guest", identity);
    let files: Option<(PathBuf, PathBuf)> =
        Some((stage.path("guest.crt"), stage.path("guest.key")));
    stage.description_with(&stage.arguments(), files)
}

/// Revocation is checked by etcd itself, which closes the connection and says nothing.
#[tokio::test]
async fn a_refusal_without_a_word() {
    for etcd in available() {
        let mut stage = Stage::new(etcd);
        let (revoked, list) = stage.authority.issue_revoked(&Leaf::client("guest")).unwrap();
        stage.write("list.crl", list.der());
        stage.set("client-crl-file", stage.word("list.crl"));
        let running = stage.start();
        // With its files it is known why.
        let findings = stage.examine(as_client(&stage, &revoked)).await;
        only(&findings, Rule::Revoked, Severity::Error, &[]);
        // Without them it is one of few things.
        let findings = stage.examine_ports(as_client(&stage, &revoked)).await;
        let said = ["refuses the certificate of the client (CN=guest), with no alert", "TLS038"];
        only(&findings, Rule::RefusedUnexplained, Severity::Error, &said);
        // Somebody else is let in.
        assert_eq!(stage.examine_ports(stage.description()).await, []);
        drop(running);
        stage.is_cured_of(Rule::RefusedUnexplained).await;
    }
}

/// What a certificate says by itself, and whom the port asks for, tell why it is refused: without
/// the member's files, and whatever the words of its Go.
#[tokio::test]
async fn a_refusal_that_the_certificate_explains() {
    for etcd in available() {
        let stage = Stage::new(etcd);
        let running = stage.start();
        let stranger = stage.authority.stranger().unwrap();
        let client = || Leaf::client("guest");
        for (identity, rule, said) in [
            (stage.issue(client().expired()), Rule::Expired, "it expired on"),
            (stage.issue(client().not_yet_valid()), Rule::NotYetValid, "valid only from"),
            (stage.issue(client().server_only()), Rule::ClientNotClient, "lack clientAuth"),
            (
                stranger.issue(&client()).unwrap(),
                Rule::WrongAuthority,
                "those are trusted there: CN=stage CA",
            ),
        ] {
            let findings = stage.examine_ports(as_client(&stage, &identity)).await;
            let what = format!("{} {rule}: {findings:#?}", etcd.version());
            let found = findings.iter().find(|one| one.rule == rule);
            assert!(found.is_some_and(|one| one.severity == Severity::Error), "{what}");
            assert!(findings.iter().all(|one| one.rule == rule), "{what}");
            // The file that was given says so itself, but for the authority.
            let meaning = &findings[0].meaning;
            let is_of_file = findings[0].file.is_some() && !meaning.contains("port");
            assert!(is_of_file || meaning.contains(said), "{what}");
        }
        // Nobody to show: it is said that a certificate is demanded.
        let nobody = stage.description_with(&stage.arguments(), None);
        let findings = stage.examine_ports(nobody).await;
        only(&findings, Rule::ClientCertificateDemanded, Severity::Error, &["client port of m1"]);
        drop(running);
    }
}

/// The pair of a server is torn while it runs.
#[tokio::test]
async fn a_port_that_has_nothing_to_show() {
    for etcd in available() {
        let stage = Stage::new(etcd);
        let running = stage.start();
        let key = std::fs::read(stage.path("server.key")).unwrap();
        stage.write("server.key", std::fs::read(stage.path("peer.key")).unwrap());
        let findings = stage.examine(stage.description()).await;
        only(&findings, Rule::KeyMismatch, Severity::Error, &[]);
        let findings = stage.examine_ports(stage.description()).await;
        let said =
            ["cannot show a certificate, and refuses everybody", "\"internal error\"", "TLS012"];
        only(&findings, Rule::RefusedUnexplained, Severity::Error, &said);
        stage.write("server.key", key);
        assert_eq!(stage.examine(stage.description()).await, []);
        drop(running);
    }
}

/// A member's certificate that lacks the address it dials from.
#[tokio::test]
async fn a_peer_from_an_address_that_it_does_not_name() {
    for etcd in available() {
        let stage = Stage::new(etcd);
        let running = stage.start();
        let mut description = stage.description();
        // Somebody who calls himself a member, with files of his own.
        let words = stage.arguments();
        let words = words.iter().map(|word| {
            word.replace("--name=m1", "--name=m2")
                .replace("/peer.", "/second.")
                .replace(&stage.peer_url(), "https://127.0.0.1:1")
        });
        let words: Vec<_> = words.collect();
        for (leaf, is_let_in) in [
            (Leaf::peer("m2").host("10.9.9.9"), false),
            (Leaf::peer("m2").hosts(LOOPBACK_HOSTS), true),
        ] {
            stage.put("second", &stage.issue(leaf));
            description.members = stage.description_with(&words, None).members;
            let findings = stage.examine(description.clone()).await;
            if is_let_in {
                assert_eq!(findings, [], "{}", etcd.version());
            } else {
                let said = ["refuses the peer certificate of m2", "127.0.0.1", "m2 → m1"];
                only(&findings, Rule::PeerAddressNotNamed, Severity::Error, &said);
            }
        }
        drop(running);
    }
}
