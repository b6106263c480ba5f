//! Every way of etcd's security guide, as one word, on every etcd and in every form of configuration:
//! who is let in and who is not.

use tercet_cluster::plan::Protection;
use tercet_cluster::{Configuration, Security};
use tercet_harness::client::{Client, Config, Tls};
use tercet_harness::{Cluster, Layout, Result, Timing};
use tercet_pki::{Fleet, Identity};
use tercet_tests::{command, say};

use crate::visitor::Visitor;

#[tokio::test]
async fn every_word_is_a_fleet_that_lets_in_whom_it_must() -> Result<()> {
    let stranger = Fleet::generate(["stranger"]).unwrap();
    let mut rows = Vec::new();
    for etcd in tercet_tests::available() {
        let own = Security::ALL.map(|security| (security, Layout::PerMember));
        let words = own.into_iter().chain([(Security::Mutual, Layout::Shared)]);
        let all = words.flat_map(|word| Configuration::ALL.map(|form| (word, form)));
        for ((security, layout), form) in all {
            let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
            let builder = builder.security(security).layout(layout).configuration(form);
            let cluster = builder.start().await?;
            let what = format!("{} {security} {layout:?}, {form}", etcd.version());

            let client = cluster.client().await?;
            client.put("hello", "world").await?;
            let is_there = async || Ok::<_, tercet_harness::Error>(client.get("hello").await?);
            assert_eq!(is_there().await?.expect("it was put").value(), b"world", "{what}");

            let member = cluster.member(0);
            let identities = cluster.identities();
            let (client_url, peer_url) = (member.client_url(), member.peer_url());
            let peer = identities.member("m2").expect("it is one").peer();
            for (protection, url, path, right, strange) in [
                (security.clients(), client_url, "version", identities.client(), stranger.client()),
                (
                    security.peers(),
                    peer_url,
                    "members",
                    peer,
                    stranger.member("stranger").unwrap().peer(),
                ),
            ] {
                let seen = knock(&cluster, &format!("{url}/{path}"), right, strange).await;
                assert_eq!(seen, expected(protection), "{what} {path}");
            }
            if security.clients() == Protection::SelfSigned {
                // Whoever does not ask who it is is let in, whatever he shows.
                let identity = stranger.client();
                let tls = Tls::unverified_mutual(identity.chain_pem(), identity.key_pem())?;
                Client::connect(Config::new([client_url]).tls(tls)).await?.get("hello").await?;
            }
            etcdctl(&cluster, &what);

            member.kill()?.restart().await?;
            assert_eq!(is_there().await?.expect("it is kept").value(), b"world", "{what}");
            rows.push(what);
        }
    }
    say(&format!("every word in every form on every etcd:\n  {}", rows.join("\n  ")));
    Ok(())
}

/// What each gets who knocks: by plain HTTP, and over TLS without a certificate, with a stranger's,
/// and with the right one.
async fn knock(
    cluster: &Cluster,
    url: &str,
    right: &Identity,
    strange: &Identity,
) -> [Option<u16>; 4] {
    let (_, rest) = url.split_once("://").unwrap();
    let (plain, secure) = (format!("http://{rest}"), format!("https://{rest}"));
    let nobody = Visitor::new(cluster, None);
    [
        // Some say that they want TLS, and some nothing.
        nobody.get(&plain).await.filter(|&status| status != 400),
        nobody.get(&secure).await,
        Visitor::new(cluster, Some(strange)).get(&secure).await,
        Visitor::new(cluster, Some(right)).get(&secure).await,
    ]
}

fn expected(protection: Protection) -> [Option<u16>; 4] {
    let (yes, no) = (Some(200), None);
    match protection {
        Protection::None => [yes, no, no, no],
        Protection::Server => [no, yes, yes, yes],
        Protection::Mutual => [no, no, no, yes],
        // All of them want to know who it is, as curl does without -k.
        Protection::SelfSigned => [no; 4],
        other => panic!("what to expect of {other:?}?"),
    }
}

/// The fleet's variables are all that etcdctl needs.
fn etcdctl(cluster: &Cluster, what: &str) {
    let Some(etcdctl) = cluster.binary().etcdctl() else {
        say(&format!("{what}: there is no etcdctl beside it"));
        return;
    };
    let run = |words: &[&str], variables: Vec<(&'static str, std::ffi::OsString)>| {
        let mut etcdctl = command(&etcdctl);
        etcdctl.args(words).env_clear().env("ETCDCTL_API", "3").envs(variables);
        etcdctl.args(["--dial-timeout=5s", "--command-timeout=10s"]);
        etcdctl.output().unwrap()
    };
    let output = run(&["put", "by", "etcdctl"], cluster.env());
    assert!(output.status.success(), "{what}: {output:?}");
    let output = run(&["get", "by", "--print-value-only"], cluster.env());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "etcdctl", "{what}: {output:?}");
}
