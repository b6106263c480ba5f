//! Keys: what is read, written, deleted and compared.

mod calls;
pub(crate) mod check;
mod compare;
mod delete;
mod guarded;
mod key_value;
pub(crate) mod keys;
mod namespace;
mod pages;
mod put;
mod range;
mod range_stream;
mod txn;

pub use self::compare::{Compare, Is};
pub use self::delete::{Delete, DeleteResponse};
pub use self::guarded::{EVIDENCE_TIME, Guarded, Resolution};
pub use self::key_value::KeyValue;
pub use self::keys::Keys;
pub use self::pages::{KeyValues, Pages};
pub use self::put::{Put, PutResponse};
pub use self::range::{Order, Range, RangeResponse, SortBy};
pub use self::range_stream::RangeStream;
pub use self::txn::{Op, OpResponse, Txn, TxnResponse, TxnThen, TxnWhen};

pub(crate) use self::calls::kv;
pub(crate) use self::guarded::Pending;
pub(crate) use self::namespace::{Enter, Leave, Namespace};
