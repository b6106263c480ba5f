use tercet_cluster::diagnose::probe::{Probe, ProbeIdentity};
use tercet_pki::doctor::Port;
use tercet_pki::{Identity, LOOPBACK_HOSTS, Leaf};
use tercet_tests::{available, say};

use crate::stage::Stage;

async fn ask(stage: &Stage, port: Port, who: Option<&Identity>) -> String {
    let url = match port { Port::Client => stage.client_url(), Port::Peer => stage.peer_url() };
    let mut probe = Probe::new(url.parse().unwrap(), port);
    if let Some(who) = who {
        probe = probe.identity(ProbeIdentity::from_pem(who.chain_pem().as_bytes(), who.key_pem().as_bytes()).unwrap());
    }
    let answer = probe.ask().await;
    let from = answer.addresses.unwrap().0.to_string();
    let mut found = String::new();
    for _ in 0..20 {
        let log = std::fs::read_to_string(stage.path("log")).unwrap();
        if let Some(line) = log.lines().find(|l| l.contains(&format!("{from}\""))) {
            found = line.to_owned(); break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let error = found.split("\"error\":").nth(1).unwrap_or(&found).to_owned();
    let tls = answer.handshake.as_ref().map(|h| (h.version, h.chain.len(), h.asks_for.as_ref().map(Vec::len)));
    format!("{:?} {:?} | {error}", answer.ending, tls)
}

#[tokio::test]
async fn table() {
    for etcd in available() {
        let v = etcd.version();
        let mut stage = Stage::new(etcd);
        let hosts = |leaf: Leaf| leaf.hosts(LOOPBACK_HOSTS);
        let (revoked, list) = stage.authority.issue_revoked(&hosts(Leaf::peer("revoked"))).unwrap();
        stage.write("list.crl", list.der());
        stage.set("client-crl-file", stage.word("list.crl"));
        stage.set("peer-crl-file", stage.word("list.crl"));
        let running = stage.start();
        let good = stage.issue(hosts(Leaf::peer("good")));
        let stranger = stage.authority.stranger().unwrap().issue(&hosts(Leaf::peer("stranger"))).unwrap();
        let impostor = stage.authority.impostor().unwrap().issue(&hosts(Leaf::peer("impostor"))).unwrap();
        let below = stage.authority.intermediate("below").unwrap().issue(&hosts(Leaf::peer("below"))).unwrap();
        let below = ProbeIdentity::from_pem(below.certificate().pem().as_bytes(), below.key_pem().as_bytes()).unwrap();
        let _ = below;
        let cases = [
            ("good", Some(good.clone())),
            ("none", None),
            ("stranger", Some(stranger)),
            ("impostor", Some(impostor)),
            ("server only", Some(stage.issue(hosts(Leaf::peer("m")).server_only()))),
            ("expired", Some(stage.issue(hosts(Leaf::peer("m")).expired()))),
            ("early", Some(stage.issue(hosts(Leaf::peer("m")).not_yet_valid()))),
            ("revoked", Some(revoked)),
            ("ip", Some(stage.issue(Leaf::peer("m").host("10.9.9.9")))),
            ("dns", Some(stage.issue(Leaf::peer("m").host("elsewhere.invalid")))),
        ];
        for port in [Port::Client, Port::Peer] {
            for (name, who) in &cases {
                say(&format!("{v} {port:?} {name}: {}", ask(&stage, port, who.as_ref()).await));
            }
        }
        let key = std::fs::read(stage.path("server.key")).unwrap();
        stage.write("server.key", std::fs::read(stage.path("peer.key")).unwrap());
        say(&format!("{v} server mismatch: {}", ask(&stage, Port::Client, Some(&good)).await));
        std::fs::remove_file(stage.path("server.key")).unwrap();
        say(&format!("{v} server missing: {}", ask(&stage, Port::Client, Some(&good)).await));
        stage.write("server.key", key);
        stage.write("list.crl", "garbage");
        say(&format!("{v} garbage list: {}", ask(&stage, Port::Client, Some(&good)).await));
        say(&format!("{v} garbage list peer: {}", ask(&stage, Port::Peer, Some(&good)).await));
        drop(running);
        stage.write("list.crl", list.der());
        stage.set("peer-cert-allowed-cn", "only");
        stage.set("client-cert-allowed-hostname", "only.example");
        let running = stage.start();
        say(&format!("{v} not allowed: {}", ask(&stage, Port::Client, Some(&good)).await));
        say(&format!("{v} not allowed peer: {}", ask(&stage, Port::Peer, Some(&good)).await));
        drop(running);
    }
}
