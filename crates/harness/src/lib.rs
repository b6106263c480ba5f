//! A real etcd cluster in one line of a test: three members, mutual TLS on every link, ready in
//! about a tenth of a second, and nothing left behind.
//!
//! ```no_run
//! use tercet_harness::Cluster;
//!
//! #[tokio::test]
//! async fn survives_losing_its_leader() -> tercet_harness::Result<()> {
//!     let cluster = Cluster::start().await?;
//!     let client = cluster.client().await?;
//!     client.put("hello", "world").await?;
//!
//!     let down = cluster.leader().await?.kill()?;
//!     assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
//!     down.restart().await?;
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! Any client can be used: [`Cluster::endpoints`](tercet_cluster::Cluster::endpoints) and the paths in [`Cluster::files`] are what it
//! needs, and [`Cluster::env`](tercet_cluster::Cluster::env) is for `etcdctl`.
//!
//! # Other fleets
//!
//! Each way of etcd's security guide, each way of joining and each proxy is one word:
//!
//! ```no_run
//! use tercet_harness::{Cluster, Joining, ProxyKind, Security};
//!
//! # async fn example() -> tercet_harness::Result<()> {
//! // Members show certificates, clients none: the guide's first example.
//! let cluster = Cluster::builder().security(Security::ServerTls).start().await?;
//!
//! // The members find each other through another etcd, which is started for them.
//! let cluster = Cluster::builder().joining(Joining::Discovery { members: 1 }).start().await?;
//!
//! // One of etcd's own proxies before them, with certificates of its own.
//! let proxy = cluster.start_proxy(ProxyKind::GrpcProxy).await?;
//! proxy.client().await?.put("hello", "world").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Breaking it on purpose
//!
//! Links, disks and clocks, each healed when its guard is dropped:
//!
//! ```no_run
//! use std::time::Duration;
//! use tercet_harness::{Cluster, DiskError, End, Faults, Nemesis};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::builder().faults(Faults::ALL).start().await?;
//! let leader = cluster.leader().await?;
//!
//! let cut = cluster.cut_one_way(leader, leader.others()[0])?; // what it sends there is lost
//! let slow = cluster.slow(End::Clients, leader, Duration::from_millis(20))?;
//! let disk = cluster.member(2).fail_disk(DiskError::Io)?; // and etcd ends, as it does
//! let clock = leader.clock_forward(Duration::from_secs(10 * 24 * 3600))?;
//! drop((cut, slow, disk, clock)); // each guard heals what it broke
//! cluster.member(2).restart().await?;
//!
//! let done = Nemesis::seeded(42).run(&cluster, 10).await?; // all of that, the same each time
//! # Ok(())
//! # }
//! ```
//!
//! # When a test fails
//!
//! When the test fails, the last lines of every member's log are printed, with a command that runs
//! it again. It has failed when its thread panics, or when it returns an [`Error`] of this crate, into
//! which `?` turns those of a client or a member.
//!
//! # The environment
//!
//! | variable | what it does |
//! |---|---|
//! | `TERCET_ETCD` | the etcd to run: a binary, or a directory that holds one |
//! | `TERCET_TIMING` | `fast` (the default), `ci` or `stock`, where the test does not say |
//! | `TERCET_KEEP` | `never` (the default), `failure` or `always`, where the test does not say |
//! | `TERCET_CACHE_DIR`, `TERCET_ETCD_MIRRORS`, `TERCET_OFFLINE` | see [`binary`] |
//!
//! # Which runtime
//!
//! A connected client belongs to the runtime that made it. To share a cluster between tests, share
//! the [`Cluster`] (in an `Arc`) and make a client in each. A cluster may be dropped anywhere.

mod builder;
mod cluster;
mod error;
mod keep;
mod report;

pub use builder::Builder;
pub use cluster::Cluster;
pub use error::{Error, Result};
pub use keep::{Keep, ParseKeepError};

// What a test needs, so that one dev-dependency is enough.
pub use tercet_client::{self as client, Client};
pub use tercet_cluster::binary::{self, Version};
pub use tercet_cluster::{
    Carriage, CertificateFault, CertificateFlaw, ClockFault, Configuration, CrashAt, DiskError,
    DiskFault, Down, End, FaultError, Faults, Joining, LinkFault, LinkPolicy, LinkTraffic, Member,
    MemberHost, Menu, Nemesis, Paused, Port, Proxy, ProxyKind, Rampage, Restore, RotationMethod,
    Schedule, Security, StartPoint, StoreOptions, StrangerTrusted, Timing, TlsOptions, TlsVersion,
    Unsupported,
};
pub use tercet_pki::{self as pki, Layout};
