//! Reads request bodies within their limits: size, time, and the memory that all requests share.

use std::time::Duration;

use api::ErrorCode;
use axum::body::Body;
use bytes::Bytes;
use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body_util::BodyExt;
use runtime::config::value::size_text;
use runtime::{Budget, Hold};

use super::Failure;
use crate::auth::Caller;
use crate::decoders::{Client, DECODED_IN_PLACE_BYTES_MAX};
use crate::overload::{Class, Scarce, Shedding};

/// Memory is taken from the budget in steps of this size.
const HOLD_STEP_BYTES: u64 = 64 * 1024;
/// What is reserved at once on the sender's word.
const RESERVED_BYTES_MAX: usize = 1024 * 1024;
/// How much of a refused body is still read and thrown away, so that the client gets to read the answer.
const DISCARDED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The same of somebody who has no key.
const STRANGERS_BYTES_MAX: u64 = 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub bytes_max: usize,
    pub timeout: Duration,
}

/// What a body is beside its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Plain,
    /// A byte of flags and four with the length of the message stand before it.
    Grpc,
}

/// What stands before a gRPC message.
pub(crate) const GRPC_PREFIX_BYTES: usize = 5;

/// A body in memory, and its part of the budget.
#[derive(Debug)]
pub(crate) struct ReadBody {
    /// What stood before the content; shorter than it should be where the body ended within it.
    pub prefix: Vec<u8>,
    pub bytes: Vec<u8>,
    pub hold: Hold,
    pub client: Client,
}

#[derive(Debug, Clone)]
pub(crate) struct BodyReader {
    limits: BodyLimits,
    budget: Budget,
    pub(crate) shedding: Shedding,
}

impl BodyReader {
    pub(crate) fn new(limits: BodyLimits, budget: Budget, shedding: Shedding) -> Self {
        Self { limits, budget, shedding }
    }

    pub(crate) async fn read(
        &self,
        parts: &Parts,
        mut body: Body,
        framing: Framing,
    ) -> Result<ReadBody, Failure> {
        let reading = self.read_in_time(parts, &mut body, framing);
        match tokio::time::timeout(self.limits.timeout, reading).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(
                ErrorCode::RequestTimeout,
                format!("the body did not arrive within {:?} (--request-timeout)", self.limits.timeout),
            )),
        }
    }

    async fn read_in_time(
        &self,
        parts: &Parts,
        body: &mut Body,
        framing: Framing,
    ) -> Result<ReadBody, Failure> {
        let class = Class::of_path(parts.uri.path());
        let no_room = |_| self.shedding.shed(class, Scarce::Memory);
        let announced = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.limits.bytes_max as u64) {
            return Err(too_large("the body", self.limits.bytes_max));
        }
        let client = Client::of(parts.extensions.get::<Caller>(), class);
        // It has to find room once it is here; where there is none now, nobody has to read it first.
        let waits =
            is_encoded(parts) || announced.is_some_and(|length| length > DECODED_IN_PLACE_BYTES_MAX as u64);
        if waits && !self.shedding.decoders.has_room(&client) {
            return Err(self.shedding.shed(class, Scarce::Decoders));
        }
        let reserved = announced.map_or(0, |length| (length as usize).min(RESERVED_BYTES_MAX));
        let mut hold =
            self.budget.hold(HOLD_STEP_BYTES, class.share(self.budget.bytes_max())).map_err(no_room)?;
        let mut bytes = Vec::with_capacity(reserved);
        let mut prefix = Vec::new();
        while let Some(mut chunk) = next_chunk(body).await? {
            if framing == Framing::Grpc && prefix.len() < GRPC_PREFIX_BYTES {
                let missing = (GRPC_PREFIX_BYTES - prefix.len()).min(chunk.len());
                prefix.extend_from_slice(&chunk.split_to(missing));
                if let Ok([_, length @ ..]) = <[u8; GRPC_PREFIX_BYTES]>::try_from(&prefix[..]) {
                    bytes.reserve((u32::from_be_bytes(length) as usize).min(RESERVED_BYTES_MAX));
                }
            }
            let length = bytes.len() + chunk.len();
            if length > self.limits.bytes_max {
                return Err(too_large("the body", self.limits.bytes_max));
            }
            if length as u64 > hold.bytes() {
                let steps = (length as u64).div_ceil(HOLD_STEP_BYTES);
                hold.resize(steps * HOLD_STEP_BYTES).map_err(no_room)?;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(ReadBody { prefix, bytes, hold, client })
    }
}

fn is_encoded(parts: &Parts) -> bool {
    let names = [CONTENT_ENCODING, HeaderName::from_static("grpc-encoding")];
    names.iter().filter_map(|name| parts.headers.get(name)).any(|value| value != "identity")
}

async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Failure::new(ErrorCode::InvalidBody, format!("the body ended before its end: {error}"))
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

pub(crate) fn too_large(what: &str, bytes_max: usize) -> Failure {
    let limit = size_text(bytes_max as u64);
    let detail = format!("{what} is larger than {limit} (--body-bytes-max); send it in parts");
    Failure::new(ErrorCode::BodyTooLarge, detail)
}

/// As `discard`, for somebody to whom nothing is owed.
pub(super) fn discard_of_stranger(body: Body) {
    discard_up_to(body, STRANGERS_BYTES_MAX);
}

/// Reads on beside the answer, within bounds. To close at once would reset the connection while the client still
/// sends, and it would never see why it was refused.
pub(super) fn discard(body: Body) {
    discard_up_to(body, DISCARDED_BYTES_MAX);
}

fn discard_up_to(mut body: Body, bytes_max: u64) {
    tokio::spawn(async move {
        let mut discarded = 0;
        let reading = async {
            while let Ok(Some(chunk)) = next_chunk(&mut body).await {
                discarded += chunk.len() as u64;
                if discarded > bytes_max {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
    });
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body that comes in these pieces.
    struct Pieces(std::slice::Iter<'static, &'static str>);

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
        }
    }

    async fn read(pieces: &'static [&'static str], framing: Framing) -> Result<ReadBody, Failure> {
        let limits = BodyLimits { bytes_max: 10, timeout: Duration::from_secs(60) };
        let reader = BodyReader::new(limits, Budget::new(1 << 20), Shedding::default());
        let (parts, ()) = http::Request::new(()).into_parts();
        reader.read(&parts, Body::new(Pieces(pieces.iter())), framing).await
    }

    #[tokio::test]
    async fn what_stands_before_a_message_is_told_from_it_wherever_pieces_end() {
        for pieces in [
            &["\0\0\0\0\x03abc"][..],
            &["\0\0", "\0", "", "\0\x03ab", "c"],
            &["\0\0\0\0\x03", "abc"],
            &["\0\0\0\0", "\x03abc"],
        ] {
            let body = read(pieces, Framing::Grpc).await.unwrap();
            assert_eq!((&body.prefix[..], &body.bytes[..]), (&b"\0\0\0\0\x03"[..], &b"abc"[..]));
        }
        let body = read(&["\0\0", "\0"], Framing::Grpc).await.unwrap();
        assert_eq!((body.prefix.len(), body.bytes.len()), (3, 0));
        let body = read(&["\0\0\0\0\x03abc"], Framing::Plain).await.unwrap();
        assert_eq!((body.prefix.len(), body.bytes.len()), (0, 8));
    }

    #[tokio::test]
    async fn the_limit_is_of_the_message() {
        assert_eq!(read(&["\0\0\0\0\x0aabcde", "fghij"], Framing::Grpc).await.unwrap().bytes.len(), 10);
        let failure = read(&["\0\0\0\0\x0aabcde", "fghijk"], Framing::Grpc).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::BodyTooLarge);
        // What is announced is reserved within bounds only.
        let body = read(&["\0\u{7f}\u{7f}\u{7f}\u{7f}abc"], Framing::Grpc).await.unwrap();
        assert!(body.bytes.capacity() <= 2 * RESERVED_BYTES_MAX, "{}", body.bytes.capacity());
    }
}
