//! Reads request bodies within their limits: size, time, and the memory that all requests share.

use std::time::Duration;

use api::ErrorCode;
use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body_util::BodyExt;
use runtime::config::value::size_text;
use runtime::{Budget, Hold};

use super::Failure;
use crate::overload::{Class, Scarce, Shedding};

/// Memory is taken from the budget in steps of this size.
const HOLD_STEP_BYTES: u64 = 64 * 1024;
/// What is reserved at once on the word of a `Content-Length`.
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

/// A body in memory, and its part of the budget.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub bytes: Vec<u8>,
    pub hold: Hold,
    pub class: Class,
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

    pub(crate) async fn read(&self, parts: &Parts, mut body: Body) -> Result<ReadBody, Failure> {
        let reading = self.read_in_time(parts, &mut body);
        let outcome = match tokio::time::timeout(self.limits.timeout, reading).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(
                ErrorCode::RequestTimeout,
                format!("the body did not arrive within {:?} (--request-timeout)", self.limits.timeout),
            )),
        };
        if outcome.is_err() {
            discard(body);
        }
        outcome
    }

    async fn read_in_time(&self, parts: &Parts, body: &mut Body) -> Result<ReadBody, Failure> {
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
        let reserved = announced.map_or(0, |length| (length as usize).min(RESERVED_BYTES_MAX));
        let mut hold =
            self.budget.hold(HOLD_STEP_BYTES, class.share(self.budget.bytes_max())).map_err(no_room)?;
        let mut bytes = Vec::with_capacity(reserved);
        while let Some(chunk) = next_chunk(body).await? {
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
        Ok(ReadBody { bytes, hold, class })
    }
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
pub(crate) fn discard_of_stranger(body: Body) {
    discard_up_to(body, STRANGERS_BYTES_MAX);
}

/// Reads on beside the answer, within bounds. To close at once would reset the connection while the client still
/// sends, and it would never see why it was refused.
pub(crate) fn discard(body: Body) {
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
