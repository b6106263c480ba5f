//! Every request of etcd 3.7's services: it is answered, or this etcd does not have it and the error
//! says which does.

use std::collections::BTreeSet;
use std::time::Duration;

use tercet_client::{
    Access, AlarmKind, Client, Config, Error, ErrorKind, Keys, Op, Permission, Range, Result, Tls,
    Txn,
};
use tercet_harness::{Cluster, Timing};
use tercet_tests::all;

const TTL: Duration = Duration::from_secs(60);

/// What became of each request, by the name that etcd's services have for it.
#[derive(Default)]
struct Answers(Vec<(&'static str, std::result::Result<(), Error>)>);

impl Answers {
    fn note<T>(&mut self, name: &'static str, answer: Result<T>) -> Option<T> {
        let (value, noted) = match answer {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.0.push((name, noted));
        value
    }

    /// Those that this etcd says it does not have.
    fn unsupported(&self) -> Vec<&'static str> {
        let is_unsupported = |(name, answer): &(&'static str, std::result::Result<(), Error>)| {
            let error = answer.as_ref().err()?;
            (error.kind() == ErrorKind::Unsupported).then_some(*name)
        };
        self.0.iter().filter_map(is_unsupported).collect()
    }

    /// Those that were neither answered nor unsupported.
    fn failed(&self) -> Vec<String> {
        let failed = |(name, answer): &(&'static str, std::result::Result<(), Error>)| {
            let error = answer.as_ref().err()?;
            (error.kind() != ErrorKind::Unsupported).then(|| format!("{name}: {error}"))
        };
        self.0.iter().filter_map(failed).collect()
    }
}

#[tokio::test]
async fn each_request_is_answered_or_says_which_etcd_has_it() -> tercet_harness::Result<()> {
    for etcd in all() {
        let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = builder.start().await?;
        let client = cluster.client().await?;
        let mut answers = Answers::default();
        keys(&client, &mut answers).await;
        leases(&client, &mut answers).await;
        servers(&client, &mut answers).await;
        upkeep(&cluster, &client, &mut answers).await;
        users(&cluster, &client, &mut answers).await;

        let asked: BTreeSet<_> = answers.0.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(asked, all_there_are());
        assert_eq!(answers.failed(), Vec::<String>::new(), "etcd {}", etcd.version());
        let minor = etcd.version().minor();
        let mut lacking = Vec::new();
        if minor < 7 {
            lacking.push("KV.RangeStream");
        }
        if minor < 5 {
            lacking.extend(["Maintenance.Downgrade", "Auth.AuthStatus"]);
        }
        assert_eq!(answers.unsupported(), lacking, "etcd {}", etcd.version());
        for (name, answer) in &answers.0 {
            if let Err(error) = answer {
                assert!(error.to_string().contains("which came with etcd 3."), "{name}: {error}");
            }
        }
    }
    Ok(())
}

/// The requests of the services, by their definitions.
fn all_there_are() -> BTreeSet<String> {
    const FILES: [&str; 8] = [
        include_str!("../../crates/client/proto/auth.proto"),
        include_str!("../../crates/client/proto/cluster.proto"),
        include_str!("../../crates/client/proto/election.proto"),
        include_str!("../../crates/client/proto/kv.proto"),
        include_str!("../../crates/client/proto/lease.proto"),
        include_str!("../../crates/client/proto/lock.proto"),
        include_str!("../../crates/client/proto/maintenance.proto"),
        include_str!("../../crates/client/proto/watch.proto"),
    ];
    let mut requests = BTreeSet::new();
    for file in FILES {
        let mut service = "";
        for line in file.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("service ") {
                service = name.trim_end_matches(" {");
            } else if let Some(request) = line.strip_prefix("rpc ") {
                let (name, _) = request.split_once('(').expect("it takes something");
                requests.insert(format!("{service}.{name}"));
            }
        }
    }
    assert_eq!(requests.len(), 49, "the control");
    requests
}

async fn keys(client: &Client, answers: &mut Answers) {
    let put = answers.note("KV.Put", client.put("a", "1").await);
    let revision = put.map_or(0, |put| put.revision());
    answers.note("KV.Range", client.range(Range::all()).await);
    answers.note("KV.RangeStream", client.range_stream(Range::all()).await);
    answers.note("KV.Txn", client.txn(Txn::always([Op::get("a")])).await);
    answers.note("KV.DeleteRange", client.delete("a").await);
    answers.note("Watch.Watch", client.watch("a").await);
    answers.note("KV.Compact", client.compact(revision).await);
}

async fn leases(client: &Client, answers: &mut Answers) {
    let granted = answers.note("Lease.LeaseGrant", client.lease_grant(TTL).await);
    let id = granted.expect("it was granted").id();
    answers.note("Lease.LeaseKeepAlive", client.lease_keep_alive_once(id).await);
    answers.note("Lease.LeaseTimeToLive", client.lease_time_to_live(id).await);
    answers.note("Lease.LeaseLeases", client.leases().await);
    answers.note("Lease.LeaseRevoke", client.lease_revoke(id).await);
}

async fn servers(client: &Client, answers: &mut Answers) {
    let lease = client.lease(TTL).await.expect("a lease");
    let locks = client.lock_server();
    let key = answers.note("Lock.Lock", locks.lock("lock", lease.id()).await).expect("a lock");
    answers.note("Lock.Unlock", locks.unlock(key).await);
    let elections = client.election_server();
    let campaign = elections.campaign("who", lease.id(), "one").await;
    let leadership = answers.note("Election.Campaign", campaign).expect("it leads");
    answers.note("Election.Proclaim", elections.proclaim(&leadership, "two").await);
    answers.note("Election.Leader", elections.leader("who").await);
    answers.note("Election.Observe", elections.observe("who").await);
    answers.note("Election.Resign", elections.resign(&leadership).await);
}

async fn upkeep(cluster: &Cluster, client: &Client, answers: &mut Answers) {
    let leader = cluster.leader().await.expect("one leads");
    let at = leader.client_url();
    let other = cluster.members().find(|member| member.name() != leader.name());
    let list = answers.note("Cluster.MemberList", client.member_list().await).expect("a list");
    let other = other.expect("there are three").name().to_owned();
    let other = list.members().iter().find(|member| member.name() == other).expect("it is in");

    // With one that is never started: the quorum of three is that of four less one.
    let added = client.member_add_learner(["https://192.0.2.1:2380"]).await;
    let added = answers.note("Cluster.MemberAdd", added).expect("it was added");
    let id = added.member().id();
    let moved = client.member_update(id, ["https://192.0.2.2:2380"]).await;
    answers.note("Cluster.MemberUpdate", moved);
    // It is answered, by a no: the learner has heard nothing yet.
    let promoted =
        client.member_promote(id).await.map(|_| ()).or_else(|error| match error.kind() {
            ErrorKind::LearnerNotReady => Ok(()),
            _ => Err(error),
        });
    answers.note("Cluster.MemberPromote", promoted);
    answers.note("Cluster.MemberRemove", client.member_remove(id).await);

    answers.note("Maintenance.Status", client.status(at).await);
    answers.note("Maintenance.Defragment", client.defragment(at).await);
    answers.note("Maintenance.Hash", client.hash(at).await);
    answers.note("Maintenance.HashKV", client.hash_kv(at, 0).await);
    answers.note("Maintenance.Snapshot", client.snapshot(at).await);
    answers.note("Maintenance.Alarm", client.alarms().await);
    answers.note("Maintenance.Alarm", client.alarm_activate(other.id(), AlarmKind::NoSpace).await);
    answers.note("Maintenance.Alarm", client.alarm_disarm(other.id(), AlarmKind::NoSpace).await);
    // There is none to be cancelled: an answer too.
    let cancelled =
        client.downgrade_cancel().await.map(|_| ()).or_else(|error| match error.kind() {
            ErrorKind::NoDowngrade => Ok(()),
            _ => Err(error),
        });
    answers.note("Maintenance.Downgrade", cancelled);
    answers.note("Maintenance.MoveLeader", client.move_leader(at, other.id()).await);
}

async fn users(cluster: &Cluster, client: &Client, answers: &mut Answers) {
    answers.note("Auth.AuthStatus", client.auth_status().await);
    answers.note("Auth.UserAdd", client.user_add("root", "secret").await);
    answers.note("Auth.RoleAdd", client.role_add("root").await);
    answers.note("Auth.UserGrantRole", client.user_grant_role("root", "root").await);
    answers.note("Auth.UserAdd", client.user_add("alice", "secret").await);
    answers.note("Auth.RoleAdd", client.role_add("reader").await);
    let permission = || Permission::new(Access::Read, Keys::prefix("a/"));
    let granted = client.role_grant_permission("reader", permission()).await;
    answers.note("Auth.RoleGrantPermission", granted);
    answers.note("Auth.UserGrantRole", client.user_grant_role("alice", "reader").await);
    answers.note("Auth.UserGet", client.user_get("alice").await);
    answers.note("Auth.UserList", client.user_list().await);
    answers.note("Auth.RoleGet", client.role_get("reader").await);
    answers.note("Auth.RoleList", client.role_list().await);
    answers.note("Auth.UserChangePassword", client.user_change_password("alice", "other").await);
    let revoked = client.role_revoke_permission("reader", Keys::prefix("a/")).await;
    answers.note("Auth.RoleRevokePermission", revoked);
    answers.note("Auth.UserRevokeRole", client.user_revoke_role("alice", "reader").await);
    answers.note("Auth.RoleDelete", client.role_delete("reader").await);
    answers.note("Auth.UserDelete", client.user_delete("alice").await);
    answers.note("Auth.AuthEnable", client.auth_enable().await);
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key);
    let config = Config::new(cluster.endpoints()).tls(tls.expect("they are there"));
    let root = Client::connect(config.user("root", "secret")).await.expect("it can work");
    // Its first request asks for a token.
    answers.note("Auth.Authenticate", root.get("a").await);
    answers.note("Auth.AuthDisable", root.auth_disable().await);
}
