//! The page for users of another client: what is written there as code is here, and runs.

use std::collections::HashSet;
use std::time::Duration;

use tercet_client::{Client, Compare, Config, Is, Keys, Mutex, Op, Tls, Txn};
use tercet_harness::{Cluster, Result};

const PAGE: &str = include_str!("../../docs/migrating-from-etcd-client.md");
const HERE: &str = include_str!("migration.rs");

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_page_is_here() {
    let blocks: Vec<_> = PAGE.split("```rust\n").skip(1).collect();
    assert_eq!(blocks.len(), 4, "the control");
    let here = trimmed(HERE);
    for block in blocks {
        let (code, _) = block.split_once("```").expect("it ends");
        assert!(here.contains(&trimmed(code)), "this is not run:\n{code}");
    }
}

/// What `etcd-client` 0.21.1 has in public, but for accessors whose names are the same here.
const THEIRS: &str = "
    connect connect_with_balanced_channel from_channel add_endpoint remove_endpoint refresh_token
    update_user kv_client watch_client lease_client auth_client maintenance_client cluster_client
    lock_client election_client with_user with_tls with_openssl_tls with_keep_alive with_timeout
    with_connect_timeout with_tcp_keepalive with_keep_alive_while_idle with_require_leader
    with_auto_token_refresh max_decoding_message_size max_encoding_message_size KvClientPrefix
    LeaseClientPrefix authenticate
    put get get_stream delete compact txn with_lease with_prev_key with_ignore_value
    with_ignore_lease with_range with_from_key with_prefix with_all_keys with_limit with_revision
    with_sort with_serializable with_keys_only with_count_only with_min_mod_revision
    with_max_mod_revision with_min_create_revision with_max_create_revision with_physical when
    and_then or_else op_responses key_str value_str into_key_value take_kvs take_prev_key
    take_prev_kvs header take_header ca_certificate identity domain_name tls tls-ring tls-aws-lc
    tls-roots
    watch cancel split request_progress message with_start_revision with_progress_notify
    with_filters with_watch_id with_fragment created canceled compact_revision cancel_reason
    event_type
    lease_grant lease_revoke lease_keep_alive lease_time_to_live leases with_id with_keys
    lock unlock campaign proclaim leader observe resign
    auth_enable auth_disable role_add role_delete role_get role_list role_grant_permission
    role_revoke_permission user_add user_get user_list user_delete user_change_password
    user_grant_role user_revoke_role with_no_pwd alarm status defragment hash hash_kv snapshot
    member_add member_remove member_update member_promote member_list with_is_learner move_leader
    downgrade prev_key granted_ttl grant revoke time_to_live with_key with_name with_rev with_leader
    with_member db_size raft_used_db_size db_size_quota downgrade_info compact_version blob
    range_end is_prefix is_from_key get_type GRpcStatus TransportError WatchError ElectError
    LeaseKeepAliveError InvalidArgs InvalidUri Utf8Error
    with_range_end read write read_write pub-response-field build-server";

#[test]
fn every_call_of_theirs_is_on_the_page() {
    let is_a_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let words: HashSet<_> = PAGE.split(|c| !is_a_part(c)).collect();
    let missing: Vec<_> = THEIRS.split_whitespace().filter(|call| !words.contains(call)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!words.contains("a_call_that_nobody_has"), "the control");
}

#[tokio::test]
async fn the_examples_of_the_page() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new(cluster.endpoints()).tls(tls);

    let client = Client::connect(config).await?;
    client.put("jobs/1", "new").await?;
    let response = client.range(Keys::prefix("jobs/")).await?;
    assert_eq!(response.kvs().len(), 1);

    let txn = Txn::when([Compare::value("jobs/1", Is::Equal, "new")])
        .then([Op::put("jobs/1", "taken")])
        .otherwise([Op::get("jobs/1")]);
    let taken = client.txn(txn).await?.succeeded();
    assert!(taken);

    let mut jobs = client.list_then_watch(Keys::prefix("jobs/")).await?;
    client.put("jobs/2", "new").await?;
    let response = jobs.watcher.next().await.expect("not over")?;
    assert_eq!(response.events().len(), 1);

    let session = client.session(Duration::from_secs(10)).await?;
    let guard = Mutex::new(&session, "locks/jobs").lock().await?;
    guard.put("jobs/1", "done").await?;
    guard.unlock().await?;
    Ok(())
}
