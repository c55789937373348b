//! Which members keep what they say, and what stands for what is not kept. Knows names only.

use sha2::{Digest, Sha256};

use crate::InputKind;

/// What makes a failure a timeout where a text for people says it.
pub(super) const TIMEOUTS: [&str; 3] = ["timeout", "timed out", "deadline exceeded"];
/// Letters of a word: 80 bits of its hash, four a letter.
const WORD_LETTERS: usize = 20;

/// Letters alone: digits would be taken for what changes from one text to the next.
pub(super) fn word(salt: &[u8; 16], text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let digest = Sha256::new().chain_update(salt).chain_update(text).finalize();
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(WORD_LETTERS);
    nibbles.map(|nibble| char::from(b'g' + nibble)).collect()
}

/// Texts of OTLP that are names, ids and units.
pub(super) fn is_kept_of_telemetry(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "version"
            | "unit"
            | "kind"
            | "schemaUrl"
            | "traceId"
            | "trace_id"
            | "spanId"
            | "span_id"
            | "parentSpanId"
            | "parent_span_id"
            | "traceState"
            | "trace_state"
            | "severityNumber"
            | "severity_number"
            | "severityText"
            | "severity_text"
            | "eventName"
            | "event_name"
            | "aggregationTemporality"
            | "aggregation_temporality"
    )
}

/// Members of documents that the core reads: what something is called, what it belongs to, what became of it.
pub(super) fn is_kept(kind: InputKind, parent: &str, key: &str) -> bool {
    let known: &[&str] = match kind {
        InputKind::Events => &[
            "schema_version",
            "event_id",
            "kind",
            "service",
            "env",
            "version",
            "instance",
            "trace_id",
            "span_id",
            "parent_span_id",
            "status",
            "step",
            "name",
            "endpoint",
            "code",
            "error_code",
        ],
        InputKind::Signal => &["id", "kind", "subtype", "env", "service", "instance", "subject", "status"],
        InputKind::Deployment => &["id", "service", "env", "version", "previous_version", "commit"],
        InputKind::Alert => &[
            "id",
            "fingerprint",
            "status",
            "version",
            "severity",
            "urgency",
            "service",
            "env",
            "operation",
            "code",
            "event_type",
            "type",
            "incident_key",
        ],
        InputKind::Operator => &["incident", "into", "services", "kind"],
        InputKind::AcceptBaseline => &["env", "service"],
        _ => &[],
    };
    // An incident of another system names its service by its summary.
    known.contains(&key) || (kind == InputKind::Alert && parent == "service" && key == "summary")
}
