//! The third API in JSON, which members answer by a gateway to themselves.

use std::io::{BufRead as _, BufReader};

use tercet_harness::{Cluster, Result, Security, TlsOptions};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{Curl, available};

use crate::fleet::Asked;

/// `hello` and `world`, as JSON has bytes.
const HELLO: &str = "aGVsbG8=";
const WORLD: &str = "d29ybGQ=";

/// The status, after the answer.
const STATUS: [&str; 2] = ["-w", "\n%{http_code}"];

impl Asked<'_> {
    /// Posts `body` to `path` as one who gets in, and returns the answer and its status.
    fn post(&self, path: &str, body: &str) -> (String, u16) {
        let words: Vec<_> = ["-d", body].into_iter().chain(STATUS).collect();
        let answer = self.get(path, &words);
        let (answer, status) = answer.answer().rsplit_once('\n').unwrap();
        (answer.to_owned(), status.parse().unwrap())
    }

    /// Posts what has to succeed.
    fn post_json(&self, path: &str, body: &str) -> serde_json::Value {
        let (answer, status) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }
}

/// Calls `check` with a fleet of one, of each version.
async fn with_one(security: Security, check: impl Fn(&Asked<'_>)) -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let builder = Cluster::builder().members(1).binary(etcd.path()).security(security);
        let cluster = builder.start().await?;
        check(&Asked { cluster: &cluster, curl });
    }
    Ok(())
}

#[tokio::test]
async fn put_and_range_in_every_security_and_version() -> Result<()> {
    for security in Security::ALL {
        with_one(security, |asked| {
            asked.post_json("/v3/kv/put", &format!(r#"{{"key": "{HELLO}", "value": "{WORLD}"}}"#));
            let range = asked.post_json("/v3/kv/range", &format!(r#"{{"key": "{HELLO}"}}"#));
            let found = &range["kvs"][0];
            assert_eq!((&found["key"], &found["value"]), (&HELLO.into(), &WORLD.into()), "{range}");
            // Numbers of 64 bits are texts, as JSON has none.
            assert_eq!(range["count"], "1", "{range}");
        })
        .await?;
    }
    Ok(())
}

/// The paths of older versions: that of 3.3 is still understood by all, that of 3.2 by none.
#[tokio::test]
async fn which_prefix_is_understood() -> Result<()> {
    with_one(Security::Mutual, |asked| {
        let body = format!(r#"{{"key": "{HELLO}"}}"#);
        for (prefix, expected) in [("/v3", 200), ("/v3beta", 200), ("/v3alpha", 404)] {
            let (answer, status) = asked.post(&format!("{prefix}/kv/range"), &body);
            assert_eq!(status, expected, "{prefix}: {answer}");
        }
    })
    .await
}

#[tokio::test]
async fn a_watch_streams() -> Result<()> {
    with_one(Security::Mutual, |asked| {
        let body = format!(r#"{{"create_request": {{"key": "{HELLO}"}} }}"#);
        let words = ["-N".to_owned(), "-d".to_owned(), body];
        let words = asked.admitted().into_iter().chain([asked.url("/v3/watch")]).chain(words);
        let mut curl = asked.curl.start(words);
        let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines();
        let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next()?.ok()?).ok();
        let created = next().unwrap();
        assert_eq!(created["result"]["created"], true, "{created}");
        asked.post_json("/v3/kv/put", &format!(r#"{{"key": "{HELLO}", "value": "{WORLD}"}}"#));
        let seen = next().unwrap();
        assert_eq!(seen["result"]["events"][0]["kv"]["value"], WORLD, "{seen}");
        curl.kill().unwrap();
        curl.wait().unwrap();
    })
    .await
}

/// The gateway dials the member's own port with the member's server certificate.
#[tokio::test]
async fn with_a_server_certificate_that_is_for_no_client_only_the_gateway_fails() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    let body = format!(r#"{{"key": "{HELLO}"}}"#);
    for etcd in available() {
        let cluster = Cluster::builder().members(1).binary(etcd.path()).start().await?;
        let asked = Asked { cluster: &cluster, curl };
        // The control: with the certificate that members are given, it answers.
        assert_eq!(asked.post("/v3/kv/range", &body).1, 200);

        let leaf = Leaf::server("m1").hosts(LOOPBACK_HOSTS).server_only();
        let member = cluster.member(0);
        member.kill()?;
        let files = &member.plan().files().server;
        let directory = files.certificate.parent().unwrap();
        cluster.identities().issue(&leaf)?.replace(directory, "server")?;
        member.restart().await?;
        let (answer, status) = asked.post("/v3/kv/range", &body);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["code"]), (503, &14.into()), "{answer}");
        // Nobody else notices, not even who asks by the same way for something else.
        cluster.client().await?.put("hello", "world").await?;
        assert_eq!(asked.get("/health", &[]).json()["health"], "true");
    }
    Ok(())
}

/// What cures it, from 3.5 on.
#[tokio::test]
async fn with_a_certificate_of_its_own_the_gateway_answers() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available().iter().filter(|etcd| etcd.version().minor() >= 5) {
        let options = TlsOptions::default().separate_outgoing();
        let builder = Cluster::builder().members(1).binary(etcd.path()).tls(options);
        let cluster = builder.start().await?;
        let asked = Asked { cluster: &cluster, curl };
        asked.post_json("/v3/kv/range", &format!(r#"{{"key": "{HELLO}"}}"#));
    }
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_is_off_is_not_found() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    let body = format!(r#"{{"key": "{HELLO}"}}"#);
    for etcd in available() {
        for gateway in [true, false] {
            let builder = Cluster::builder().members(1).binary(etcd.path());
            let builder = if gateway { builder } else { builder.without_gateway() };
            let cluster = builder.start().await?;
            let asked = Asked { cluster: &cluster, curl };
            let status = if gateway { 200 } else { 404 };
            assert_eq!(asked.post("/v3/kv/range", &body).1, status);
            // It is the gateway that is off, and not HTTP.
            assert_eq!(asked.get("/health", &[]).json()["health"], "true");
        }
    }
    Ok(())
}

/// With authentication, a common name is a user. The gateway asks as itself, so that it would lend
/// out its own: who shows one is refused.
#[tokio::test]
async fn a_common_name_is_refused_by_the_gateway() -> Result<()> {
    let body = format!(r#"{{"key": "{HELLO}"}}"#);
    with_one(Security::Mutual, |asked| {
        asked.post_json("/v3/auth/user/add", r#"{"name": "root", "password": "secret"}"#);
        asked.post_json("/v3/auth/role/add", r#"{"name": "root"}"#);
        asked.post_json("/v3/auth/user/grant", r#"{"user": "root", "role": "root"}"#);
        // The control: without authentication, nobody minds the name.
        asked.post_json("/v3/kv/range", &body);
        asked.post_json("/v3/auth/enable", "{}");

        let (answer, status) = asked.post("/v3/kv/range", &body);
        assert_eq!(status, 400, "{answer}");
        assert!(answer.starts_with("CommonName of client sending a request against gateway"));

        // Who shows no name says by a token who it is.
        let directory = asked.cluster.directory().join("unnamed");
        let unnamed = Leaf::unnamed_client("gateway");
        let files = asked.cluster.identities().issue(&unnamed).unwrap();
        let files = files.write(&directory, "client").unwrap();
        let mut words = asked.trusting();
        for (word, file) in [("--cert", &files.certificate), ("--key", &files.key)] {
            words.extend([word.to_owned(), file.display().to_string()]);
        }
        let secret = r#"{"name": "root", "password": "secret"}"#;
        let answer = asked.ask(words.clone(), "/v3/auth/authenticate", &["-d", secret]).json();
        let token = answer["token"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let header = format!("Authorization: {token}");
        let read = |behind: &[&str]| asked.ask(words.clone(), "/v3/kv/range", behind).json();
        let known = read(&["-d", &body, "-H", &header]);
        assert!(known["header"]["revision"].is_string(), "{known}");
        // The control: who says nothing is nobody.
        let nobody = read(&["-d", &body]);
        assert_eq!(nobody["message"], "etcdserver: user name is empty", "{nobody}");
    })
    .await
}
