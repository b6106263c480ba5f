//! All keys of one revision.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::from_wire::FromWire;
use crate::generated::mvccpb;
use crate::json::json_object;
use crate::kv::{KeyValue, Keys};

/// How many keys a leaf has at most. With a hundred thousand keys, what a change of one copies is two
/// thousand pointers at most, and nothing while nobody holds a snapshot.
const LEAF: usize = 128;

/// What a [`Cache`](crate::Cache) knew at one revision of the store. It does not change.
///
/// Cloning it is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheSnapshot {
    /// Each not empty, with its keys in order, and all of its keys before those of the next.
    leaves: Arc<Vec<Arc<Vec<Arc<KeyValue>>>>>,
    len: usize,
    revision: i64,
}

impl CacheSnapshot {
    /// The revision of the store that it is of.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One key, if it exists.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&KeyValue> {
        let key = key.as_ref();
        let leaf = self.leaves.get(self.leaf_of(key)?)?;
        let at = leaf.binary_search_by(|kv| kv.key().cmp(key)).ok()?;
        Some(&leaf[at])
    }

    /// All keys with their values, in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = &KeyValue> {
        self.leaves.iter().flat_map(|leaf| leaf.iter()).map(|kv| &**kv)
    }

    /// Those of these keys that there are, in the order of their bytes.
    pub fn range(&self, keys: impl Into<Keys>) -> impl Iterator<Item = &KeyValue> {
        let (from, end) = keys.into().into_wire();
        let leaf = self.leaf_of(&from).unwrap_or(0);
        let leaves = self.leaves.get(leaf..).unwrap_or_default();
        let first =
            leaves.first().map_or(0, |leaf| leaf.partition_point(|kv| kv.key() < &from[..]));
        let all = leaves.iter().flat_map(|leaf| leaf.iter()).skip(first).map(|kv| &**kv);
        all.take_while(move |kv| match &end[..] {
            [] => kv.key() == &from[..],
            [0] => true,
            end => kv.key() < end,
        })
    }

    /// From a listing, in the order of its keys.
    pub(super) fn new(kvs: Vec<KeyValue>, revision: i64) -> Self {
        let len = kvs.len();
        let mut leaves = Vec::with_capacity(len / (LEAF / 2) + 1);
        let mut kvs = kvs.into_iter().map(|kv| Arc::new(own(&kv)));
        loop {
            // Half full, so that there is room for more.
            let leaf: Vec<_> = kvs.by_ref().take(LEAF / 2).collect();
            if leaf.is_empty() {
                return Self { leaves: Arc::new(leaves), len, revision };
            }
            leaves.push(Arc::new(leaf));
        }
    }

    pub(super) fn advance(&mut self, revision: i64) {
        self.revision = revision;
    }

    pub(super) fn insert(&mut self, kv: &KeyValue) {
        let new = Arc::new(own(kv));
        let leaf = self.leaf_of(kv.key());
        let leaves = Arc::make_mut(&mut self.leaves);
        let Some(index) = leaf else {
            leaves.push(Arc::new(vec![new]));
            self.len += 1;
            return;
        };
        let leaf = Arc::make_mut(&mut leaves[index]);
        match leaf.binary_search_by(|other| other.key().cmp(kv.key())) {
            Ok(at) => leaf[at] = new,
            Err(at) => {
                leaf.insert(at, new);
                self.len += 1;
                if leaf.len() > LEAF {
                    let rest = leaf.split_off(LEAF / 2);
                    leaves.insert(index + 1, Arc::new(rest));
                }
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some(index) = self.leaf_of(key) else { return };
        let Ok(at) = self.leaves[index].binary_search_by(|kv| kv.key().cmp(key)) else { return };
        let leaves = Arc::make_mut(&mut self.leaves);
        Arc::make_mut(&mut leaves[index]).remove(at);
        self.len -= 1;
        if leaves[index].is_empty() {
            leaves.remove(index);
        }
    }

    /// The leaf that a key is in, or would be put into; `None` if there is no leaf.
    fn leaf_of(&self, key: &[u8]) -> Option<usize> {
        if self.leaves.is_empty() {
            return None;
        }
        let after = self.leaves.partition_point(|leaf| leaf[0].key() <= key);
        Some(after.saturating_sub(1))
    }
}

// Not the keys: it may have any number of them.
json_object!(CacheSnapshot, it => { revision: it.revision, keys: it.len });

/// With bytes of its own: what came in a large answer would keep all of it for as long as one key
/// does not change.
fn own(kv: &KeyValue) -> KeyValue {
    let (key, value) = (kv.key(), kv.value());
    let mut bytes = BytesMut::with_capacity(key.len() + value.len());
    bytes.put_slice(key);
    bytes.put_slice(value);
    let mut value: Bytes = bytes.freeze();
    let key = value.split_to(key.len());
    KeyValue::from_wire(mvccpb::KeyValue {
        key,
        value,
        create_revision: kv.create_revision(),
        mod_revision: kv.mod_revision(),
        version: kv.version(),
        lease: kv.lease().map_or(0, i64::from),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn kv(key: u32, version: i64) -> KeyValue {
        let key = format!("{key:05}");
        let value = Bytes::from(format!("value {version}"));
        KeyValue::from_wire(mvccpb::KeyValue {
            key: key.into(),
            value,
            version,
            ..Default::default()
        })
    }

    /// Against a map that is known to be right, with snapshots that are held and let go.
    #[test]
    fn it_is_a_map() {
        let listed: Vec<_> = (0..500).map(|key| kv(key * 2, 1)).collect();
        let mut model: BTreeMap<_, _> =
            listed.iter().map(|kv| (kv.key().to_vec(), kv.clone())).collect();
        let mut snapshot = CacheSnapshot::new(listed, 7);
        let mut held = Vec::new();
        let mut dice: u32 = 1;
        for round in 0..20_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let kv = kv((dice >> 8) % 1500, round);
            if dice.is_multiple_of(3) {
                snapshot.remove(kv.key());
                model.remove(kv.key());
            } else {
                snapshot.insert(&kv);
                model.insert(kv.key().to_vec(), kv);
            }
            if round % 1000 == 0 {
                held.push((snapshot.clone(), model.clone()));
            }
        }
        for (snapshot, model) in held.iter().chain([&(snapshot, model)]) {
            assert_eq!(snapshot.len(), model.len());
            assert!(snapshot.iter().eq(model.values()));
            for key in ["00000", "00801", "00802", "01499", "2", ""] {
                assert_eq!(snapshot.get(key), model.get(key.as_bytes()), "{key}");
            }
            let (from, to) = (b"00300".to_vec(), b"00777".to_vec());
            let between = snapshot.range(Keys::between("00300", "00777"));
            assert!(between.eq(model.range(from.clone()..to).map(|(_, kv)| kv)));
            assert!(
                snapshot.range(Keys::starting_at("00300")).eq(model.range(from..).map(|it| it.1))
            );
            assert_eq!(snapshot.range("00802").count(), snapshot.get("00802").iter().count());
            assert!(snapshot.range(Keys::all()).eq(model.values()));
        }
    }

    #[test]
    fn all_can_go() {
        let mut snapshot = CacheSnapshot::new(vec![kv(1, 1)], 1);
        snapshot.remove(b"00001");
        snapshot.remove(b"00001");
        assert!(snapshot.is_empty() && snapshot.iter().next().is_none());
        assert_eq!(snapshot.range(Keys::all()).count(), 0);
        snapshot.insert(&kv(1, 2));
        assert_eq!(snapshot.len(), 1);
    }
}
