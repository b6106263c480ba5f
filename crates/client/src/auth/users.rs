//! Who there is.

use super::{auth, done};
use crate::client::{Client, timed};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::generated::authpb::UserAddOptions;
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::transport::call::Operation;

/// As errors call them.
const USER: &str = "the user's name";
pub(super) const ROLE: &str = "the role's name";

/// Users.
///
/// When authentication is enabled only a user with the role `root` may change them or ask for others
/// than itself: all else is [`PermissionDenied`](ErrorKind::PermissionDenied).
impl Client {
    /// Adds a user who is known by a password.
    ///
    /// It is sent as it is, and a server may refuse one of more than 72 bytes, which is as far as
    /// its hash looks (bcrypt). Our copies of it are wiped, and those in buffers under way are not.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UserExists`](ErrorKind::UserExists), or
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if name or password is empty.
    pub async fn user_add(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<()> {
        const ADD: Operation = Operation::write("user_add");
        let password = not_empty(ADD, "the password", password)?;
        let options = Some(UserAddOptions { no_password: false });
        self.add_user(ADD, name, password, options).await
    }

    /// Adds a user who is known by the common name of a certificate only, and has no password.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`user_add`](Self::user_add).
    pub async fn user_add_without_password(&self, name: impl Into<String>) -> Result<()> {
        let options = Some(UserAddOptions { no_password: true });
        let add = Operation::write("user_add_without_password");
        self.add_user(add, name, String::new(), options).await
    }

    async fn add_user(
        &self,
        operation: Operation,
        name: impl Into<String>,
        password: String,
        options: Option<UserAddOptions>,
    ) -> Result<()> {
        let name = not_empty(operation, USER, name)?;
        let user =
            pb::AuthUserAddRequest { name, password, options, hashed_password: String::new() };
        self.unary(operation, |channel, patience| {
            let request = timed(user.clone(), patience);
            async move { auth(channel).user_add(request).await.map(done) }
        })
        .await
    }

    /// Deletes a user. Its tokens end at once.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UserNotFound`](ErrorKind::UserNotFound), or
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) for `root` while authentication is enabled, or if
    /// the name is empty.
    pub async fn user_delete(&self, name: impl Into<String>) -> Result<()> {
        const DELETE: Operation = Operation::write("user_delete");
        let name = not_empty(DELETE, USER, name)?;
        self.unary(DELETE, |channel, patience| {
            let request = timed(pb::AuthUserDeleteRequest { name: name.clone() }, patience);
            async move { auth(channel).user_delete(request).await.map(done) }
        })
        .await
    }

    /// What there is to know of a user, who may ask this of itself.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`UserNotFound`](ErrorKind::UserNotFound), or
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if the name is empty.
    pub async fn user_get(&self, name: impl Into<String>) -> Result<User> {
        const GET: Operation = Operation::read("user_get");
        let name = not_empty(GET, USER, name)?;
        let roles = self
            .unary(GET, |channel, patience| {
                let request = timed(pb::AuthUserGetRequest { name: name.clone() }, patience);
                async move {
                    let answer = auth(channel).user_get(request).await?;
                    Ok(answer.map(|wire| wire.roles))
                }
            })
            .await?;
        Ok(User { name, roles })
    }

    /// The names of all users.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn user_list(&self) -> Result<Vec<String>> {
        self.unary(Operation::read("user_list"), |channel, patience| {
            let request = timed(pb::AuthUserListRequest {}, patience);
            async move { Ok(auth(channel).user_list(request).await?.map(|wire| wire.users)) }
        })
        .await
    }

    /// Gives a user another password. Its tokens end at once; who has the new one gets another by
    /// itself.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UserNotFound`](ErrorKind::UserNotFound), or
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if name or password is empty.
    pub async fn user_change_password(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<()> {
        const CHANGE: Operation = Operation::write("user_change_password");
        let password = not_empty(CHANGE, "the password", password)?;
        let user = pb::AuthUserChangePasswordRequest {
            name: not_empty(CHANGE, USER, name)?,
            password,
            hashed_password: String::new(),
        };
        self.unary(CHANGE, |channel, patience| {
            let request = timed(user.clone(), patience);
            async move { auth(channel).user_change_password(request).await.map(done) }
        })
        .await
    }

    /// Lets a user do what a role may. Granting it again changes nothing.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UserNotFound`](ErrorKind::UserNotFound),
    /// [`RoleNotFound`](ErrorKind::RoleNotFound), or [`InvalidRequest`](ErrorKind::InvalidRequest) if a
    /// name is empty.
    pub async fn user_grant_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<()> {
        const GRANT: Operation = Operation::write("user_grant_role");
        let (user, role) = (not_empty(GRANT, USER, user)?, not_empty(GRANT, ROLE, role)?);
        let grant = pb::AuthUserGrantRoleRequest { user, role };
        self.unary(GRANT, |channel, patience| {
            let request = timed(grant.clone(), patience);
            async move { auth(channel).user_grant_role(request).await.map(done) }
        })
        .await
    }

    /// Takes a role from a user.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UserNotFound`](ErrorKind::UserNotFound),
    /// [`NotGranted`](ErrorKind::NotGranted), or [`InvalidRequest`](ErrorKind::InvalidRequest) for
    /// the role `root` of the user `root` while authentication is enabled, or if a name is empty.
    pub async fn user_revoke_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<()> {
        const REVOKE: Operation = Operation::write("user_revoke_role");
        let (name, role) = (not_empty(REVOKE, USER, user)?, not_empty(REVOKE, ROLE, role)?);
        let revoke = pb::AuthUserRevokeRoleRequest { name, role };
        self.unary(REVOKE, |channel, patience| {
            let request = timed(revoke.clone(), patience);
            async move { auth(channel).user_revoke_role(request).await.map(done) }
        })
        .await
    }
}

/// A user, and as what it acts.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    roles: Vec<String>,
}

impl User {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its roles, in the order of their names.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }
}

json_object!(User, it => { name: it.name, roles: it.roles });

/// Refuses here what some versions of etcd take: an empty password would let anybody in.
pub(super) fn not_empty(
    operation: Operation,
    what: &str,
    text: impl Into<String>,
) -> Result<String> {
    let text = text.into();
    if !text.is_empty() {
        return Ok(text);
    }
    let what = format!("{what} is empty");
    let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
    Err(Error::new(operation.name, failure, Outcome::NotApplied))
}
