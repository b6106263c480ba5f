//! No lease is lost while every gap is shorter than its time to live.

use tercet_client::{Client, Keys, Lease, Permission, Put};
use tercet_harness::{End, Faults, LinkPolicy, Result};
use tercet_tests::available;

use crate::{TTL, client_of, fleet_of, renewed};

/// A lease with a key, which a watch of another client would see go.
struct Kept {
    lease: Lease,
    client: Client,
}

impl Kept {
    async fn begin(client: Client) -> Result<Self> {
        let lease = client.lease(TTL).await?;
        client.put_with(Put::new("hangs", "on it").lease(lease.id())).await?;
        Ok(Self { lease, client })
    }

    /// It was not lost at any time: its key is the first.
    async fn end(self) -> Result<()> {
        assert!(self.lease.is_alive());
        let kv = self.client.get("hangs").await?.expect("the server still has the lease");
        assert_eq!((kv.version(), kv.lease()), (1, Some(self.lease.id())));
        Ok(())
    }
}

#[tokio::test]
async fn members_come_and_go() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let kept = Kept::begin(cluster.client().await?).await?;
        for member in cluster.members() {
            let down = member.kill()?;
            renewed(&kept.lease).await;
            down.restart().await?;
        }
        let leader = cluster.leader().await?;
        let next = cluster.members().find(|member| member.name() != leader.name());
        cluster.move_leader(next.expect("there are three")).await?;
        renewed(&kept.lease).await;
        // All certificates are others. Connections that are open would stay: what is renewed when all
        // of them were aborted is renewed with the new ones.
        cluster.rotate_leaves().await?;
        let reset = cluster
            .members()
            .map(|member| cluster.impose_both_ways(End::Clients, member, LinkPolicy::RESET));
        drop(reset.collect::<Result<Vec<_>, _>>()?);
        renewed(&kept.lease).await;
        // A lease is no part of the history, and its key is what now is.
        let now = kept.client.put("counted", "after it").await?.revision();
        kept.client.compact(now).await?;
        renewed(&kept.lease).await;
        kept.end().await?;
    }
    Ok(())
}

/// For each member as the only one that is cut off, so that the stream is on it once at least.
#[tokio::test]
async fn members_are_cut_off() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let kept = Kept::begin(cluster.client().await?).await?;
        let leader = cluster.leader().await?;
        // It still answers clients, and knows no majority.
        let isolated = cluster.isolate(leader)?;
        renewed(&kept.lease).await;
        drop(isolated);
        cluster.wait_until_ready().await?;
        // It hears, and nobody hears it.
        let leader = cluster.leader().await?;
        let mute = cluster
            .members()
            .filter(|member| member.name() != leader.name())
            .map(|member| cluster.cut_one_way(leader, member))
            .collect::<Result<Vec<_>, _>>()?;
        renewed(&kept.lease).await;
        drop(mute);
        cluster.wait_until_ready().await?;
        for member in cluster.members() {
            // Connections stay open, and nothing comes through.
            let cut = cluster.cut(End::Clients, member)?;
            renewed(&kept.lease).await;
            drop(cut);
        }
        for member in cluster.members() {
            let paused = member.pause()?;
            renewed(&kept.lease).await;
            drop(paused);
        }
        kept.end().await?;
    }
    Ok(())
}

/// A member that is restarted knows no token any more, and none holds for long that is not used. A
/// change of roles leaves tokens of this kind as they are: it makes old what was asked for before it
/// and is carried out after it.
#[tokio::test]
async fn tokens_are_no_longer_taken() -> Result<()> {
    for etcd in available() {
        // Shorter than from one keepalive to the next.
        let cluster = fleet_of(etcd).flag("auth-token-ttl", "1").start().await?;
        let root = cluster.client().await?;
        root.user_add("root", "secret").await?;
        root.user_grant_role("root", "root").await?;
        root.user_add("alice", "secret").await?;
        root.role_add("alice").await?;
        root.role_grant_permission("alice", Permission::read_write(Keys::all())).await?;
        root.user_grant_role("alice", "alice").await?;
        root.auth_enable().await?;
        cluster.set_user("root", "secret");
        let root = cluster.client().await?;

        let identity = tercet_pki::Leaf::client("a program");
        let identity = cluster.identities().issue(&identity).expect("it is issued");
        let authority = cluster.identities().authority().certificate_pem();
        let tls = tercet_client::Tls::mutual(authority, identity.chain_pem(), identity.key_pem())?;
        let config = tercet_client::Config::new(cluster.endpoints()).tls(tls);
        let alice = Client::connect(config.user("alice", "secret")).await?;
        let kept = Kept::begin(alice).await?;
        for member in cluster.members() {
            root.role_add(format!("of {}", member.name())).await?;
            member.restart().await?;
            renewed(&kept.lease).await;
        }
        kept.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_leaders_disk_is_slow() -> Result<()> {
    if let Err(unsupported) = Faults::NONE.disk().check_support() {
        tercet_tests::say(&format!("{unsupported}: skipped"));
        return Ok(());
    }
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.disk()).start().await?;
        let endpoints = cluster.endpoints();
        let kept = Kept::begin(client_of(&cluster, endpoints).await?).await?;
        let slow = cluster.leader().await?.slow_disk(TTL / 10)?;
        for _ in 0..3 {
            renewed(&kept.lease).await;
        }
        drop(slow);
        kept.end().await?;
    }
    Ok(())
}
