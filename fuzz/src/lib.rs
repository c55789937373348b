//! Fuzz targets for everything that reads what others wrote, and the seeds that they begin with. A target takes any
//! bytes and panics where a promise is broken; it must never know who calls it.

mod bounds;
pub mod documents;
pub mod edge;
pub mod edge_frames;
pub mod journals;
mod memory_disk;
pub mod otlp;
pub mod payloads;
pub mod queries;
pub mod seeds;
#[cfg(feature = "server")]
pub mod server_settings;

use intake::{Context, Limits};
use model::Nanos;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// One program in `targets/` for each, which names its target itself: what it does not use is not linked.
pub const TARGETS: &[(&str, Target)] = &[
    ("alerts", payloads::alerts),
    ("case_files", documents::case_files),
    ("decompress", payloads::decompress),
    ("edge_answers", edge::edge_answers),
    ("edge_blocks", edge::edge_blocks),
    ("edge_config", edge::edge_config),
    ("edge_filters", edge::edge_filters),
    ("edge_frames", edge_frames::edge_frames),
    ("edge_requests", edge::edge_requests),
    ("facts", payloads::facts),
    ("journal_damage", journals::journal_damage),
    ("journal_files", journals::journal_files),
    ("logs_json", otlp::logs_json),
    ("logs_protobuf", otlp::logs_protobuf),
    ("metrics_json", otlp::metrics_json),
    ("metrics_protobuf", otlp::metrics_protobuf),
    ("queries", queries::queries),
    ("record", payloads::record),
    ("report", documents::report),
    #[cfg(feature = "server")]
    ("server_settings", server_settings::server_settings),
    ("settings", documents::settings),
    ("traces_json", otlp::traces_json),
    ("traces_protobuf", otlp::traces_protobuf),
    ("wide_events", payloads::wide_events),
];

const RECEIVED: Nanos = Nanos::from_secs(1_800_000_000);

fn with_context<T>(read: impl FnOnce(&Context<'_>) -> T) -> T {
    read(&Context { received: RECEIVED, limits: &Limits::default(), user_salt: &[7; 16] })
}

/// As captured traces are read: with their attributes.
fn as_evidence<T>(read: impl FnOnce(&Context<'_>) -> T) -> T {
    read(&Context { received: RECEIVED, limits: &Limits::default().for_evidence(), user_salt: &[7; 16] })
}

#[cfg(test)]
mod tests;
