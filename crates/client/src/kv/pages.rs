//! Any number of keys, a page at a time.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_core::Stream;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::kv::check::{self, invalid};
use crate::kv::{KeyValue, Range, RangeResponse};
use crate::transport::call::Operation;

const PAGES: Operation = Operation::read("pages");

/// How many keys [`Client::stream`] asks for at a time: with keys and values of a kilobyte a
/// megabyte, which is a few milliseconds of a member's time.
const STREAM_PAGE: u32 = 1000;

impl Client {
    /// Reads keys `page_size` at a time, all as of one revision: that of the first page, or the one
    /// that the range asks for. Nothing is sent before the first page is waited for.
    ///
    /// Pages come in the order of the keys, and another order is refused with the first. The range's
    /// limit is how many keys there are in all. Each page is a request of its own, which may go to
    /// another member. If the revision is compacted before the last page,
    /// [`Compacted`](ErrorKind::Compacted) says so.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::Range;
    ///
    /// let mut pages = client.pages(Range::prefix("jobs/"), 500);
    /// while let Some(page) = pages.next().await {
    ///     for kv in page?.kvs() {
    ///         println!("{kv:?}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn pages(&self, range: impl Into<Range>, page_size: u32) -> Pages {
        let mut range = range.into().into_wire();
        let left = (range.limit > 0).then_some(range.limit);
        let unsorted = range.sort_order() == SortOrder::None
            || (range.sort_target() == SortTarget::Key && range.sort_order() == SortOrder::Ascend);
        let wrong = if page_size == 0 {
            Some("a page of no keys brings nothing")
        } else if !unsorted {
            Some(
                "pages come in the order of the keys, and this has another; sort what you get, or \
                 read it at once with Client::range",
            )
        } else if range.count_only {
            Some("a count has no pages; ask for it with Client::range")
        } else {
            check::range(&range).err()
        };
        // Without an order etcd stops reading at the limit; with one it first reads all.
        range.set_sort_order(SortOrder::None);
        let state = match wrong {
            Some(what) => State::Wrong(invalid(PAGES, what)),
            None => State::Ready,
        };
        Pages { client: self.clone(), range, page_size: page_size.into(), left, state }
    }

    /// The keys of a range one by one, however many they are: [`pages`](Self::pages) of a thousand.
    pub fn stream(&self, range: impl Into<Range>) -> KeyValues {
        KeyValues { pages: self.pages(range, STREAM_PAGE), page: VecDeque::new() }
    }
}

/// Pages of a range, each a [`RangeResponse`]: see [`Client::pages`].
///
/// It is a [`Stream`], too. Dropping it ends the request that is under way.
#[must_use]
pub struct Pages {
    client: Client,
    range: pb::RangeRequest,
    page_size: i64,
    /// How many keys may yet come, if there is a limit.
    left: Option<i64>,
    state: State,
}

type Asked = Pin<Box<dyn Future<Output = Result<RangeResponse>> + Send>>;

enum State {
    Wrong(Error),
    Ready,
    /// Never locked: it makes `Pages` what may be shared between threads.
    Asked(Mutex<Asked>),
    Done,
}

impl Pages {
    /// The next page; `None` after the last, and after an error. The only page of a range without
    /// keys is an empty one.
    ///
    /// Cancel safe: a request that is under way when this is dropped is waited for by the next call.
    ///
    /// # Errors
    ///
    /// As [`get`](Client::get), [`InvalidRequest`](ErrorKind::InvalidRequest) if the range cannot be
    /// read so, and [`Compacted`](ErrorKind::Compacted). After any of them it is over.
    pub async fn next(&mut self) -> Option<Result<RangeResponse>> {
        poll_fn(|context| self.poll_page(context)).await
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RangeResponse>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Wrong(error) => return Poll::Ready(Some(Err(error))),
                State::Done => return Poll::Ready(None),
                State::Ready => self.state = State::Asked(Mutex::new(self.ask())),
                State::Asked(mut asked) => {
                    let future = asked.get_mut().unwrap_or_else(PoisonError::into_inner);
                    let Poll::Ready(result) = future.as_mut().poll(context) else {
                        self.state = State::Asked(asked);
                        return Poll::Pending;
                    };
                    if let Ok(page) = &result {
                        self.go_on(page);
                    }
                    return Poll::Ready(Some(result));
                }
            }
        }
    }

    fn ask(&self) -> Asked {
        let client = self.client.clone();
        let limit = self.left.map_or(self.page_size, |left| left.min(self.page_size));
        let mut range = pb::RangeRequest { limit, ..self.range.clone() };
        Box::pin(async move {
            let answer = client.read(PAGES, Range::from_wire(range.clone())).await;
            match answer {
                // Another member than the one that answered the last page, and behind it.
                Err(error) if error.kind() == ErrorKind::FutureRevision && range.serializable => {
                    range.serializable = false;
                    client.read(PAGES, Range::from_wire(range)).await
                }
                answer => answer,
            }
        })
    }

    /// Where the next page begins, if there is one.
    fn go_on(&mut self, page: &RangeResponse) {
        if self.range.revision == 0 {
            self.range.revision = page.revision();
        }
        let count = i64::try_from(page.kvs().len()).unwrap_or(i64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(count));
        let Some(last) = page.kvs().last().filter(|_| page.more() && self.left != Some(0)) else {
            return;
        };
        self.range.key = after(last.key());
        self.state = State::Ready;
    }
}

/// The least key that is greater.
fn after(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

impl Stream for Pages {
    type Item = Result<RangeResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_page(context)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("next_key", &self.range.key)
            .field("range_end", &self.range.range_end)
            .field("revision", &self.range.revision)
            .field("page_size", &self.page_size)
            .finish_non_exhaustive()
    }
}

/// The keys of a range one by one: see [`Client::stream`]. It is a [`Stream`], too.
#[derive(Debug)]
#[must_use]
pub struct KeyValues {
    pages: Pages,
    page: VecDeque<KeyValue>,
}

impl KeyValues {
    /// The next key; `None` after the last, and after an error.
    ///
    /// Cancel safe: nothing that was read is lost.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn next(&mut self) -> Option<Result<KeyValue>> {
        poll_fn(|context| self.poll_key(context)).await
    }

    fn poll_key(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<KeyValue>>> {
        loop {
            if let Some(kv) = self.page.pop_front() {
                return Poll::Ready(Some(Ok(kv)));
            }
            match ready!(self.pages.poll_page(context)) {
                Some(Ok(page)) => self.page = page.into_kvs().into(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Stream for KeyValues {
    type Item = Result<KeyValue>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_key(context)
    }
}
