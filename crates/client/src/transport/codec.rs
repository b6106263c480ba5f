//! Messages to bytes and back.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, EncodeBuf};

/// What a request is written into first: most fit, and one that does not is measured before.
///
/// tonic's own 8 KiB are asked of the allocator twice for each request, of a few hundred bytes.
const REQUEST_BUFFER_BYTES: usize = 512;

/// What an answer is read into first. None: the first frame, which mostly is all of it, then gets as
/// much as it needs. A value that is kept holds on to all of its answer's memory.
const ANSWER_BUFFER_BYTES: usize = 0;

/// What of a stream's requests is sent on its way at once; tonic's own.
const YIELD_BYTES: usize = 32 * 1024;

/// The codec of streams.
#[derive(Debug)]
pub(crate) struct Codec<T, U>(PhantomData<fn(T) -> U>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + 'static,
    U: Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Encoder<T>;
    type Decoder = Decoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        Encoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        Decoder(PhantomData)
    }
}

/// Writes requests.
#[derive(Debug)]
pub(crate) struct Encoder<T>(PhantomData<fn(T)>);

impl<T: Message> tonic::codec::Encoder for Encoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // Once, and not in steps that copy what is there.
        buffer.reserve(message.encoded_len());
        message.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(REQUEST_BUFFER_BYTES, YIELD_BYTES)
    }
}

/// Reads answers.
#[derive(Debug)]
pub(crate) struct Decoder<U>(PhantomData<fn() -> U>);

impl<U: Message + Default> tonic::codec::Decoder for Decoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // Frozen once for all its keys and values, which then are parts of it. From a buffer that
        // may still be written to each of them would be cut, which costs more than reading it.
        let message = buffer.copy_to_bytes(buffer.remaining());
        let message = U::decode(message).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(message))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(ANSWER_BUFFER_BYTES, YIELD_BYTES)
    }
}
