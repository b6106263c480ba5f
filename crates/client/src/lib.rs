//! An etcd v3 client: mutual TLS, several endpoints, no protoc.
//!
//! ```no_run
//! use tercet_client::{Client, Config, Tls};
//!
//! # async fn run(ca: Vec<u8>, chain: Vec<u8>, key: Vec<u8>) -> tercet_client::Result<()> {
//! let config = Config::new(["https://etcd-1:2379", "https://etcd-2:2379", "https://etcd-3:2379"])
//!     .tls(Tls::mutual(ca, chain, key)?);
//! let client = Client::connect(config).await?;
//!
//! client.put("hello", "world").await?;
//! assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
//! # Ok(()) }
//! ```
//!
//! A lock and a watch:
//!
//! ```no_run
//! use std::time::Duration;
//! use tercet_client::{Client, Config, Mutex, Tls, Watch};
//!
//! async fn nightly() -> tercet_client::Result<()> {
//!     let config = Config::new(["https://etcd-1:2379", "https://etcd-2:2379", "https://etcd-3:2379"])
//!         .tls(Tls::mutual_files("ca.crt", "client.crt", "client.key")?); // and again when replaced
//!     let client = Client::connect(config).await?;
//!
//!     let session = client.session(Duration::from_secs(10)).await?; // a lease, kept alive
//!     let guard = Mutex::new(&session, "locks/reports").lock().await?;
//!     guard.put("reports/last", "today").await?; // refused if the lock was lost
//!     guard.unlock().await?;
//!
//!     let mut changes = client.watch(Watch::prefix("jobs/")).await?; // whatever member dies
//!     while let Some(change) = changes.next().await {
//!         println!("{:?}", change?.events());
//!     }
//!     Ok(())
//! }
//! # let _ = nightly;
//! ```
//!
//! - [`Client`] is cheap to clone, and every method takes `&self`.
//! - A request that fails says whether it may have happened all the same: [`Error::outcome`].
//! - No type of tonic, prost or hyper is in a signature, so their releases break nothing; of rustls
//!   there is one, in [`Tls::rustls_config`].
//! - etcd 3.4 to 3.7 are known to work.
//!
//! # Where to find what
//!
//! - Keys: [`get`](Client::get), [`put`](Client::put), [`range`](Client::range), [`pages`](Client::pages),
//!   [`delete`](Client::delete), [`txn`](Client::txn); a part of the store: [`namespace`](Client::namespace).
//! - Writes whose outcome can be found out: [`guarded`](Client::guarded).
//! - Changes: [`watch`](Client::watch), [`list_then_watch`](Client::list_then_watch), a [`Cache`].
//! - Leases: [`lease`](Client::lease), kept alive; [`session`](Client::session) with all that ends with it:
//!   [`Mutex`], [`RwLock`], [`Election`], [`DoubleBarrier`].
//! - [`queue`](Client::queue), [`priority_queue`](Client::priority_queue), [`barrier`](Client::barrier);
//!   transactions as plain code: [`transact`](Client::transact).
//! - Operating: [`status`](Client::status), [`snapshot`](Client::snapshot),
//!   [`member_add`](Client::member_add), [`compact`](Client::compact), [`alarms`](Client::alarms); users and
//!   roles: [`user_add`](Client::user_add), [`role_add`](Client::role_add),
//!   [`auth_enable`](Client::auth_enable).
//! - Around all of it: [`Config::observer`], [`Config::layer`], [`Config::intercept`].
//!
//! # Keys and values
//!
//! Both are `impl Into<Bytes>`: a `&'static str`, a `String`, a `Vec<u8>` or a [`Bytes`], none of
//! which is copied. So write `client.get(format!("jobs/{id}"))`, without a `&`; for a borrowed
//! `key: &str` write `client.get(key.to_owned())`, which shows the copy.
//!
//! # In logs
//!
//! What etcd answers and what it is asked, and all that these are made of, are written as JSON by
//! `{:?}`, on one line, and by `{:#?}`, indented: a [`KeyValue`], a [`RangeResponse`], an [`Event`], a
//! [`Txn`], a [`Member`], a [`Status`].
//!
//! ```no_run
//! # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
//! client.put("jobs/1", "build").await?;
//! println!("{:?}", client.get("jobs/1").await?.expect("it is there"));
//! // {"key":"jobs/1","value":"build","create_revision":2,"mod_revision":2,"version":1,"lease":null}
//! # Ok(()) }
//! ```
//!
//! - Keys and values are strings where they are UTF-8, and otherwise `{"base64":"/wA="}`. Of one of
//!   more than 1024 bytes there is the beginning, with the length of the whole:
//!   `{"text":"…","bytes":2048}` or `{"base64":"…","bytes":2048}`. Lists are whole.
//! - Numbers of leases, members and clusters are strings, in hexadecimal as `etcdctl` takes them.
//! - An answer has all of its fields, with `null` for what there is not; a request has those options
//!   that were given.
//! - No control characters, ends of lines or marks of direction are in it unescaped, whatever is in a
//!   value.
//!
//! Values are shown, since they are data: one that is a secret does not belong in a log. Passwords,
//! tokens and private keys are never shown. What is no value, as a [`Client`], a [`Config`], an
//! [`Error`], a [`Resolution`] or what an [`Observer`] is told, is written as Rust does, and so are an
//! `Option` and the bare names of an enum.
//!
//! # When something fails
//!
//! - A request has ten seconds over all attempts ([`Config::request_timeout`]), a connection three
//!   ([`Config::dial_timeout`]). Reads are asked again elsewhere, and so are the few writes of which twice
//!   is the same as once (leases); all others only if they were provably not sent. There is no count of
//!   retries to set.
//! - [`Client::connect`] asks nobody. While no member can be reached each request fails with
//!   [`ErrorKind::Connect`] or [`ErrorKind::Tls`]. A first watch and a first session fail likewise; those
//!   already running go on by themselves.
//! - Metrics: [`Config::observer`]. Logs and traces: spans of `tracing`. What is to be around each
//!   request: [`Config::layer`].
//!
//! # Features
//!
//! - `ring` (default): cryptography by ring.
//! - `aws-lc-rs`: cryptography by AWS-LC, if `ring` is off (`default-features = false`). With both
//!   it is ring, so that a dependency that adds a feature changes nothing.

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("tercet-client needs one of the features `ring` and `aws-lc-rs`");

mod auth;
mod client;
mod config;
mod coordination;
mod error;
#[cfg(test)]
mod fake;
mod from_wire;
#[expect(
    unreachable_pub,
    unnameable_types,
    clippy::enum_variant_names,
    reason = "generated code, all of the wire, of which the client shows a part"
)]
#[rustfmt::skip]
mod generated;
mod intercept;
mod json;
mod kv;
mod lease;
mod member;
mod observe;
mod operate;
mod race;
mod random;
mod secrets;
mod transport;
mod watch;

pub use bytes::Bytes;

pub use self::auth::{Access, AuthStatus, Permission, Role, User};
pub use self::client::Client;
pub use self::config::{
    Balance, CONNECTIONS_PER_ENDPOINT, Config, DIAL_TIMEOUT, Endpoint, KEEP_ALIVE_INTERVAL,
    KEEP_ALIVE_TIMEOUT, MAX_REQUEST_BYTES, REQUEST_TIMEOUT,
};
pub use self::coordination::{
    Barrier, Committed, DoubleBarrier, Election, ElectionServer, Entered, Fence, Held, Isolation,
    Leader, Leaders, Leadership, LockServer, Mutex, MutexGuard, PriorityQueue, Queue, ReadGuard,
    RwLock, SESSION_TTL, STM_TIMEOUT, ServerLeaders, ServerLeadership, Session, SessionBuilder,
    Stm, StmOptions, WriteGuard,
};
pub use self::error::{Error, ErrorKind, Outcome, Result};
pub use self::intercept::{Call, CallError, Exchange, Exchanging, InvalidMetadata, Reply};
pub use self::kv::{
    Compare, Delete, DeleteResponse, EVIDENCE_TIME, Guarded, Is, KeyValue, KeyValues, Keys, Op,
    OpResponse, Order, Pages, Put, PutResponse, Range, RangeResponse, RangeStream, Resolution,
    SortBy, Txn, TxnResponse, TxnThen, TxnWhen,
};
pub use self::lease::{
    Lease, LeaseGrantResponse, LeaseId, LeaseLost, LeaseLostReason, LeaseRevokeResponse,
    LeaseState, LeaseTimeToLiveResponse, MAX_LEASE_TTL,
};
pub use self::member::{Member, MemberListResponse};
pub use self::observe::{
    AttemptFailed, ConnectFailed, Connected, Disconnected, Observer, RequestEnd, RequestEnded,
    WatchResumed,
};
pub use self::operate::{
    Alarm, AlarmKind, Compact, CompactResponse, DowngradeResponse, HashKvResponse, HashResponse,
    MemberAddResponse, SNAPSHOT_STALL_TIMEOUT, SavedSnapshot, Snapshot, SnapshotChunk, Status,
};
pub use self::transport::Tls;
pub use self::watch::{
    Cache, CacheSnapshot, CacheState, Event, Listed, WATCH_BUFFER_BYTES, WATCH_BUFFER_EVENTS,
    Watch, WatchResponse, Watcher,
};
