//! All keys as they are, and then every change.

use bytes::Bytes;

use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::json::json_object;
use crate::kv::{KeyValue, Keys, Range};
use crate::watch::request::Watch;
use crate::watch::watcher::Watcher;

/// How many keys the first page has.
const FIRST_PAGE: u32 = 256;
/// What a page should not have much more of, by the size of those before it.
const PAGE_BYTES: usize = 4 << 20;
const MOST_KEYS: u32 = 10_000;
/// How often a listing is begun again because it was compacted away under way.
const TRIES: usize = 5;

/// All keys at one revision, and what happens to them after it. From
/// [`Client::list_then_watch`].
#[non_exhaustive]
#[must_use = "dropping it ends the watch"]
pub struct Listed {
    /// The keys, in the order of their bytes.
    pub kvs: Vec<KeyValue>,
    /// The revision of the store that they are of.
    pub revision: i64,
    /// What happens after it.
    pub watcher: Watcher,
}

json_object!(Listed, it => { kvs: it.kvs, revision: it.revision, watcher: it.watcher });

impl Client {
    /// Reads all keys at one revision of the store, and watches them from the next on: so nothing is
    /// missed, and nothing is told twice.
    ///
    /// Takes keys or a [`Watch`], whose options are those of the watcher, and whose start revision is
    /// not used. Many keys are read in pages, all of the same revision.
    ///
    /// When the watcher ends with [`Compacted`](ErrorKind::Compacted), what it was not told is lost:
    /// call this again, and take the new keys for the old ones. [`Cache`](crate::Cache) does just
    /// that.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::{ErrorKind, Keys};
    ///
    /// 'again: loop {
    ///     let mut jobs = client.list_then_watch(Keys::prefix("jobs/")).await?;
    ///     println!("{} at revision {}", jobs.kvs.len(), jobs.revision);
    ///     while let Some(change) = jobs.watcher.next().await {
    ///         match change {
    ///             Ok(change) => println!("{:?}", change.events()),
    ///             Err(error) if error.kind() == ErrorKind::Compacted => continue 'again,
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// Cancel safe: a read, and a watch that is taken back.
    ///
    /// # Errors
    ///
    /// As [`range`](Self::range) and [`watch`](Self::watch).
    pub async fn list_then_watch(&self, watch: impl Into<Watch>) -> Result<Listed> {
        let watch = watch.into();
        watch.clone().start_revision(0).check()?;
        let (kvs, revision) = list(self, &watch.keys()).await?;
        let watcher = self.watch(watch.start_revision(revision + 1)).await?;
        Ok(Listed { kvs, revision, watcher })
    }
}

/// All of these keys at one revision of the store, and that revision.
pub(super) async fn list(client: &Client, keys: &Keys) -> Result<(Vec<KeyValue>, i64)> {
    let mut tries = 0;
    loop {
        tries += 1;
        match pages(client, keys).await {
            // The pages after the first are of a revision that somebody has compacted since.
            Err(error) if error.kind() == ErrorKind::Compacted && tries < TRIES => {}
            result => return result,
        }
    }
}

async fn pages(client: &Client, keys: &Keys) -> Result<(Vec<KeyValue>, i64)> {
    let (mut key, range_end) = keys.clone().into_wire();
    let mut all = Vec::new();
    let mut at = None;
    let mut limit = FIRST_PAGE;
    loop {
        let mut page = Range::new(Keys::from_wire((key, range_end.clone()))).limit(limit);
        if let Some(revision) = at {
            page = page.revision(revision);
        }
        let answer = client.range(page).await?;
        let revision = *at.get_or_insert_with(|| answer.revision());
        let more = answer.more();
        let kvs = answer.into_kvs();
        limit = next_limit(&kvs);
        let last = kvs.last().map(KeyValue::key_bytes);
        if all.is_empty() {
            all = kvs;
        } else {
            all.extend(kvs);
        }
        match last {
            Some(last) if more => key = after(&last),
            _ => return Ok((all, revision)),
        }
    }
}

/// How many keys the next page may have, if they are as large as these.
fn next_limit(kvs: &[KeyValue]) -> u32 {
    let bytes: usize = kvs.iter().map(|kv| kv.key().len() + kv.value().len()).sum();
    let each = bytes / kvs.len().max(1) + 64;
    u32::try_from(PAGE_BYTES / each).unwrap_or(MOST_KEYS).clamp(1, MOST_KEYS)
}

/// The first key after this one.
fn after(key: &Bytes) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}
