//! Tokens that were made elsewhere, and are never refreshed.

use std::path::Path;

use tercet_client::{Client, Config, ErrorKind, Keys, Outcome};
use tercet_cluster::binary::Binary;
use tercet_harness::Result;
use tercet_tests::{available, command};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::tokens::Signing;
use crate::{ALICE, kind};

/// One whose tokens are signed with a key of an elliptic curve, which both halves are given of.
fn signing(etcd: &Binary, directory: &Path) -> Signing {
    let (private, public) = (directory.join("private.pem"), directory.join("public.pem"));
    let openssl = |arguments: &[&str]| {
        let output = command("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let (private, public) = (private.to_str().unwrap(), public.to_str().unwrap());
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]);
    openssl(&["ec", "-in", private, "-pubout", "-out", public]);
    let how = format!("jwt,sign-method=ES256,pub-key={public},priv-key={private},ttl=1h");
    Signing::start_with(etcd, directory, &how)
}

/// A token as whoever hands them out gets it, with no client of ours.
async fn token_of(url: &str, (name, password): (&str, &str)) -> String {
    let host = url.trim_start_matches("http://");
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    let length = body.len();
    let ask = format!(
        "POST /v3/auth/authenticate HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (begin, end) = (text.find('{').unwrap(), text.rfind('}').unwrap());
    let answer: serde_json::Value = serde_json::from_str(&text[begin..=end]).unwrap();
    answer["token"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// Requests and watches go as whom the token names, until it is old; then the error says what to do.
#[tokio::test]
async fn a_token_says_who_we_are_until_it_is_old() -> Result<()> {
    for etcd in available() {
        let directory = tempfile::tempdir().unwrap();
        let etcd = signing(etcd, directory.path());
        let root = etcd.with_alice().await?;
        let token = token_of(&etcd.url, ALICE).await;
        let alice = Client::connect(Config::new([&etcd.url]).token(token.clone())).await?;
        alice.put("alice/key", "value").await?;
        let mut watcher = alice.watch(Keys::prefix("alice/")).await?;
        alice.put("alice/key", "another").await?;
        assert_eq!(watcher.next().await.expect("not over")?.events().len(), 1);
        assert_eq!(kind(alice.put("elsewhere", "value").await), ErrorKind::PermissionDenied);

        // A layer may say as well who we are. The control: without it we are nobody.
        let plain = || Config::new([&etcd.url]);
        let layered = plain().intercept(move |call| Ok(call.insert_metadata("token", &token)?));
        Client::connect(layered).await?.put("alice/key", "by a layer").await?;
        let nobody = Client::connect(plain()).await?;
        assert_eq!(kind(nobody.put("alice/key", "value").await), ErrorKind::InvalidAuthToken);

        // Every signed token holds for one revision of users and roles.
        root.role_add("new").await?;
        let error = alice.put("alice/key", "late").await.unwrap_err();
        let found = (error.kind(), error.outcome());
        assert_eq!(found, (ErrorKind::InvalidAuthToken, Outcome::NotApplied), "{error}");
        assert!(error.to_string().contains("never refreshed"), "{error}");
        let kv = root.get("alice/key").await?.expect("there");
        assert_eq!(kv.value(), b"by a layer");
    }
    Ok(())
}
