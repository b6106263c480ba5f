//! How each fault ends, by the Go of the member: the table of `docs/doctor/live.md`.

use std::collections::BTreeMap;

use tercet_cluster::diagnose::probe::{Probe, ProbeIdentity};
use tercet_pki::doctor::live::{Alert, Answer, Ending, likely_causes, rule_of_log};
use tercet_pki::doctor::{Port, Rule};
use tercet_pki::etcd::{Go, GoRange};
use tercet_pki::{Identity, LOOPBACK_HOSTS, Leaf};
use tercet_tests::{available, eventually};

use crate::stage::Stage;

/// Asks a port, and waits for what the member logs of it where it refuses.
async fn ask(stage: &Stage, port: Port, who: Option<&Identity>) -> Answer {
    let url = match port {
        Port::Client => stage.client_url(),
        Port::Peer => stage.peer_url(),
    };
    let mut probe = Probe::new(url.parse().unwrap(), port);
    if let Some(who) = who {
        let (chain, key) = (who.chain_pem().as_bytes(), who.key_pem().as_bytes());
        probe = probe.identity(ProbeIdentity::from_pem(chain, key).unwrap());
    }
    let mut answer = probe.ask().await;
    if answer.ending == Ending::Accepted {
        return answer;
    }
    let from = format!("\"{}\"", answer.addresses.unwrap().0);
    eventually(tercet_tests::PATIENCE, || {
        let log = std::fs::read_to_string(stage.path("log")).unwrap();
        let line = log.lines().find(|line| line.contains("rejected") && line.contains(&from));
        let json = line.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        answer.logged = json.and_then(|json| Some(json.get("error")?.as_str()?.to_owned()));
        answer.logged.is_some()
    });
    answer
}

/// The Go of a member, as its log has it.
fn go(stage: &Stage) -> Go {
    let log = std::fs::read_to_string(stage.path("log")).unwrap();
    let version = log.split("\"go-version\":\"").nth(1).unwrap();
    version.split('"').next().unwrap().parse().unwrap()
}

/// Sees that a port ends as it should, that the member logs what is taken for `rule`, and that the
/// doctor would think of that rule if it had the ending alone.
async fn ends(stage: &Stage, port: Port, who: Option<&Identity>, ending: Ending, rule: Rule) {
    let answer = ask(stage, port, who).await;
    let go = go(stage);
    let what = format!("{} ({go}), {port}, {rule}: {answer:#?}", stage.etcd.version());
    assert_eq!(answer.ending, ending, "{what}");
    let logged = answer.logged.as_deref().unwrap_or_default();
    assert_eq!(rule_of_log(logged, port), Some(rule), "{what}");
    let likely = likely_causes(&answer, GoRange::exactly(go));
    assert!(likely.contains(&rule), "{likely:?} {what}");
}

#[tokio::test]
async fn each_fault_ends_as_the_table_says() {
    for etcd in available() {
        let mut stage = Stage::new(etcd);
        let hosts = |leaf: Leaf| leaf.hosts(LOOPBACK_HOSTS);
        let guest = || hosts(Leaf::peer("guest"));
        let (revoked, list) = stage.authority.issue_revoked(&guest()).unwrap();
        stage.write("list.crl", list.der());
        stage.set("client-crl-file", stage.word("list.crl"));
        stage.set("peer-crl-file", stage.word("list.crl"));
        let running = stage.start();
        let tells = go(&stage) >= Go::new(21);
        let told =
            |alert: Alert| Ending::Refused(if tells { alert } else { Alert::BAD_CERTIFICATE });
        let bad = Ending::Refused(Alert::BAD_CERTIFICATE);

        let stranger = stage.authority.stranger().unwrap().issue(&guest()).unwrap();
        let impostor = stage.authority.impostor().unwrap().issue(&guest()).unwrap();
        let useless = stage.issue(guest().server_only());
        for port in [Port::Client, Port::Peer] {
            let usage = match port {
                Port::Client => Rule::ClientNotClient,
                Port::Peer => Rule::PeerUsageMissing,
            };
            let sound = ask(&stage, port, Some(&stage.issue(guest()))).await;
            assert_eq!(sound.ending, Ending::Accepted, "{port} {}", etcd.version());
            let demanded = Rule::ClientCertificateDemanded;
            ends(&stage, port, None, told(Alert::CERTIFICATE_REQUIRED), demanded).await;
            let unknown = told(Alert::UNKNOWN_AUTHORITY);
            ends(&stage, port, Some(&stranger), unknown.clone(), Rule::WrongAuthority).await;
            ends(&stage, port, Some(&impostor), unknown, Rule::AuthorityRegenerated).await;
            ends(&stage, port, Some(&useless), bad.clone(), usage).await;
            let dates = told(Alert::CERTIFICATE_EXPIRED);
            let late = stage.issue(guest().expired());
            ends(&stage, port, Some(&late), dates.clone(), Rule::Expired).await;
            let early = stage.issue(guest().not_yet_valid());
            ends(&stage, port, Some(&early), dates, Rule::NotYetValid).await;
            ends(&stage, port, Some(&revoked), Ending::Closed, Rule::Revoked).await;
        }
        for leaf in [Leaf::peer("m").host("10.9.9.9"), Leaf::peer("m").host("elsewhere.invalid")] {
            let identity = stage.issue(leaf);
            let rule = Rule::PeerAddressNotNamed;
            ends(&stage, Port::Peer, Some(&identity), Ending::Closed, rule).await;
            // Nobody looks where a client comes from.
            let client = ask(&stage, Port::Client, Some(&identity)).await;
            assert_eq!(client.ending, Ending::Accepted, "{}", etcd.version());
        }

        let guest = stage.issue(guest());
        let broken = Ending::Refused(Alert::INTERNAL_ERROR);
        let (key, away) = (stage.path("server.key"), stage.path("away"));
        std::fs::rename(&key, &away).unwrap();
        ends(&stage, Port::Client, Some(&guest), broken.clone(), Rule::FileMissing).await;
        std::fs::copy(stage.path("peer.key"), &key).unwrap();
        ends(&stage, Port::Client, Some(&guest), broken.clone(), Rule::KeyMismatch).await;
        stage.write("server.key", "nonsense");
        ends(&stage, Port::Client, Some(&guest), broken, Rule::FileUnusable).await;
        std::fs::rename(&away, &key).unwrap();
        stage.write("list.crl", "nonsense");
        for port in [Port::Client, Port::Peer] {
            ends(&stage, port, Some(&guest), Ending::Closed, Rule::RevocationList).await;
        }
        drop(running);

        stage.write("list.crl", list.der());
        stage.set("peer-cert-allowed-cn", "only");
        stage.set("client-cert-allowed-hostname", "only.example");
        let running = stage.start();
        for port in [Port::Client, Port::Peer] {
            ends(&stage, port, Some(&guest), bad.clone(), Rule::PeerNotAllowed).await;
        }
        drop(running);
    }
}

/// The table that people read says nothing else.
#[test]
fn the_page_has_the_words_of_go() {
    let page = include_str!("../../docs/doctor/live.md");
    let rows: BTreeMap<_, _> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells.len() == 4).then(|| (cells[0].to_owned(), cells[2].to_owned()))
        })
        .collect();
    for (fault, alert) in [
        ("no certificate, and one is demanded", Alert::CERTIFICATE_REQUIRED),
        ("its authority is not trusted", Alert::UNKNOWN_AUTHORITY),
        ("it has expired, or is not valid yet", Alert::CERTIFICATE_EXPIRED),
        ("it is not for clients", Alert::BAD_CERTIFICATE),
        ("its name is not among those allowed", Alert::BAD_CERTIFICATE),
        ("the server's own pair cannot be read", Alert::INTERNAL_ERROR),
    ] {
        assert_eq!(rows[fault], format!("`{alert}`"), "{fault}");
    }
}
