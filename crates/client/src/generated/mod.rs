// Generated from crates/client/proto by `cargo xtask proto`: do not edit.

pub(crate) mod authpb;
pub(crate) mod etcdserverpb;
pub(crate) mod mvccpb;
pub(crate) mod v3electionpb;
pub(crate) mod v3lockpb;
