// Generated from crates/client/proto by `cargo xtask proto`: do not edit.

#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CampaignRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: ::prost::bytes::Bytes,
    #[prost(int64, tag = "2")]
    pub lease: i64,
    #[prost(bytes = "bytes", tag = "3")]
    pub value: ::prost::bytes::Bytes,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct CampaignResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
    #[prost(message, optional, tag = "2")]
    pub leader: ::core::option::Option<LeaderKey>,
}
/// What proves who leads.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct LeaderKey {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: ::prost::bytes::Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub key: ::prost::bytes::Bytes,
    /// When the key came into being.
    #[prost(int64, tag = "3")]
    pub rev: i64,
    #[prost(int64, tag = "4")]
    pub lease: i64,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct LeaderRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: ::prost::bytes::Bytes,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct LeaderResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
    #[prost(message, optional, tag = "2")]
    pub kv: ::core::option::Option<super::mvccpb::KeyValue>,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ResignRequest {
    #[prost(message, optional, tag = "1")]
    pub leader: ::core::option::Option<LeaderKey>,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ResignResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ProclaimRequest {
    #[prost(message, optional, tag = "1")]
    pub leader: ::core::option::Option<LeaderKey>,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: ::prost::bytes::Bytes,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ProclaimResponse {
    #[prost(message, optional, tag = "1")]
    pub header: ::core::option::Option<super::etcdserverpb::ResponseHeader>,
}
/// The calls of the service `Election`.
pub mod election_client {
    #![allow(dead_code, reason = "some calls nobody makes")]
    use crate::transport::channel::Channel;
    #[derive(Debug)]
    pub struct ElectionClient(Channel);
    impl ElectionClient {
        pub fn new(channel: Channel) -> Self {
            Self(channel)
        }
        /// Answered when the client leads, however long that takes.
        pub async fn campaign(
            &mut self,
            request: impl tonic::IntoRequest<super::CampaignRequest>,
        ) -> Result<tonic::Response<super::CampaignResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3electionpb.Election/Campaign").await
        }
        pub async fn proclaim(
            &mut self,
            request: impl tonic::IntoRequest<super::ProclaimRequest>,
        ) -> Result<tonic::Response<super::ProclaimResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3electionpb.Election/Proclaim").await
        }
        pub async fn leader(
            &mut self,
            request: impl tonic::IntoRequest<super::LeaderRequest>,
        ) -> Result<tonic::Response<super::LeaderResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3electionpb.Election/Leader").await
        }
        pub async fn observe(
            &mut self,
            request: impl tonic::IntoRequest<super::LeaderRequest>,
        ) -> Result<
            tonic::Response<tonic::Streaming<super::LeaderResponse>>,
            tonic::Status,
        > {
            self.0
                .server_streaming(
                    request.into_request(),
                    "/v3electionpb.Election/Observe",
                )
                .await
        }
        pub async fn resign(
            &mut self,
            request: impl tonic::IntoRequest<super::ResignRequest>,
        ) -> Result<tonic::Response<super::ResignResponse>, tonic::Status> {
            self.0.unary(request.into_request(), "/v3electionpb.Election/Resign").await
        }
    }
}
