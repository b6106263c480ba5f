//! What of TLS can be otherwise, where etcd has it.

use tercet_harness::{Cluster, Result, Security, TlsOptions};
use tercet_pki::{Durability, RevocationReason, Revocations};

/// From an empty list to one with the fleet's own client, while it runs.
#[tokio::test]
async fn who_is_put_on_the_list_is_refused_from_then_on() -> Result<()> {
    for etcd in tercet_tests::available() {
        for security in [Security::ClientAuth, Security::Mutual] {
            let builder = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = builder.tls(TlsOptions::default().revocation_list()).start().await?;
            // The control: an empty list refuses nobody.
            let client = cluster.client().await?;
            client.put("hello", "world").await?;

            let revoked = cluster.identities().client().certificate();
            let revocations =
                Revocations::new().certificate(revoked, RevocationReason::KeyCompromise)?;
            let list = cluster.identities().authority().revoke(&revocations)?;
            let files = cluster.plan().revocation_files().expect("it has a list");
            files.write(&list, Durability::Cached)?;
            let refused = cluster.client().await?.get("hello").await.unwrap_err();
            assert!(!refused.is_timeout(), "{} {security}: {refused:?}", etcd.version());

            // The list is read anew for each connection, and another may still come in.
            let empty = cluster.identities().authority().revoke(&Revocations::new())?;
            files.write(&empty, Durability::Cached)?;
            cluster.client().await?.get("hello").await?;
            // Members come back to each other past it.
            cluster.member(0).kill()?.restart().await?;
        }
    }
    Ok(())
}
