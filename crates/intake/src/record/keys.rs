//! The trace ids that a record is found by. Cheap, and silent where a record cannot be read: whoever decodes it
//! says what is wrong.

use model::Input;

use super::{Kind, internal};
use crate::{otlp, wide};

/// Appends the trace ids of the events that `payload` holds, in order, each once; possibly also those of rejected
/// ones. Only records of events have keys.
pub fn keys(kind: u8, payload: &[u8], out: &mut Vec<[u8; 16]>) {
    let mut found = Vec::new();
    match Kind::from_u8(kind) {
        Some(Kind::OtlpTracesProtobuf) => otlp::protobuf::spans::trace_ids(payload, &mut found),
        Some(Kind::OtlpTracesJson) => otlp::json::spans::trace_ids(payload, &mut found),
        Some(Kind::WideJson) => wide::trace_ids_of_json(payload, &mut found),
        Some(Kind::WideNdjson) => wide::trace_ids_of_ndjson(payload, &mut found),
        Some(Kind::Decoded) => {
            if let Ok(Input::Events(events)) = internal::decode(Kind::Decoded, payload) {
                found.extend(events.iter().map(|event| event.trace.0));
            }
        }
        Some(_) | None => {}
    }
    found.retain(|id| *id != [0; 16]);
    found.sort_unstable();
    found.dedup();
    out.append(&mut found);
}
