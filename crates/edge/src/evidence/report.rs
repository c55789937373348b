//! What signals and traces have in common on their way to the server. It must never know a connection.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use serde_json::{Value, json};

use super::signal::{self, Signal};
use super::spans;
use super::target::Target;
use super::told::Told;

/// What goes to the server in requests of many.
pub(super) trait Report: Sized {
    /// In one request; far below what the server takes.
    const BATCH_MAX: usize;
    /// How long a request waits for more to go with it.
    const GATHER: Duration;
    const CONTENT_TYPE: &'static str;
    /// Where its trouble is shown.
    const PLACE: usize;
    const WHAT: &'static str;

    /// Nothing where the server is not told of them.
    fn uri(target: &Target) -> Option<&Uri>;
    fn encode(batch: &[Self], target: &Target) -> Bytes;
    /// How many the server did not take, by its answer.
    fn refused(answer: &[u8]) -> u64;
}

impl Report for Signal {
    const BATCH_MAX: usize = 256;
    const GATHER: Duration = Duration::from_millis(20);
    const CONTENT_TYPE: &'static str = "application/json";
    const PLACE: usize = 0;
    const WHAT: &'static str = "signals";

    fn uri(target: &Target) -> Option<&Uri> {
        Some(&target.signals)
    }

    fn encode(batch: &[Self], target: &Target) -> Bytes {
        let signals: Vec<Value> = batch.iter().map(|one| signal::document(one, &target.speaker)).collect();
        json!({ "signals": signals }).to_string().into()
    }

    fn refused(answer: &[u8]) -> u64 {
        let answer: Option<Value> = serde_json::from_slice(answer).ok();
        let rejected = answer.as_ref().and_then(|answer| answer.get("rejected")?.as_array());
        rejected.map_or(0, |rejected| rejected.len() as u64)
    }
}

impl Report for Told {
    const BATCH_MAX: usize = 2_048;
    const GATHER: Duration = Duration::from_millis(250);
    const CONTENT_TYPE: &'static str = "application/x-protobuf";
    const PLACE: usize = 1;
    const WHAT: &'static str = "spans";

    fn uri(target: &Target) -> Option<&Uri> {
        target.traces.as_ref()
    }

    fn encode(batch: &[Self], target: &Target) -> Bytes {
        spans::request(batch, &target.speaker).encode_to_vec().into()
    }

    /// Spans and not traces, so no more than are told of.
    fn refused(answer: &[u8]) -> u64 {
        let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
        answer.partial_success.map_or(0, |part| u64::try_from(part.rejected_spans).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn what_the_server_did_not_take_is_read_from_its_answer() {
        let answer = br#"{"accepted": 1, "duplicate": 1, "rejected": [{"index": 2, "reason": "in_future"}]}"#;
        assert_eq!(<Signal as Report>::refused(answer), 1);
        assert_eq!(<Signal as Report>::refused(br#"{"accepted": 3, "duplicate": 0, "rejected": []}"#), 0);
        let part = ExportTracePartialSuccess { rejected_spans: 4, error_message: String::new() };
        let answer = ExportTraceServiceResponse { partial_success: Some(part) }.encode_to_vec();
        assert_eq!((<Told as Report>::refused(&answer), <Told as Report>::refused(b"")), (4, 0));
        // What is no answer says nothing.
        assert_eq!((<Signal as Report>::refused(b"<html>"), <Told as Report>::refused(b"<html>")), (0, 0));
    }
}
