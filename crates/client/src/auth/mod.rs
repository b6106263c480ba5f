//! Users, roles and what they may do.

mod permission;
mod roles;
mod session;
mod status;
mod users;

pub use self::permission::{Access, Permission};
pub use self::roles::Role;
pub use self::status::AuthStatus;
pub use self::users::User;

pub(crate) use self::session::{Pass, Session};

use tonic::Response;

use crate::from_wire::FromWire;
use crate::generated::authpb;
use crate::generated::etcdserverpb::auth_client::AuthClient;
use crate::transport::channel::Channel;

pub(crate) fn auth(channel: Channel) -> AuthClient {
    AuthClient::new(channel)
}

/// The answer to what has none but that it was done.
fn done<W>(answer: Response<W>) -> Response<()> {
    answer.map(|_| ())
}

impl FromWire<()> for () {
    fn from_wire((): ()) -> Self {}
}

/// The part of an answer that matters, in the types that we show.
impl FromWire<Self> for Vec<String> {
    fn from_wire(wire: Self) -> Self {
        wire
    }
}

impl FromWire<Vec<authpb::Permission>> for Vec<Permission> {
    /// Without kinds of permission that etcd does not have yet.
    fn from_wire(wire: Vec<authpb::Permission>) -> Self {
        wire.into_iter().filter_map(Permission::of_wire).collect()
    }
}
