//! What goes through the proxies of the third API, in every security and every version.

use tercet_client::{Client, Config, ErrorKind, Tls, Watch};
use tercet_harness::{Cluster, Proxy, ProxyKind, Result, Security};

/// Every version and security with one fleet, and `kind` before it.
async fn everywhere(kind: ProxyKind) -> Result<()> {
    for etcd in tercet_tests::available() {
        for security in Security::ALL {
            let cluster = Cluster::builder().binary(etcd.path()).security(security).start().await?;
            let proxy = cluster.start_proxy(kind).await?;
            put_get_and_watch(&proxy).await?;
            if cluster.plan().client_shows().is_some() {
                only_with_a_certificate(&proxy).await?;
            }
            println!("etcd {} {security}: {kind} is good", etcd.version());
        }
    }
    Ok(())
}

async fn put_get_and_watch(proxy: &Proxy<'_>) -> Result<()> {
    let through = proxy.client().await?;
    let direct = proxy.cluster().client().await?;
    let mut watcher = through.watch(Watch::key("watched")).await?;
    through.put("watched", "through").await?;
    // Not what the proxy keeps to itself, but what the fleet has.
    assert_eq!(direct.get("watched").await?.unwrap().value(), b"through");
    direct.put("watched", "direct").await?;
    assert_eq!(through.get("watched").await?.unwrap().value(), b"direct");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let response = watcher.next().await.unwrap()?;
        seen.extend(response.events().iter().map(|event| event.kv().value().to_vec()));
    }
    assert_eq!(seen, [b"through".as_slice(), b"direct"]);
    Ok(())
}

/// A gateway leaves that to the members, a grpc-proxy does it itself.
async fn only_with_a_certificate(proxy: &Proxy<'_>) -> Result<()> {
    let authority = proxy.cluster().identities().authority().certificate_pem();
    let config = Config::new([proxy.endpoint()]).tls(Tls::from_pem(authority)?);
    let refused = Client::connect(config).await?.get("watched").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Tls, "{refused:?}");
    // The control: with one, everything else being the same.
    let identity = proxy.cluster().identities().client();
    let tls = Tls::mutual(authority, identity.chain_pem(), identity.key_pem())?;
    let config = Config::new([proxy.endpoint()]).tls(tls);
    assert!(Client::connect(config).await?.get("watched").await?.is_some());
    Ok(())
}

#[tokio::test]
async fn through_a_gateway_in_every_security_and_version() -> Result<()> {
    everywhere(ProxyKind::Gateway).await
}

#[tokio::test]
async fn through_a_grpc_proxy_in_every_security_and_version() -> Result<()> {
    everywhere(ProxyKind::GrpcProxy).await
}

/// With authentication on, a common name is a user: through a gateway it is the client's own, and
/// through a grpc-proxy it is nobody's, since there the proxy shows a certificate without one.
#[tokio::test]
async fn whose_common_name_counts_behind_a_proxy() -> Result<()> {
    for etcd in tercet_tests::available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let direct = cluster.client().await?;
        for name in ["root", "client"] {
            direct.user_add(name, "secret").await?;
            direct.user_grant_role(name, "root").await?;
        }
        direct.put("hello", "world").await?;
        direct.auth_enable().await?;
        // The fleet's client is called `client`.
        assert!(direct.get("hello").await?.is_some());

        // Both are ready, though nobody told them of a user.
        let gateway = cluster.start_proxy(ProxyKind::Gateway).await?;
        assert!(gateway.client().await?.get("hello").await?.is_some());
        let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
        let refused = proxy.client().await?.get("hello").await.unwrap_err();
        // As the user without a name, who may do nothing, or as none.
        let nobody = [ErrorKind::PermissionDenied, ErrorKind::InvalidAuthToken];
        assert!(nobody.contains(&refused.kind()), "{refused:?}");
        // The control: who says who it is, is known.
        cluster.set_user("client", "secret");
        assert!(proxy.client().await?.get("hello").await?.is_some());
    }
    Ok(())
}
