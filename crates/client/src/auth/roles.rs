//! What there is to be granted.

use super::permission::Permission;
use super::users::{ROLE, not_empty};
use super::{auth, done};
use crate::client::{Client, timed};
use crate::error::Result;
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::kv::check::{self, invalid};
use crate::kv::keys::Keys;
use crate::transport::call::Operation;

/// Roles.
///
/// When authentication is enabled only a user with the role `root` may change them or ask for others
/// than its own: all else is [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
impl Client {
    /// Adds a role that may do nothing yet.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`RoleExists`](crate::ErrorKind::RoleExists), or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if the name is empty.
    pub async fn role_add(&self, name: impl Into<String>) -> Result<()> {
        const ADD: Operation = Operation::write("role_add");
        let name = not_empty(ADD, ROLE, name)?;
        self.unary(ADD, |channel, patience| {
            let request = timed(pb::AuthRoleAddRequest { name: name.clone() }, patience);
            async move { auth(channel).role_add(request).await.map(done) }
        })
        .await
    }

    /// Deletes a role, and takes it from all users.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`RoleNotFound`](crate::ErrorKind::RoleNotFound), or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for `root` while authentication is
    /// enabled, or if the name is empty.
    pub async fn role_delete(&self, role: impl Into<String>) -> Result<()> {
        const DELETE: Operation = Operation::write("role_delete");
        let role = not_empty(DELETE, ROLE, role)?;
        self.unary(DELETE, |channel, patience| {
            let request = timed(pb::AuthRoleDeleteRequest { role: role.clone() }, patience);
            async move { auth(channel).role_delete(request).await.map(done) }
        })
        .await
    }

    /// What a role may do; of its own roles each user may ask this.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`RoleNotFound`](crate::ErrorKind::RoleNotFound).
    pub async fn role_get(&self, role: impl Into<String>) -> Result<Role> {
        const GET: Operation = Operation::read("role_get");
        let role = not_empty(GET, ROLE, role)?;
        let permissions = self
            .unary(GET, |channel, patience| {
                let request = timed(pb::AuthRoleGetRequest { role: role.clone() }, patience);
                async move {
                    let answer = auth(channel).role_get(request).await?;
                    Ok(answer.map(|wire| wire.perm))
                }
            })
            .await?;
        Ok(Role { name: role, permissions })
    }

    /// The names of all roles.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn role_list(&self) -> Result<Vec<String>> {
        self.unary(Operation::read("role_list"), |channel, patience| {
            let request = timed(pb::AuthRoleListRequest {}, patience);
            async move { Ok(auth(channel).role_list(request).await?.map(|wire| wire.roles)) }
        })
        .await
    }

    /// Lets a role do this too. For keys that it already has a permission for, the very same keys,
    /// this one takes the place of the old.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`RoleNotFound`](crate::ErrorKind::RoleNotFound), or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if the name is empty or no key is meant.
    pub async fn role_grant_permission(
        &self,
        role: impl Into<String>,
        permission: Permission,
    ) -> Result<()> {
        const GRANT: Operation = Operation::write("role_grant_permission");
        let permission = permission.into_wire();
        check::keys(&permission.key, &permission.range_end).map_err(|what| invalid(GRANT, what))?;
        let name = not_empty(GRANT, ROLE, role)?;
        let grant = pb::AuthRoleGrantPermissionRequest { name, perm: Some(permission) };
        self.unary(GRANT, |channel, patience| {
            let request = timed(grant.clone(), patience);
            async move { auth(channel).role_grant_permission(request).await.map(done) }
        })
        .await
    }

    /// Takes from a role its permission for these very keys: a part of them cannot be taken.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`RoleNotFound`](crate::ErrorKind::RoleNotFound) or
    /// [`NotGranted`](crate::ErrorKind::NotGranted).
    pub async fn role_revoke_permission(
        &self,
        role: impl Into<String>,
        keys: impl Into<Keys>,
    ) -> Result<()> {
        const REVOKE: Operation = Operation::write("role_revoke_permission");
        let (key, range_end) = keys.into().into_wire();
        let role = not_empty(REVOKE, ROLE, role)?;
        let revoke = pb::AuthRoleRevokePermissionRequest { role, key, range_end };
        self.unary(REVOKE, |channel, patience| {
            let request = timed(revoke.clone(), patience);
            async move { auth(channel).role_revoke_permission(request).await.map(done) }
        })
        .await
    }
}

/// A role, and what it may do.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    name: String,
    permissions: Vec<Permission>,
}

impl Role {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may do, in the order of the keys. The role `root` may do everything, whatever is
    /// here.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }
}

json_object!(Role, it => { name: it.name, permissions: it.permissions });
