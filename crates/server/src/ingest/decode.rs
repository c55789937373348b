//! From a body as it was sent to an input, the record it will be, and what is to be answered.

use std::borrow::Cow;

use api::ErrorCode;
use intake::record::Kind;
use intake::{
    Context, DecodeError, DecompressError, LogBatch, MetricBatch, Telemetry, decompress, deployments, otlp,
    signals, wide,
};
use model::{Input, Nanos, TraceId};

use super::{Form, Receipt, Source, alerts};
use crate::http::{Failure, too_large};

pub(crate) struct Decoded {
    pub kind: Kind,
    /// As received, after decompression; before alerts stands their provider.
    pub payload: Vec<u8>,
    pub received: Nanos,
    pub input: Input,
    pub receipt: Receipt,
    pub keys: Vec<journal::Key>,
    /// Of wide events only.
    pub event_ids: Vec<String>,
}

pub(super) fn decode(source: Source, body: Vec<u8>, context: &Context<'_>) -> Result<Decoded, Failure> {
    let mut payload = decompress(source.encoding, Cow::Owned(body), context.limits.body_bytes_max)
        .map_err(|error| decompress_failure(&error))?;
    let mut event_ids = Vec::new();
    let (input, receipt) = match source.form {
        Form::OtlpProtobuf(Telemetry::Traces) => events(otlp::traces_from_protobuf(&payload, context))?,
        Form::OtlpProtobuf(Telemetry::Logs) => logs(otlp::logs_from_protobuf(&payload, context))?,
        Form::OtlpProtobuf(Telemetry::Metrics) => metrics(otlp::metrics_from_protobuf(&payload, context))?,
        Form::OtlpJson(Telemetry::Traces) => events(otlp::traces_from_json(&payload, context))?,
        Form::OtlpJson(Telemetry::Logs) => logs(otlp::logs_from_json(&payload, context))?,
        Form::OtlpJson(Telemetry::Metrics) => metrics(otlp::metrics_from_json(&payload, context))?,
        Form::WideJson => wide_events(wide::from_json(&payload, context), &mut event_ids)?,
        Form::WideNdjson => wide_events(wide::from_ndjson(&payload, context), &mut event_ids)?,
        Form::Signals => facts(signals::from_json(&payload, context), Input::Signals)?,
        Form::Alerts(asked) => alerts::decode(asked, &mut payload, context)?,
        Form::Deployments => facts(deployments::from_json(&payload, context), Input::Deployments)?,
    };
    let keys = match &input {
        Input::Events(events) => keys(events.iter().map(|event| event.trace)),
        Input::Logs(logs) => keys(logs.iter().filter_map(|log| log.trace)),
        _ => Vec::new(),
    };
    let received = context.received;
    Ok(Decoded { kind: source.form.kind(), payload, received, input, receipt, keys, event_ids })
}

fn events(decoded: Result<intake::Batch, DecodeError>) -> Result<(Input, Receipt), Failure> {
    let batch = decoded.map_err(|error| decode_failure(&error))?;
    let receipt = Receipt {
        accepted: batch.events.len() as u64,
        duplicate: 0,
        rejected: batch.rejected,
        warnings: batch.warnings,
        ..Receipt::default()
    };
    Ok((Input::Events(batch.events), receipt))
}

fn logs(decoded: Result<LogBatch, DecodeError>) -> Result<(Input, Receipt), Failure> {
    let batch = decoded.map_err(|error| decode_failure(&error))?;
    let LogBatch { logs, rejected, warnings } = batch;
    let receipt = Receipt { accepted: logs.len() as u64, rejected, warnings, ..Receipt::default() };
    Ok((Input::Logs(logs), receipt))
}

fn metrics(decoded: Result<MetricBatch, DecodeError>) -> Result<(Input, Receipt), Failure> {
    let batch = decoded.map_err(|error| decode_failure(&error))?;
    let MetricBatch { points, data_points, rejected, warnings } = batch;
    let receipt = Receipt { accepted: data_points, rejected, warnings, ..Receipt::default() };
    Ok((Input::Metrics(points), receipt))
}

fn wide_events(
    decoded: Result<wide::WideBatch, DecodeError>,
    event_ids: &mut Vec<String>,
) -> Result<(Input, Receipt), Failure> {
    let batch = decoded.map_err(|error| decode_failure(&error))?;
    event_ids.extend(batch.accepted.into_iter().map(|accepted| accepted.event_id));
    let receipt = Receipt {
        accepted: event_ids.len() as u64,
        duplicate: batch.duplicates.len() as u64,
        rejected: batch.rejected,
        warnings: batch.warnings,
        ..Receipt::default()
    };
    Ok((Input::Events(batch.events), receipt))
}

fn facts<T>(
    decoded: Result<(Vec<T>, Vec<intake::Rejected>), DecodeError>,
    input: impl FnOnce(Vec<T>) -> Input,
) -> Result<(Input, Receipt), Failure> {
    let (facts, rejected) = decoded.map_err(|error| decode_failure(&error))?;
    let receipt = Receipt { accepted: facts.len() as u64, rejected, ..Receipt::default() };
    Ok((input(facts), receipt))
}

/// In order, each once. What belongs to one trace mostly stands together: most repetitions need no sorting.
fn keys(traces: impl Iterator<Item = TraceId>) -> Vec<journal::Key> {
    let mut keys = Vec::new();
    for TraceId(key) in traces {
        if keys.last() != Some(&key) {
            keys.push(key);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn decompress_failure(error: &DecompressError) -> Failure {
    match error {
        DecompressError::TooLarge { max } => too_large("the body after decompression", *max),
        DecompressError::Corrupt { .. } => Failure::new(ErrorCode::InvalidBody, error.to_string()),
    }
}

pub(super) fn decode_failure(error: &DecodeError) -> Failure {
    match error {
        DecodeError::TooLarge { max, .. } => too_large("the body", *max),
        DecodeError::TooMany { .. } => Failure::new(ErrorCode::BodyTooLarge, error.to_string()),
        DecodeError::Malformed { .. } | DecodeError::Shape { .. } => {
            Failure::new(ErrorCode::InvalidBody, error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_each_is_there_once() {
        let of = |traces: &[u8]| keys(traces.iter().map(|trace| TraceId([*trace; 16])));
        let all = |traces: &[u8]| traces.iter().map(|trace| [*trace; 16]).collect::<Vec<_>>();
        for (said, kept) in [("", ""), ("777", "7"), ("3313112", "123")] {
            assert_eq!(of(said.as_bytes()), all(kept.as_bytes()));
        }
    }
}
