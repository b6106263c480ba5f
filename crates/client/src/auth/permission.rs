//! What a role may do, and with which keys.

use crate::generated::authpb;
use crate::generated::authpb::permission::Type;
use crate::json::json_object;
use crate::kv::keys::Keys;

/// Leave to read, to write, or both, for some keys.
///
/// ```
/// use tercet_client::{Keys, Permission};
///
/// let own = Permission::read_write(Keys::prefix("alice/"));
/// let config = Permission::read("config");
/// ```
///
/// Watching a key is reading it, and deleting it is writing it. A request for several keys needs
/// leave for all of them: a role that may read `a/1` and `a/2` may not read the prefix `a/`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Permission {
    access: Access,
    keys: Keys,
}

/// What may be done with the keys of a [`Permission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading and watching.
    Read,
    /// Writing and deleting.
    Write,
    /// All of it.
    ReadWrite,
}

impl Permission {
    /// Leave to do this.
    pub fn new(access: Access, keys: impl Into<Keys>) -> Self {
        Self { access, keys: keys.into() }
    }

    /// Leave to read and to watch.
    pub fn read(keys: impl Into<Keys>) -> Self {
        Self::new(Access::Read, keys)
    }

    /// Leave to write and to delete, without reading: not even what was there before.
    pub fn write(keys: impl Into<Keys>) -> Self {
        Self::new(Access::Write, keys)
    }

    /// Leave to do all of it.
    pub fn read_write(keys: impl Into<Keys>) -> Self {
        Self::new(Access::ReadWrite, keys)
    }

    /// What may be done.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// With which keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn into_wire(self) -> authpb::Permission {
        let kind = match self.access {
            Access::Read => Type::Read,
            Access::Write => Type::Write,
            Access::ReadWrite => Type::Readwrite,
        };
        let (key, range_end) = self.keys.into_wire();
        authpb::Permission { perm_type: kind.into(), key, range_end }
    }

    /// `None` for a kind of permission that etcd does not have yet.
    pub(super) fn of_wire(wire: authpb::Permission) -> Option<Self> {
        let access = match Type::try_from(wire.perm_type).ok()? {
            Type::Read => Access::Read,
            Type::Write => Access::Write,
            Type::Readwrite => Access::ReadWrite,
        };
        Some(Self { access, keys: Keys::from_wire((wire.key, wire.range_end)) })
    }
}

json_object!(Permission, it => {
    access: match it.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::ReadWrite => "read_write",
    },
    keys: it.keys,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_over_the_wire_comes_back() {
        for permission in [
            Permission::read("a"),
            Permission::write(Keys::prefix("a/")),
            Permission::read_write(Keys::all()),
            Permission::read(Keys::starting_at("b")),
        ] {
            let wire = permission.clone().into_wire();
            assert_eq!(Permission::of_wire(wire), Some(permission));
        }
        let unknown = authpb::Permission { perm_type: 9, ..Default::default() };
        assert_eq!(Permission::of_wire(unknown), None);
    }

    /// As the role `root` has it: the empty key, to no end.
    #[test]
    fn all_keys_are_known_as_such() {
        let root = authpb::Permission {
            perm_type: Type::Readwrite.into(),
            range_end: vec![0].into(),
            ..Default::default()
        };
        let permission = Permission::of_wire(root).unwrap();
        assert_eq!(permission, Permission::read_write(Keys::all()));
    }
}
