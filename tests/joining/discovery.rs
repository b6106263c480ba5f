//! Fleets that form by discovery: by `/v2/keys` until etcd 3.5, by the third API from 3.6 on.

use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Configuration, Joining, Result, Security};
use tercet_tests::available;

async fn start(etcd: &Binary, size: usize, servers: usize, security: Security) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(size).security(security);
    builder.joining(Joining::Discovery { members: servers }).start().await
}

/// It is one fleet, of as many members as there were to be.
async fn assert_whole(cluster: &Cluster, size: usize) -> Result<()> {
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    let list = client.member_list().await?;
    assert_eq!((list.members().len(), cluster.members().len()), (size, size));
    for member in cluster.members() {
        let value = member.client().await?.get("hello").await?.unwrap();
        assert_eq!(value.value(), b"world");
    }
    Ok(())
}

/// With one endpoint and with three, where the older protocol names the first of them.
#[tokio::test]
async fn tls_clusters_of_1_3_and_5_using_discovery_with_1_and_3_endpoints() -> Result<()> {
    for etcd in available() {
        for (size, servers) in [(1, 1), (1, 3), (3, 1), (3, 3), (5, 1), (5, 3)] {
            let cluster = start(etcd, size, servers, Security::Mutual).await?;
            assert_whole(&cluster, size).await?;
            let discovery = cluster.discovery().unwrap();
            assert_eq!(discovery.members().len(), servers);
            println!("{} {size} by {servers}: {:?}", etcd.version(), cluster.start_times());
        }
    }
    Ok(())
}

#[tokio::test]
async fn cluster_of_3_using_discovery_in_every_security() -> Result<()> {
    for etcd in available() {
        for security in Security::ALL {
            let cluster = start(etcd, 3, 1, security).await?;
            assert_whole(&cluster, 3).await?;
            // What the members went through to find each other is as safe as their protocol allows.
            let discovery = cluster.discovery().unwrap().plan().security();
            let newer = etcd.version().minor() >= 6;
            let expected = match security {
                Security::Plaintext => Security::Plaintext,
                Security::ClientAuth | Security::Mutual if newer => security,
                _ => Security::ServerTls,
            };
            assert_eq!(discovery, expected, "{} {security}", etcd.version());
        }
    }
    Ok(())
}

#[tokio::test]
async fn in_whatever_form_members_are_told() -> Result<()> {
    for etcd in available() {
        for configuration in Configuration::ALL {
            let builder = Cluster::builder().binary(etcd.path()).configuration(configuration);
            let builder = builder.joining(Joining::Discovery { members: 1 });
            assert_whole(&builder.start().await?, 3).await?;
        }
    }
    Ok(())
}

/// They have no further need of it.
#[tokio::test]
async fn once_formed_a_fleet_does_without_its_discovery() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, 3, 1, Security::Mutual).await?;
        cluster.discovery().unwrap().member(0).kill()?;
        for member in cluster.members() {
            member.restart().await?;
        }
        assert_whole(&cluster, 3).await?;
        // And grows as any other.
        cluster.add_member().await.unwrap();
        assert_whole(&cluster, 4).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_a_fleet_and_its_discovery() -> Result<()> {
    let cluster = Cluster::builder().members(1).joining(Joining::Discovery { members: 1 });
    let cluster = cluster.start().await?;
    let discovery = cluster.discovery().unwrap();
    let pids = [cluster.member(0).pid().unwrap(), discovery.member(0).pid().unwrap()];
    let directories = [cluster.directory().to_owned(), discovery.directory().to_owned()];
    assert!(directories[1].starts_with(&directories[0]));
    assert!(pids.into_iter().all(tercet_tests::is_running), "the control");
    drop(cluster);
    assert!(!pids.into_iter().any(tercet_tests::is_running));
    assert!(!directories.iter().any(|directory| directory.exists()));
    Ok(())
}
