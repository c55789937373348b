//! The trace ids that a record is found by. Cheap, and silent where a record cannot be read: whoever decodes it
//! says what is wrong.

use model::Input;

use super::{Kind, internal};
use crate::{otlp, wide};

/// Appends the trace ids of the events and log records that `payload` holds, in order, each once; possibly also those of rejected
/// ones. No other records have keys.
pub fn keys(kind: u8, payload: &[u8], out: &mut Vec<[u8; 16]>) {
    let mut found = Vec::new();
    match Kind::from_u8(kind) {
        Some(Kind::OtlpTracesProtobuf) => otlp::protobuf::trace_ids_of_spans(payload, &mut found),
        Some(Kind::OtlpTracesJson) => otlp::json::trace_ids::of_spans(payload, &mut found),
        Some(Kind::OtlpLogsProtobuf) => otlp::protobuf::trace_ids_of_logs(payload, &mut found),
        Some(Kind::OtlpLogsJson) => otlp::json::trace_ids::of_logs(payload, &mut found),
        Some(Kind::WideJson) => wide::trace_ids_of_json(payload, &mut found),
        Some(Kind::WideNdjson) => wide::trace_ids_of_ndjson(payload, &mut found),
        Some(Kind::Decoded) => match internal::decode(Kind::Decoded, payload) {
            Ok(Input::Events(events)) => found.extend(events.iter().map(|event| event.trace.0)),
            Ok(Input::Logs(logs)) => {
                found.extend(logs.iter().filter_map(|log| log.trace).map(|trace| trace.0))
            }
            _ => {}
        },
        Some(_) | None => {}
    }
    found.retain(|id| *id != [0; 16]);
    found.sort_unstable();
    found.dedup();
    out.append(&mut found);
}
