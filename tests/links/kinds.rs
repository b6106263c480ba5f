//! Fleets of every kind whose links can be broken.

use tercet_harness::{
    Cluster, Configuration, Faults, Joining, Layout, ProxyKind, Result, Security,
};
use tercet_tests::available;

use crate::{put, roles, until};

#[tokio::test]
async fn links_are_cut_in_every_kind_of_fleet_that_has_tls_between_members() -> Result<()> {
    for etcd in available() {
        let builder = || Cluster::builder().binary(etcd.path()).timing(tercet_harness::Timing::Ci);
        let fleets = [
            ("auto", builder().security(Security::Auto)),
            ("shared", builder().layout(Layout::Shared)),
            ("file", builder().configuration(Configuration::File)),
            ("variables", builder().configuration(Configuration::Environment)),
            ("discovery", builder().joining(Joining::Discovery { members: 1 })),
        ];
        for (name, fleet) in fleets {
            let cluster = fleet.faults(Faults::NONE.links()).start().await?;
            let (leader, follower, third) = roles(&cluster).await?;
            let cut = cluster.cut(leader, follower)?;
            until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
            cluster.member(third.index()).client().await?.put("x", name.to_owned()).await?;
            drop(cut);
            cluster.wait_until_ready().await?;
            follower.client().await?.put("x", name.to_owned()).await?;
        }
    }
    Ok(())
}

/// etcd's own proxies come to members as any client does.
#[tokio::test]
async fn proxies_stand_before_it_and_are_clients() -> Result<()> {
    for etcd in available() {
        let v2 = etcd.version().minor() < 6;
        let mut builder = Cluster::builder().binary(etcd.path());
        if v2 {
            builder = builder.v2();
        }
        let cluster = builder.faults(Faults::NONE.links()).start().await?;
        for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy] {
            let proxy = cluster.start_proxy(kind).await?;
            proxy.client().await?.put("x", "through it").await?;
        }
        if v2 {
            cluster.start_proxy(ProxyKind::V2).await?;
        }
    }
    Ok(())
}

/// All sizes that there are, with all of the network's places in use.
#[tokio::test]
async fn one_to_seven_members() -> Result<()> {
    for members in [1, 2, 5, 7] {
        let builder = Cluster::builder().members(members).faults(Faults::NONE.links());
        let cluster = builder.start().await?;
        assert!(put(cluster.member(members - 1), "x").await.is_some());
    }
    Ok(())
}
