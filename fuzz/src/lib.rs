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

/// Takes any bytes, and is called by a program of its own in `targets/`: what that does not use is not linked.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// As the program writes it.
    pub path: &'static str,
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[$only:meta])? $module:ident :: $name:ident,)*) => {
        &[$($(#[$only])? Target {
            name: stringify!($name),
            path: concat!("fuzz::", stringify!($module), "::", stringify!($name)),
            run: $module::$name,
        },)*]
    };
}

pub const TARGETS: &[Target] = targets![
    payloads::alerts,
    documents::case_files,
    payloads::decompress,
    edge::edge_answers,
    edge::edge_blocks,
    edge::edge_config,
    edge::edge_filters,
    edge_frames::edge_frames,
    edge::edge_requests,
    payloads::facts,
    journals::journal_damage,
    journals::journal_files,
    otlp::logs_json,
    otlp::logs_protobuf,
    otlp::metrics_json,
    otlp::metrics_protobuf,
    queries::queries,
    payloads::record,
    documents::report,
    #[cfg(feature = "server")]
    server_settings::server_settings,
    documents::settings,
    otlp::traces_json,
    otlp::traces_protobuf,
    payloads::wide_events,
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
