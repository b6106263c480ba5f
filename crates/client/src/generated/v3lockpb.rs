// Generated from crates/client/proto by `cargo xtask proto`: do not edit.

#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct LockRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: ::prost::bytes::Bytes,
    /// With 0 the server makes one of its own, which nobody keeps alive.
    #[prost(int64, tag = "2")]
    pub lease: i64,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct LockResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
    /// It is there while the lock is held.
    #[prost(bytes = "bytes", tag = "2")]
    pub key: ::prost::bytes::Bytes,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct UnlockRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: ::prost::bytes::Bytes,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct UnlockResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
}
/// The calls of the service `Lock`.
pub mod lock_client {
    #![allow(dead_code, reason = "some calls nobody makes")]
    use crate::transport::channel::Channel;
    #[derive(Debug)]
    pub struct LockClient(Channel);
    impl LockClient {
        pub fn new(channel: Channel) -> Self {
            Self(channel)
        }
        /// Answered when the lock is held, however long that takes.
        pub async fn lock(
            &mut self,
            request: impl tonic::IntoRequest<super::LockRequest>,
        ) -> Result<tonic::Response<super::LockResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3lockpb.Lock/Lock").await
        }
        pub async fn unlock(
            &mut self,
            request: impl tonic::IntoRequest<super::UnlockRequest>,
        ) -> Result<tonic::Response<super::UnlockResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3lockpb.Lock/Unlock").await
        }
    }
}
