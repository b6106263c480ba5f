//! What is asked for cannot be: refused before an etcd is even looked for, or where it depends on its
//! version, before anything is started.

use tercet_cluster::plan::DiscoveryService;
use tercet_harness::{
    Builder, Cluster, Configuration, Joining, Layout, MemberHost, ProxyKind, Result, Security,
    TlsOptions, TlsVersion,
};
use tercet_tests::available;

use crate::{SECOND, refused};

/// There is no such etcd. Who looks for it says so, and nothing of what is asked for.
const NOWHERE: &str = "/nonexistent/etcd";

async fn all_refused(cases: impl IntoIterator<Item = (Builder, &str)>) {
    // The control: what can be is refused for the etcd alone.
    let text = refused(Cluster::builder().binary(NOWHERE), SECOND).await;
    assert!(text.contains(NOWHERE), "{text}");
    for (builder, said) in cases {
        let text = refused(builder.binary(NOWHERE), SECOND).await;
        assert!(text.contains(said), "expected {said:?} in: {text}");
        assert!(!text.contains(NOWHERE), "{text}");
    }
}

fn of() -> Builder {
    Cluster::builder()
}

fn tls() -> TlsOptions {
    TlsOptions::default()
}

#[tokio::test]
async fn no_such_number_of_members() {
    let discovery = |members| of().joining(Joining::Discovery { members });
    all_refused([
        (of().members(0), "a fleet of 0 members is not possible: use 1 to 9"),
        (of().members(10), "a fleet of 10 members is not possible"),
        (of().members(usize::MAX), "members is not possible"),
        (discovery(0), "it has no members, or more than 9"),
        (discovery(usize::MAX), "it has no members, or more than 9"),
    ])
    .await;
}

#[tokio::test]
async fn hosts_that_are_none() {
    let huge = "m".repeat(10_000);
    let on = |host: MemberHost| of().hosts([host]);
    let at = |name: &str, address: [u8; 4]| on(MemberHost::new(name, address));
    let good = || MemberHost::new("a", [10, 0, 0, 1]);
    all_refused([
        (at("", [10, 0, 0, 1]), "a member's name does not do"),
        (at(&huge, [10, 0, 0, 1]), "a member's name does not do"),
        (at("../a", [10, 0, 0, 1]), "a member's name does not do"),
        (at("a=b,c", [10, 0, 0, 1]), "a member's name does not do"),
        (at("a\0", [10, 0, 0, 1]), "a member's name does not do"),
        (at("a", [0, 0, 0, 0]), "nobody can be dialled there"),
        (at("a", [224, 0, 0, 1]), "nobody can be dialled there"),
        (on(good().ports(0, 2380)), "the others must know it before it is there"),
        (on(good().ports(2379, 2379)), "it has another use already"),
        (on(good().dns_name("")), "a DNS name of a host does not do"),
        (on(good().dns_name("a b")), "a DNS name of a host does not do"),
        (on(good().dns_name(&huge)), "a DNS name of a host does not do"),
        (on(good().dns_name("10.0.0.2")), "that is an address"),
        (on(good().advertised_as("*.example.com")), "a wildcard is many names"),
        (on(good().entrance([""])), "it names no program"),
        (of().hosts([good(), good()]), "a member's name does not do"),
        (of().hosts([good(), MemberHost::new("b", [10, 0, 0, 1])]), "a has it already"),
        (on(good()).members(3), "there is one member on each host"),
        (
            on(good()).joining(Joining::Discovery { members: 1 }),
            "it would be started on this machine's loopback address",
        ),
    ])
    .await;
}

#[tokio::test]
async fn discoveries_that_are_none() {
    let v2 = |url: &str| DiscoveryService::V2 { url: url.into(), ca: None };
    let v3 = |endpoint: &str, token: &str| DiscoveryService::V3 {
        endpoints: vec![endpoint.into()],
        token: token.into(),
        ca: None,
        client: None,
    };
    let nowhere =
        DiscoveryService::V3 { endpoints: Vec::new(), token: "x".into(), ca: None, client: None };
    let through = |service| of().joining(Joining::Through(service));
    all_refused([
        (through(v2("")), "its URL is not one of http or https"),
        (through(v2("10.0.0.9:2379")), "its URL is not one of http or https"),
        (through(v2("https://")), "its URL is not one of http or https"),
        (through(v2("file:///etc/passwd")), "its URL is not one of http or https"),
        (through(nowhere), "it has no endpoint"),
        (through(v3("https://,http://b", "x")), "an endpoint is not a URL of http or https"),
        (through(v3("https://a:1", "")), "its token is empty"),
        (through(v3("https://a:1", "a/b")), "its token is empty, or has a slash"),
    ])
    .await;
}

#[tokio::test]
async fn tls_that_cannot_be() {
    let plain = |options| of().security(Security::Plaintext).tls(options);
    let suites = |names: &'static [&'static str]| of().tls(tls().cipher_suites(names.to_vec()));
    let names = |name: &str| of().tls(tls().allowed_peer_names([name]));
    let hosts = |host: &str| of().without_gateway().tls(tls().allowed_client_hosts([host]));
    all_refused([
        (plain(tls().min_version(TlsVersion::V1_3)), "nothing is encrypted"),
        (plain(tls().revocation_list()), "nobody is asked for a certificate"),
        (
            of().security(Security::Auto).tls(tls().revocation_list()),
            "nobody is asked for a certificate",
        ),
        (
            of().tls(tls().min_version(TlsVersion::V1_3).max_version(TlsVersion::V1_2)),
            "there is no version between them",
        ),
        (suites(&["NONSENSE"]), "etcd knows none of that name"),
        (suites(&[""]), "etcd knows none of that name"),
        (names(""), "it is empty"),
        (names(&"n".repeat(65)), "it has more than 64 characters"),
        (names("a,b"), "etcd separates names by commas"),
        (names("a\nb"), "it has a control character"),
        (hosts(""), "an allowed host of clients does not do"),
        (hosts("*.example.com"), "it is a pattern"),
        (of().tls(tls().allowed_client_hosts(["a.example"])), "etcd lets nobody through it"),
        (
            of().layout(Layout::Shared).tls(tls().separate_outgoing()),
            "the one is for serving and dialling",
        ),
    ])
    .await;
}

#[tokio::test]
async fn flags_that_are_none() {
    all_refused([
        (of().flag("", ""), "no etcd has a flag --"),
        (of().flag("no-such-flag", "1"), "no etcd has a flag --no-such-flag"),
        (of().flag("--max-txn-ops", "1"), "no etcd has a flag ----max-txn-ops"),
        (of().flag("max-txn-ops", "-1"), "write a whole number"),
        (of().flag("max-txn-ops", "9".repeat(10_000)), "cannot be the value of --max-txn-ops"),
        (of().flag("auth-token", "a\0b"), "no program can be given a NUL"),
        (of().flag("data-dir", "/"), "--data-dir is planned for each member"),
        (of().flag("discovery-fallback", "proxy"), "--discovery-fallback is planned"),
    ])
    .await;
}

/// The version is enough to say so: it is not got.
#[tokio::test]
async fn what_a_version_has_not_got() {
    let old = |version: &str| of().version(version);
    let cases = [
        (old("3.5.1").tls(tls().min_version(TlsVersion::V1_3)), "from 3.4.25 and 3.5.8 on"),
        (old("3.5.1").http_port(), "etcd 3.5.1 has no --listen-client-http-urls"),
        (old("3.5.1").tls(tls().allowed_peer_names(["a", "b"])), "takes one name"),
        (old("3.4.23").tls(tls().separate_outgoing()), "which is there from 3.5.0 on"),
        (old("3.6.14").v2(), "etcd 3.6.14 has no --enable-v2"),
        (
            old("3.5.1").flag("raft-read-timeout", "5s").configuration(Configuration::File),
            "--raft-read-timeout",
        ),
    ];
    for (builder, said) in cases {
        let text = refused(builder, SECOND).await;
        assert!(text.contains(said), "expected {said:?} in: {text}");
    }
}

/// A fleet is none the worse for a proxy that it cannot have, nor is a directory made for one.
#[tokio::test]
async fn proxies_that_cannot_be() -> Result<()> {
    let etcd = &available()[0];
    let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
    let error = cluster.start_proxy(ProxyKind::V2).await.unwrap_err();
    let text = format!("{:?}", tercet_harness::Error::from(error));
    assert!(text.contains("start the fleet with Spec::v2"), "{text}");
    assert_eq!(cluster.proxies().len(), 0);
    assert!(!cluster.directory().join("proxies").exists());
    for word in ["", "V2", "gateway ", "envoy"] {
        let error = word.parse::<ProxyKind>().unwrap_err().to_string();
        assert_eq!(error, format!("'{word}' is no proxy: use gateway, grpc-proxy or v2"));
    }
    cluster.client().await?.put("hello", "world").await?;
    Ok(())
}

/// Users and passwords that are none are refused, and change nothing.
#[tokio::test]
async fn users_that_are_none() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    let client = cluster.client().await?;
    client.user_add("", "secret").await.unwrap_err();
    client.user_add("nobody", "").await.unwrap_err();
    client.user_change_password("not-there", "secret").await.unwrap_err();
    client.user_grant_role("not-there", "root").await.unwrap_err();
    client.role_grant_permission("", tercet_client::Permission::read("a")).await.unwrap_err();
    assert!(client.user_list().await?.is_empty());
    // Nobody could ever undo it.
    client.auth_enable().await.unwrap_err();
    // The control: it is well, and one that is good is taken.
    client.user_add("somebody", "secret").await?;
    assert_eq!(client.user_list().await?, ["somebody"]);

    cluster.set_user("", "");
    let error = cluster.client().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("the user's name is empty"), "{error}");
    Ok(())
}
