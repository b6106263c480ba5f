//! Keys under a prefix that their user does not see.

mod wire;

pub(crate) use self::wire::{Enter, Leave};

use bytes::{BufMut, Bytes, BytesMut};

use crate::generated::mvccpb;

/// What is put before each key on its way to the server, and taken off on its way back.
///
/// Empty for a client that sees the whole store. It works on what goes over the wire, so that each
/// kind of request needs two lines, and no kind can be given a key of ours by mistake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Namespace(Bytes);

/// As the end of a range: no end.
const NO_END: &[u8] = b"\0";

impl Namespace {
    /// A namespace within this one.
    pub(crate) fn within(&self, prefix: &Bytes) -> Self {
        Self(self.key(prefix))
    }

    /// Whether it is the whole store.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn prefix(&self) -> &Bytes {
        &self.0
    }

    /// What the server calls `key`.
    pub(crate) fn key(&self, key: &Bytes) -> Bytes {
        if self.0.is_empty() {
            return key.clone();
        }
        let mut full = BytesMut::with_capacity(self.0.len() + key.len());
        full.put_slice(&self.0);
        full.put_slice(key);
        full.freeze()
    }

    /// What the server calls this key or range, as the wire has them.
    ///
    /// Without an end it ends where the namespace does (`client/v3/namespace/util.go`,
    /// `prefixInterval`, does the same).
    pub(crate) fn enter(&self, key: &mut Bytes, range_end: &mut Bytes) {
        if self.0.is_empty() {
            return;
        }
        *key = self.key(key);
        if range_end == NO_END {
            *range_end = crate::kv::keys::after_prefix(&self.0);
        } else if !range_end.is_empty() {
            *range_end = self.key(range_end);
        }
    }

    /// What the user of this namespace calls a key that the server sent.
    ///
    /// One that is not within stays as it is; the server sends none.
    pub(crate) fn strip(&self, key: &mut Bytes) {
        if key.starts_with(&self.0) {
            *key = key.slice(self.0.len()..);
        }
    }

    /// The same for a key with its value.
    pub(crate) fn leave(&self, kv: &mut mvccpb::KeyValue) {
        self.strip(&mut kv.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Keys;

    fn entered(prefix: &'static str, keys: Keys) -> (Bytes, Bytes) {
        let namespace = Namespace::default().within(&Bytes::from(prefix));
        let (mut key, mut range_end) = keys.into_wire();
        namespace.enter(&mut key, &mut range_end);
        (key, range_end)
    }

    fn pair(key: &'static [u8], end: &'static [u8]) -> (Bytes, Bytes) {
        (Bytes::from_static(key), Bytes::from_static(end))
    }

    #[test]
    fn keys_and_ranges_stay_within() {
        assert_eq!(entered("app/", Keys::one("a")), pair(b"app/a", b""));
        assert_eq!(entered("app/", Keys::prefix("a")), pair(b"app/a", b"app/b"));
        assert_eq!(entered("app/", Keys::starting_at("a")), pair(b"app/a", b"app0"));
        assert_eq!(entered("app/", Keys::all()), pair(b"app/\0", b"app0"));
        assert_eq!(entered("", Keys::all()), pair(b"\0", b"\0"));
    }

    #[test]
    fn what_comes_back_has_the_users_name() {
        let namespace = Namespace::default().within(&Bytes::from("a/")).within(&Bytes::from("b/"));
        let mut kv = mvccpb::KeyValue { key: "a/b/c".into(), ..Default::default() };
        namespace.leave(&mut kv);
        assert_eq!(kv.key, "c");
        assert_eq!(namespace.prefix(), "a/b/");
    }
}
