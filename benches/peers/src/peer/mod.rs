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
}
