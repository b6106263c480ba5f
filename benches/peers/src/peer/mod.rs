//! The clients that are compared, each used as its documentation says.

mod etcd_client;
mod tercet;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::etcd_client::EtcdClient;
pub(crate) use self::tercet::Tercet;
use crate::Failure;
use crate::link::Settings;
use crate::rows::Row;
use crate::tally::Tally;

/// What every row needs of a client. Keys and values are given away: each makes of them what it can.
pub(crate) trait Peer: Clone + Send + Sync + 'static {
    /// Whoever keeps leases.
    type Kept: Send;

    fn connect(settings: &Settings) -> impl Future<Output = Result<Self, Failure>> + Send;

    fn put(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// How long the value is.
    fn get(
        &mut self,
        key: Vec<u8>,
        serializable: bool,
    ) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// How long all values are that begin with `prefix`.
    fn range(
        &mut self,
        prefix: &'static str,
    ) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// Watches a key as often as the row says, from now on and until the process ends, and tells the
    /// tally of each event.
    fn watch(
        &mut self,
        key: &'static str,
        row: Row,
        tally: Arc<Tally>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// A new lease.
    fn grant(&mut self, ttl: Duration) -> impl Future<Output = Result<i64, Failure>> + Send;

    fn renew(&mut self, lease: i64) -> impl Future<Output = Result<(), Failure>> + Send;

    fn revoke(&mut self, lease: i64) -> impl Future<Output = Result<(), Failure>> + Send;

    /// How many leases the server has.
    fn leases(&mut self) -> impl Future<Output = Result<usize, Failure>> + Send;

    /// Keeps leases alive until what it gives is dropped.
    fn keep(
        &mut self,
        leases: Vec<i64>,
        ttl: Duration,
    ) -> impl Future<Output = Result<Self::Kept, Failure>> + Send;
}
