//! One message there, and one back: nearly every request.
//!
//! tonic would do it too, over the same interface as a stream, with half a dozen allocations more.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::uri::PathAndQuery;
use http::{HeaderMap, Response, StatusCode};
use prost::Message;
use tonic::{Code, Status};

use super::Channel;
use crate::transport::codec::Codec;
use crate::transport::connection::Place;
use crate::transport::ended::Ended;

/// What comes before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Of an answer up to this size each key and value is copied out, so that who keeps one of them
/// keeps no more. Of a larger one they share its buffer: copies would cost more than the rest of the
/// decoding.
const COPIED_UP_TO_BYTES: usize = 1024;

/// No more is reserved for an answer before it comes, whatever length it says that it has.
const RESERVED_UP_TO_BYTES: usize = 4 << 20;

impl Channel {
    /// Sends a message, and waits for the one that answers it.
    pub(crate) async fn unary<M, A>(
        &mut self,
        request: tonic::Request<M>,
        path: &'static str,
    ) -> Result<tonic::Response<A>, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        if self.exchange.is_some() {
            // Layers see streams, of one message too.
            let path = PathAndQuery::from_static(path);
            return self.grpc().unary(request, path, Codec::default()).await;
        }
        let (metadata, _, message) = request.into_parts();
        let frame = encode(&message, self.limits.request_bytes).map_err(status_of)?;
        drop(message);
        let head = self.head(PathAndQuery::from_static(path), metadata.into_headers());
        let place = self.take().map_err(status_of)?;
        let (response, mut stream) = place.open(head, false).map_err(status_of)?;
        let ended = |error| status_of(place.ended(error));
        stream.send_data(frame, true).map_err(ended)?;
        let response = response.await.map_err(ended)?;
        receive(response, &place, self.limits.response_bytes).await
    }
}

fn status_of(ended: Ended) -> Status {
    Status::from_error(Box::new(ended))
}

fn encode(message: &impl Message, limit: usize) -> Result<Bytes, Ended> {
    let bytes = message.encoded_len();
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= limit);
    let Some(length) = length else {
        return Err(Ended::TooLarge { bytes, limit });
    };
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + bytes);
    frame.put_u8(0);
    frame.put_u32(length);
    message.encode_raw(&mut frame);
    Ok(frame.freeze())
}

async fn receive<A: Message + Default>(
    response: Response<RecvStream>,
    place: &Place,
    limit: usize,
) -> Result<tonic::Response<A>, Status> {
    let (parts, mut stream) = response.into_parts();
    // Of a request that fails there is often nothing but a status.
    if let Some(status) = status(&parts.headers) {
        return Err(status);
    }
    let is_status_there = parts.headers.contains_key(Status::GRPC_STATUS);
    let ended = |error| status_of(place.ended(error));

    let mut answer = Answer::default();
    while let Some(data) = poll_fn(|cx| stream.poll_data(cx)).await {
        let data = data.map_err(ended)?;
        let length = data.len();
        answer.add(data, limit)?;
        if !answer.is_whole() {
            // It has been read: there is room for as much again. What is left at the end goes back
            // with the stream.
            let _ = stream.flow_control().release_capacity(length);
        }
    }
    let trailers = poll_fn(|cx| Pin::new(&mut stream).poll_trailers(cx)).await.map_err(ended)?;
    match trailers {
        Some(trailers) => match status(&trailers) {
            Some(status) => return Err(status),
            None if trailers.contains_key(Status::GRPC_STATUS) => {}
            None => return Err(no_status(parts.status)),
        },
        None if is_status_there => {}
        None => return Err(no_status(parts.status)),
    }
    answer.decode().map(tonic::Response::new)
}

/// What it says, unless that is that all is well.
fn status(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get(Status::GRPC_STATUS)?;
    if code == "0" {
        return None;
    }
    Status::from_header_map(headers).filter(|status| status.code() != Code::Ok)
}

/// An answer without a status, from something that is no gRPC server, or that was cut off. The texts
/// are tonic's, of the same on a stream.
fn no_status(http: StatusCode) -> Status {
    let code = match http {
        StatusCode::OK => return Status::unknown("protocol error: missing grpc-status trailer"),
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let what = "grpc-status header missing, mapped from HTTP status code";
    Status::new(code, format!("{what} {}", http.as_u16()))
}

/// The bytes of an answer, as far as they have come.
#[derive(Debug, Default)]
struct Answer {
    /// What came first, which is all of most answers.
    first: Bytes,
    /// All of it, if there is more.
    all: BytesMut,
}

impl Answer {
    fn add(&mut self, data: Bytes, limit: usize) -> Result<(), Status> {
        if self.bytes().is_empty() {
            self.first = data;
        } else {
            if self.all.is_empty() {
                let length = self.length().unwrap_or_default().saturating_add(PREFIX_BYTES);
                let here = self.first.len() + data.len();
                self.all.reserve(length.min(RESERVED_UP_TO_BYTES).max(here));
                self.all.extend_from_slice(&self.first);
            }
            self.all.extend_from_slice(&data);
        }
        match self.length() {
            Some(bytes) if bytes > limit => Err(status_of(Ended::AnswerTooLarge { bytes, limit })),
            _ => Ok(()),
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.all.is_empty() { &self.first } else { &self.all }
    }

    /// The length that it says it has, once that is there.
    fn length(&self) -> Option<usize> {
        let mut prefix = self.bytes().get(1..PREFIX_BYTES)?;
        usize::try_from(prefix.get_u32()).ok()
    }

    fn is_whole(&self) -> bool {
        self.length().is_some_and(|length| self.bytes().len() - PREFIX_BYTES >= length)
    }

    fn decode<A: Message + Default>(self) -> Result<A, Status> {
        let Some(length) = self.length() else {
            return Err(Status::internal("Missing response message."));
        };
        let bytes = self.bytes();
        if bytes[0] != 0 {
            return Err(Status::unimplemented("Content is compressed, which nobody asked for"));
        }
        if bytes.len() != PREFIX_BYTES + length {
            return Err(Status::internal("protocol error: the answer is no single message"));
        }
        let decoded = if length <= COPIED_UP_TO_BYTES {
            A::decode(&bytes[PREFIX_BYTES..])
        } else if self.all.is_empty() {
            // The connection reads into one buffer for all answers.
            A::decode(Bytes::copy_from_slice(&bytes[PREFIX_BYTES..]))
        } else {
            A::decode(self.all.freeze().slice(PREFIX_BYTES..))
        };
        decoded.map_err(|error| {
            Status::internal(format!("failed to decode Protobuf message: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::etcdserverpb::RangeResponse;
    use crate::generated::mvccpb::KeyValue;

    const NO_LIMIT: usize = usize::MAX;

    fn response(value_bytes: usize) -> RangeResponse {
        let kv = KeyValue {
            key: "key".into(),
            value: vec![7; value_bytes].into(),
            ..Default::default()
        };
        RangeResponse { kvs: vec![kv], ..Default::default() }
    }

    fn received(frame: &Bytes, chunk_bytes: usize, limit: usize) -> Result<RangeResponse, Status> {
        let mut answer = Answer::default();
        for chunk in frame.chunks(chunk_bytes) {
            assert!(!answer.is_whole());
            answer.add(Bytes::copy_from_slice(chunk), limit)?;
        }
        assert!(answer.is_whole());
        answer.decode()
    }

    #[test]
    fn what_was_sent_is_received_in_whatever_pieces() {
        for value_bytes in [0, 10, 2000, 40_000] {
            let response = response(value_bytes);
            let frame = encode(&response, NO_LIMIT).unwrap();
            for chunk_bytes in [1, 4, 5, 6, 1000, 16_384, frame.len()] {
                assert_eq!(received(&frame, chunk_bytes, NO_LIMIT).unwrap(), response);
            }
        }
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let response = response(100);
        let bytes = response.encoded_len();
        let frame = encode(&response, bytes).unwrap();
        let error = encode(&response, bytes - 1).unwrap_err();
        insta::assert_snapshot!(error, @"the request has 109 bytes, and Config::max_request_bytes allows 108");
        assert!(received(&frame, 7, bytes).is_ok());
        let error = std::error::Error::source(&received(&frame, 7, bytes - 1).unwrap_err())
            .unwrap()
            .to_string();
        insta::assert_snapshot!(error, @"the answer has 109 bytes, and Config::max_response_bytes allows 108");
    }

    #[test]
    fn what_is_no_message_is_said_to_be_none() {
        let decoded = |bytes: &'static [u8]| {
            let mut answer = Answer::default();
            answer.add(Bytes::from_static(bytes), NO_LIMIT).unwrap();
            answer.decode::<RangeResponse>().unwrap_err().message().to_owned()
        };
        assert_eq!(decoded(&[]), "Missing response message.");
        assert_eq!(decoded(&[0, 0, 0]), "Missing response message.");
        assert_eq!(decoded(&[1, 0, 0, 0, 0]), "Content is compressed, which nobody asked for");
        assert_eq!(decoded(&[0, 0, 0, 0, 9]), "protocol error: the answer is no single message");
        assert_eq!(decoded(&[0; 6]), "protocol error: the answer is no single message");
        let nonsense = decoded(&[0, 0, 0, 0, 1, 0xff]);
        assert!(nonsense.starts_with("failed to decode Protobuf message"), "{nonsense}");
        // And a length is no reason to reserve as much.
        let mut answer = Answer::default();
        answer.add(Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]), NO_LIMIT).unwrap();
        answer.add(Bytes::from_static(&[1]), NO_LIMIT).unwrap();
        assert!(answer.all.capacity() <= 2 * RESERVED_UP_TO_BYTES);
    }
}
