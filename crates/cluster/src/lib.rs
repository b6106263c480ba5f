//! Real etcd fleets with mutual TLS on every link: started in a tenth of a second, broken on
//! purpose, and gone without a trace.
//!
//! Data walks through these rooms in this order:
//!
//! 1. [`binary`]: which etcd to run, and how to get it.
//! 2. [`plan`]: what every member is started with; pure.
//! 3. `process`: children that never outlive their owner; the only `unsafe`.
//! 4. `observe`: what the members say of themselves.
//! 5. `cluster`: the running fleet: start, readiness, kill and restart.
//! 6. `operate`: what is done to a running fleet; `diagnose`: what is wrong with it; `fault`: how it
//!    is broken on purpose.
//!
//! Beside them, [`runs`]: which fleets of this user there are, and clearing what dead owners left.
//!
//! Tests want `tercet-harness`, which adds what only tests need. This crate is for programs that
//! run a fleet themselves:
//!
//! ```no_run
//! use tercet_cluster::binary::{Locator, Request};
//! use tercet_cluster::{Cluster, Spec};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let etcd = Locator::from_env().locate(&Request::Default)?;
//! let cluster = Cluster::start(&Spec::default(), &etcd, &std::env::temp_dir()).await?;
//! let client = cluster.client().await?;
//! client.put("hello", "world").await?;
//! # Ok(())
//! # }
//! ```

//!
//! What the fleet is to be is a [`Spec`]: how it is [secured](Security), how its members
//! [find each other](Joining), and what stands [before it](Cluster::start_proxy):
//!
//! ```no_run
//! use tercet_cluster::binary::{Locator, Request};
//! use tercet_cluster::{Cluster, Joining, ProxyKind, Security, Spec};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let etcd = Locator::from_env().locate(&Request::Default)?;
//! let spec = Spec::default()
//!     .security(Security::ClientAuth)
//!     .joining(Joining::Discovery { members: 1 });
//! let cluster = Cluster::start(&spec, &etcd, &std::env::temp_dir()).await?;
//! let proxy = cluster.start_proxy(ProxyKind::Gateway).await?;
//! proxy.client().await?.put("hello", "world").await?;
//! # Ok(())
//! # }
//! ```

#[cfg(not(unix))]
compile_error!(
    "tercet-cluster runs on Linux and macOS; on Windows, tercet-pki and tercet-client do"
);

pub mod binary;
mod cluster;
pub mod diagnose;
mod fault;
mod http;
mod observe;
mod operate;
pub mod plan;
mod process;
pub mod runs;

pub use cluster::{
    Cluster, Down, Exit, GivenUp, KillError, LeaderError, Member, Proxy, ProxyError, StartError,
    StartTimes,
};
#[doc(hidden)]
pub use fault::Detour;
pub use fault::{
    Act, Carriage, CertificateFault, CertificateFlaw, ClockFault, CrashAt, Deed, DiskError,
    DiskFault, End, FaultError, LinkFault, LinkPolicy, LinkTraffic, Menu, Nemesis, NemesisError,
    NemesisStep, ParseFlawError, ParseMenuError, ParseScheduleError, Paused, Rampage, Schedule,
    StartPoint, StepError, StrangerTrusted, Target,
};
pub use http::HttpError;
pub use observe::{PortKind, Refusal, RefusalCause, RefusedLink, explain, log_tail, readable};
pub use operate::{
    Cause, Defragmented, FailedStep, HashReport, MemberHash, MemberNow, MemberVersions,
    OperateError, OperateRefusal, Restore, RestoreError, RevokeError, RotateError, RotatedPhase,
    RotationMethod, Step, ToolFailure, Unsettled,
};
pub use plan::{
    Configuration, Faults, Joining, MemberHost, ParseHostError, Plan, PlanError, ProxyKind,
    Security, Spec, StoreOptions, Timing, TlsOptions, TlsVersion,
};
pub use process::{PortError, Unsupported};
pub use tercet_pki::doctor::Port;
