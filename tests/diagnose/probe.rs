//! What one port answers.

use std::time::Duration;

use tercet_cluster::diagnose::probe::{IdentityError, Probe, ProbeIdentity};
use tercet_harness::{Cluster, Security, Timing};
use tercet_pki::doctor::live::{Answer, Ending};
use tercet_pki::read::CertificateDetails;
use tercet_pki::{Fleet, Identity, Leaf};
use tercet_tests::available;
use tokio::net::TcpListener;

fn identity(identity: &Identity) -> ProbeIdentity {
    let (chain, key) = (identity.chain_pem().as_bytes(), identity.key_pem().as_bytes());
    ProbeIdentity::from_pem(chain, key).unwrap()
}

async fn ask(url: &str, who: Option<&Identity>) -> Answer {
    let url = url.parse().unwrap();
    let probe = Probe::client_port(url);
    match who {
        Some(who) => probe.identity(identity(who)).ask().await,
        None => probe.ask().await,
    }
}

async fn ask_peer(url: &str, who: Option<&Identity>) -> Answer {
    let probe = Probe::peer_port(url.parse().unwrap());
    match who {
        Some(who) => probe.identity(identity(who)).ask().await,
        None => probe.ask().await,
    }
}

fn asks_for(answer: &Answer) -> Option<Vec<&str>> {
    Some(answer.asks_for()?.iter().map(|name| name.common_name.as_str()).collect())
}

fn leaf(answer: &Answer) -> CertificateDetails {
    let chain = &answer.handshake.as_ref().unwrap().chain;
    CertificateDetails::parse(&chain[0]).unwrap()
}

#[tokio::test]
async fn a_port_shows_what_it_is() {
    for etcd in available() {
        let version = etcd.version();
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = cluster.start().await.unwrap();
        let identities = cluster.identities();
        let authority = CertificateDetails::parse(identities.authority().certificate().der());
        let authority = authority.unwrap().subject;
        let own = identities.member("m2").unwrap();
        let stranger = Fleet::generate(["m1"]).unwrap();
        let member = cluster.member(0);

        let let_in = ask(member.client_url(), Some(identities.client())).await;
        assert_eq!(let_in.ending, Ending::Accepted, "{version}");
        let handshake = let_in.handshake.as_ref().unwrap();
        assert!(handshake.has_presented);
        assert_eq!(handshake.protocol.as_deref(), Some("h2"), "{version}");
        assert!(handshake.version.is_some() && handshake.cipher_suite.is_some());
        assert_eq!(asks_for(&let_in), Some(vec![authority.common_name.as_str()]), "{version}");
        assert_eq!(let_in.asks_for().unwrap()[0].der, authority.der);
        assert_eq!(leaf(&let_in).subject.common_name, "m1");
        assert_eq!(let_in.addresses.unwrap().1.to_string(), member.client_url()[8..]);

        let peer = ask_peer(member.peer_url(), Some(own.peer())).await;
        assert_eq!(peer.ending, Ending::Accepted, "{version}");
        assert_eq!(asks_for(&peer), Some(vec![authority.common_name.as_str()]), "{version}");

        for (port, answer) in [
            ("client", ask(member.client_url(), None).await),
            ("peer", ask_peer(member.peer_url(), None).await),
        ] {
            assert!(answer.ending.is_refusal(), "{version} {port}: {:?}", answer.ending);
            assert_eq!(
                asks_for(&answer).unwrap().len(),
                1,
                "what it asks for is seen all the same"
            );
            assert_eq!(answer.handshake.unwrap().chain.len(), 1);
        }
        for (port, answer) in [
            ("client", ask(member.client_url(), Some(stranger.client())).await),
            ("peer", ask_peer(member.peer_url(), Some(stranger.client())).await),
        ] {
            assert!(answer.ending.is_refusal(), "{version} {port}: {:?}", answer.ending);
            assert!(answer.handshake.unwrap().has_presented);
        }
        let late = identities.issue(&Leaf::client("late").expired()).unwrap();
        let answer = ask(member.client_url(), Some(&late)).await;
        assert!(answer.ending.is_refusal(), "{version}: {:?}", answer.ending);

        let (_, members) = Probe::peer_port(member.peer_url().parse().unwrap())
            .identity(identity(own.peer()))
            .ask_members()
            .await;
        let mut names: Vec<_> = members.unwrap().into_iter().map(|member| member.name).collect();
        names.sort();
        assert_eq!(names, ["m1", "m2", "m3"], "{version}");
    }
}

#[tokio::test]
async fn every_way_of_securing_is_seen() {
    for etcd in available() {
        let version = etcd.version();
        for security in Security::ALL {
            let cluster = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = match cluster.members(1).start().await {
                Ok(cluster) => cluster,
                Err(error) => panic!("{version} {security}: {error}"),
            };
            let member = cluster.member(0);
            let client = ask(member.client_url(), None).await;
            let peer = ask_peer(member.peer_url(), None).await;
            let demands = matches!(security, Security::ClientAuth | Security::Mutual);
            assert_eq!(client.ending == Ending::Accepted, !demands, "{version} {security}");
            assert_eq!(
                client.asks_for().is_some(),
                demands,
                "{version} {security}: {:?}",
                client.asks_for()
            );
            assert_eq!(client.handshake.is_some(), security != Security::Plaintext);
            assert_eq!(
                peer.ending == Ending::Accepted,
                security != Security::Mutual,
                "{version} {security}"
            );

            // And the other way round.
            let swapped = |url: &str| match url.strip_prefix("https") {
                Some(rest) => format!("http{rest}"),
                None => url.replacen("http", "https", 1),
            };
            let wrong = |url: &str| match url.starts_with("https") {
                true => Ending::Encrypted,
                false => Ending::Plaintext,
            };
            let answer = ask(&swapped(member.client_url()), None).await;
            assert_eq!(answer.ending, wrong(member.client_url()), "{version} {security}");
            let answer = ask_peer(&swapped(member.peer_url()), None).await;
            assert_eq!(answer.ending, wrong(member.peer_url()), "{version} {security}");
        }
    }
}

#[tokio::test]
async fn what_is_no_etcd_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = ask(&format!("https://{address}"), None).await;
    assert_eq!(answer.ending, Ending::NotListening);
    assert!(answer.addresses.is_none() && answer.handshake.is_none());

    let answer = ask("https://tercet.invalid:1", None).await;
    assert!(matches!(answer.ending, Ending::Unresolved(_)), "{answer:?}");

    // One that accepts and says nothing, in either protocol.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["https", "http"] {
        let url = format!("{scheme}://{address}").parse().unwrap();
        let probe = Probe::client_port(url).within(Duration::from_millis(300));
        assert_eq!(probe.ask().await.ending, Ending::TimedOut, "{scheme}");
    }

    // One that speaks first, and something else.
    let answers = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    for scheme in ["https", "http"] {
        let answer = ask(&format!("{scheme}://{address}"), None).await;
        assert!(matches!(answer.ending, Ending::Foreign(_)), "{scheme}: {answer:?}");
    }
    answers.abort();

    let answer = ask("unix://etcd.sock", None).await;
    assert!(matches!(answer.ending, Ending::NotDialled(_)), "{answer:?}");
}

#[test]
fn halves_of_different_pairs_are_no_identity() {
    let fleet = Fleet::generate(["m1"]).unwrap();
    let (one, other) = (fleet.client(), fleet.member("m1").unwrap().server());
    let pem = |chain: &Identity, key: &Identity| {
        ProbeIdentity::from_pem(chain.chain_pem().as_bytes(), key.key_pem().as_bytes())
    };
    assert!(pem(one, one).is_ok());
    assert_eq!(pem(one, other).unwrap_err(), IdentityError::Mismatch);
    let nothing = ProbeIdentity::from_pem(b"", one.key_pem().as_bytes());
    assert_eq!(nothing.unwrap_err(), IdentityError::Certificate);
    let keyless = ProbeIdentity::from_pem(one.chain_pem().as_bytes(), b"");
    assert_eq!(keyless.unwrap_err(), IdentityError::Key);
    let shown = format!("{:?}", pem(one, one).unwrap());
    assert!(!shown.contains("PRIVATE") && shown.contains("certificates: 1"), "{shown}");
}
