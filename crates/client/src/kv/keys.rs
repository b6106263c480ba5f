//! Which keys a request is about.

use std::fmt;

use bytes::Bytes;

use crate::json::{Json, Out, json_debug};

/// One key, a prefix or a range of keys.
///
/// Anything that is a key becomes one: `client.delete_range("a")` and
/// `client.delete_range(Keys::prefix("a/"))` both work.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Keys {
    key: Bytes,
    range_end: Bytes,
}

/// One zero byte: the first of all keys and, as the end of a range, no end at all (etcd's
/// `api/etcdserverpb/rpc.proto`, `RangeRequest.range_end`).
const ZERO: Bytes = Bytes::from_static(b"\0");

impl Keys {
    /// One key.
    pub fn one(key: impl Into<Bytes>) -> Self {
        Self { key: key.into(), range_end: Bytes::new() }
    }

    /// All keys that begin with `prefix`; with an empty one, all keys.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let prefix = prefix.into();
        if prefix.is_empty() {
            return Self::all();
        }
        let range_end = after_prefix(&prefix);
        Self { key: prefix, range_end }
    }

    /// All keys from `from` on and before `to`, in the order of their bytes.
    pub fn between(from: impl Into<Bytes>, to: impl Into<Bytes>) -> Self {
        let to = to.into();
        // On the wire these two mean one key and no end. As a bound no key is less than either.
        if to.is_empty() || to == ZERO {
            return Self::none();
        }
        Self { key: not_empty(from.into()), range_end: to }
    }

    /// `from` and all keys after it.
    pub fn starting_at(from: impl Into<Bytes>) -> Self {
        Self { key: not_empty(from.into()), range_end: ZERO }
    }

    /// All keys.
    #[must_use]
    pub fn all() -> Self {
        Self { key: ZERO, range_end: ZERO }
    }

    /// The key, or where the range begins.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.key
    }

    /// Whether `key` is one of them.
    ///
    /// ```
    /// use tercet_client::Keys;
    ///
    /// assert!(Keys::prefix("a/").contains("a/1"));
    /// assert!(!Keys::between("a", "c").contains("c"));
    /// ```
    #[must_use]
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        let key = key.as_ref();
        if self.range_end.is_empty() {
            return key == self.key;
        }
        key >= &self.key[..] && (self.range_end == ZERO || key < &self.range_end[..])
    }

    /// A range that ends where it begins.
    fn none() -> Self {
        const ONE: Bytes = Bytes::from_static(b"\x01");
        Self { key: ONE, range_end: ONE }
    }

    /// From what the wire has: also the empty key, which is less than all others there.
    pub(crate) fn from_wire((key, range_end): (Bytes, Bytes)) -> Self {
        let key = if range_end.is_empty() { key } else { not_empty(key) };
        Self { key, range_end }
    }

    /// As the wire has it: the key, and the end of the range.
    pub(crate) fn into_wire(self) -> (Bytes, Bytes) {
        (self.key, self.range_end)
    }
}

impl<K: Into<Bytes>> From<K> for Keys {
    fn from(key: K) -> Self {
        Self::one(key)
    }
}

/// A key; or a prefix, a range, or where one without an end begins.
impl Json for Keys {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let (key, end) = (&self.key, &self.range_end);
        if end.is_empty() {
            key.json(out)
        } else if *self == Self::all() {
            out.object(&[("prefix", &"")])
        } else if *end == after_prefix(key) {
            out.object(&[("prefix", key)])
        } else if *end == ZERO {
            out.object(&[("from", key)])
        } else {
            out.object(&[("from", key), ("to", end)])
        }
    }
}

json_debug!(Keys);

/// etcd takes no empty key, and none is less than one zero byte.
fn not_empty(key: Bytes) -> Bytes {
    if key.is_empty() { ZERO } else { key }
}

/// The first key after all that begin with `prefix`: the prefix with its last byte that can grow
/// grown, and nothing after it. One of 0xff bytes only has nothing after it.
pub(super) fn after_prefix(prefix: &[u8]) -> Bytes {
    match prefix.iter().rposition(|&byte| byte != 0xff) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end.into()
        }
        None => ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(keys: impl Into<Keys>) -> (Vec<u8>, Vec<u8>) {
        let (key, end) = keys.into().into_wire();
        (key.to_vec(), end.to_vec())
    }

    fn pair(key: &[u8], end: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (key.to_vec(), end.to_vec())
    }

    #[test]
    fn everything_that_is_bytes_is_a_key() {
        assert_eq!(wire("a"), pair(b"a", b""));
        assert_eq!(wire(String::from("a")), pair(b"a", b""));
        assert_eq!(wire(vec![0xff]), pair(&[0xff], b""));
        assert_eq!(wire(Bytes::from_static(b"a")), pair(b"a", b""));
        assert_eq!(wire(Keys::one("a")), pair(b"a", b""));
    }

    #[test]
    fn prefixes() {
        assert_eq!(wire(Keys::prefix("a/")), pair(b"a/", b"a0"));
        assert_eq!(wire(Keys::prefix(vec![b'a', 0xff])), pair(&[b'a', 0xff], b"b"));
        assert_eq!(wire(Keys::prefix(vec![0, 0xff, 0xff])), pair(&[0, 0xff, 0xff], &[1]));
        assert_eq!(wire(Keys::prefix(vec![0xff, 0xff])), pair(&[0xff, 0xff], &[0]));
        assert_eq!(wire(Keys::prefix(vec![0xfe])), pair(&[0xfe], &[0xff]));
        assert_eq!(wire(Keys::prefix("")), wire(Keys::all()));
    }

    #[test]
    fn ranges() {
        assert_eq!(wire(Keys::between("a", "c")), pair(b"a", b"c"));
        assert_eq!(wire(Keys::between("", "c")), pair(&[0], b"c"));
        assert_eq!(wire(Keys::starting_at("b")), pair(b"b", &[0]));
        assert_eq!(wire(Keys::starting_at("")), wire(Keys::all()));
    }

    #[test]
    fn what_is_in_them() {
        let of = |keys: Keys| ["", "a", "a/", "a/1", "a0", "b"].map(|key| keys.contains(key));
        assert_eq!(of(Keys::one("a")), [false, true, false, false, false, false]);
        assert_eq!(of(Keys::prefix("a/")), [false, false, true, true, false, false]);
        assert_eq!(of(Keys::between("a/", "b")), [false, false, true, true, true, false]);
        assert_eq!(of(Keys::starting_at("a/1")), [false, false, false, true, true, true]);
        assert_eq!(of(Keys::all())[1..], [true; 5]);
        assert_eq!(of(Keys::between("b", "a")), [false; 6]);
        assert_eq!(of(Keys::none()), [false; 6]);
        assert!(Keys::prefix(vec![0xff]).contains([0xff, 0xff]));
    }

    #[test]
    fn an_empty_range_does_not_become_something_else_on_the_wire() {
        assert_eq!(wire(Keys::between("a", "")), wire(Keys::none()));
        assert_eq!(wire(Keys::between("a", vec![0])), wire(Keys::none()));
        assert_eq!(wire(Keys::between("", "")), wire(Keys::none()));
    }
}
