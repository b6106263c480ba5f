//! The commands of etcd's security guide, as they are written there.

use tercet_harness::{Cluster, Result, Security, Version};
use tercet_tests::{Curl, Curled, available};

use crate::fleet::{Asked, assert_refused_for_want_of_a_certificate};

const KEY: &str = "/v2/keys/foo";

/// As the guide has it.
const PUT: [&str; 4] = ["-XPUT", "-d", "value=bar", "-v"];

/// Calls `example` with a fleet of this security on each version that still has the second API.
async fn with_v2(security: Security, example: impl Fn(&Asked<'_>, Version)) -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() <= 5) {
        let builder = Cluster::builder().binary(etcd.path()).security(security);
        let cluster = builder.v2().start().await?;
        example(&Asked { cluster: &cluster, curl }, etcd.version());
    }
    Ok(())
}

/// The answer that the guide shows.
fn assert_set(curled: &Curled) {
    let answer = curled.json();
    assert_eq!(answer["action"], "set", "{answer}");
    assert_eq!(answer["node"]["key"], "/foo", "{answer}");
    assert_eq!(answer["node"]["value"], "bar", "{answer}");
}

/// With `-v`, curl shows the handshake and that it came to its end.
fn assert_handshake(curled: &Curled, version: Version) {
    assert!(curled.said.contains("SSL connection using TLS"), "{}", curled.said);
    assert!(curled.said.contains("TLS handshake, Finished (20)"), "{}", curled.said);
    // Their greatest is written down in the source.
    let old = version >= Version::new(3, 5, 0) && version < Version::new(3, 5, 8);
    let expected = if old { "TLSv1.2" } else { "TLSv1.3" };
    assert!(curled.said.contains(&format!("SSL connection using {expected}")), "{}", curled.said);
}

/// No answer, for the reason that it should be.
fn assert_refused(asked: &Asked<'_>, curled: &Curled) {
    assert!([35, 55, 56].contains(&curled.code), "{}", curled.said);
    assert_eq!(curled.body, "");
    assert_refused_for_want_of_a_certificate(asked.cluster);
}

/// `curl: (60)`: curl does not know who signed.
fn assert_not_trusted(curled: &Curled, why: &str) {
    assert_eq!(curled.code, 60, "{}", curled.said);
    let expected = format!("curl: (60) SSL certificate problem: {why}");
    assert!(curled.said.contains(&expected), "{}", curled.said);
}

#[tokio::test]
async fn example_1_https() -> Result<()> {
    with_v2(Security::ServerTls, |asked, version| {
        let put = asked.ask(asked.trusting(), KEY, &PUT);
        assert_set(&put);
        assert_handshake(&put, version);
        let nobody = asked.ask(Vec::new(), KEY, &PUT);
        assert_not_trusted(&nobody, "unable to get local issuer certificate");
        // Who the server is, is not asked with `-k`.
        assert_set(&asked.ask(vec!["-k".to_owned()], KEY, &PUT));
        // A certificate that nobody asks for does no harm.
        assert_set(&asked.ask(asked.showing(), KEY, &PUT));
    })
    .await
}

#[tokio::test]
async fn example_2_client_certificates_client_both() -> Result<()> {
    with_v2(Security::ClientAuth, |asked, version| {
        // The command of the first example does not do any more.
        let refused = asked.ask(asked.trusting(), KEY, &PUT);
        assert_refused(asked, &refused);
        let put = asked.ask(asked.showing(), KEY, &PUT);
        assert_set(&put);
        assert_handshake(&put, version);
        assert!(put.said.contains("Request CERT (13)"), "{}", put.said);
    })
    .await
}

#[tokio::test]
async fn example_3_all_tls() -> Result<()> {
    with_v2(Security::Mutual, |asked, version| {
        let refused = asked.ask(asked.trusting(), KEY, &PUT);
        assert_refused(asked, &refused);
        let put = asked.ask(asked.showing(), KEY, &PUT);
        assert_set(&put);
        assert_handshake(&put, version);
        // And the members among themselves.
        for member in asked.cluster.members() {
            assert!(member.peer_url().starts_with("https://"));
        }
    })
    .await
}

#[tokio::test]
async fn example_4_auto_tls() -> Result<()> {
    with_v2(Security::Auto, |asked, version| {
        let refused = asked.ask(Vec::new(), KEY, &PUT);
        assert_not_trusted(&refused, "self-signed certificate");
        let put = asked.ask(vec!["-k".to_owned()], KEY, &PUT);
        assert_set(&put);
        assert_handshake(&put, version);
    })
    .await
}

#[tokio::test]
async fn without_security() -> Result<()> {
    with_v2(Security::Plaintext, |asked, _| {
        let put = asked.ask(Vec::new(), KEY, &PUT);
        assert_set(&put);
        assert!(!put.said.contains("TLS handshake"), "{}", put.said);
        // The control of all: what is not there is not answered.
        assert_eq!(asked.ask(Vec::new(), "/v2/keys/bar", &[]).json()["errorCode"], 100);
    })
    .await
}

/// Off by default since 3.4, and gone since 3.6.
#[tokio::test]
async fn the_second_api_is_only_where_it_is_asked_for() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let cluster = Cluster::builder().members(1).binary(etcd.path()).start().await?;
        let asked = Asked { cluster: &cluster, curl };
        let answer = asked.get(KEY, &["-w", " %{http_code}"]);
        assert!(answer.answer().ends_with(" 404"), "{answer:?}");
        let with = Cluster::builder().members(1).binary(etcd.path()).v2().start().await;
        match etcd.version().minor() {
            ..=5 => {
                let cluster = with?;
                assert_set(&Asked { cluster: &cluster, curl }.get(KEY, &PUT));
            }
            6.. => {
                let error = format!("{:?}", with.unwrap_err());
                assert!(error.contains("has no --enable-v2, which is there until 3.5"), "{error}");
            }
        }
    }
    Ok(())
}

/// What else the second API can do goes over TLS as well: waiting for a change, and deleting.
#[tokio::test]
async fn a_change_is_waited_for() -> Result<()> {
    use std::io::Read as _;

    with_v2(Security::Mutual, |asked, _| {
        assert_set(&asked.get(KEY, &PUT));
        let url = asked.url("/v2/keys/foo?wait=true&waitIndex=1");
        let words = asked.admitted().into_iter().chain([url]);
        // From the past, so that it makes no difference who is first.
        let seen = asked.curl.run(words);
        assert_set(&seen);
        let index = seen.json()["node"]["modifiedIndex"].as_u64().unwrap() + 1;
        let url = asked.url(&format!("/v2/keys/foo?wait=true&waitIndex={index}"));
        let mut waiting = asked.curl.start(asked.admitted().into_iter().chain([url]));
        let deleted = asked.get(KEY, &["-XDELETE"]).json();
        assert_eq!(deleted["action"], "delete");
        let mut seen = String::new();
        waiting.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
        assert!(waiting.wait().unwrap().success());
        let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
        assert_eq!((&seen["action"], &seen["node"]["key"]), (&"delete".into(), &"/foo".into()));
    })
    .await
}
