//! The server: listeners, the loop around the engine, effects, REST and replay, put together from the crates below.
//! It must never hold a rule about incidents; those live in `engine`.

mod admin;
mod apply;
mod auth;
mod clock;
mod data;
mod decoders;
mod denials;
mod disk_room;
mod doctor;
mod engine_loop;
mod evidence;
mod health;
mod http;
mod ingest;
mod limits;
mod listen;
mod login;
mod metrics;
mod overload;
mod process;
mod refusals;
mod replay;
mod rest;
mod retention;
mod settings;
mod snapshot;
mod store_writer;
mod trail;
mod turns;

pub use auth::{KeySource, NewKey, NewKeyError, People, check_key_name};
pub use clock::now;
pub use data::{DataDir, DataDirError, Installation, salt};
pub use doctor::check_data;
pub use listen::BindError;
pub use metrics::METRICS;
pub use process::{DecodeOnly, ServeError, Server, StartError};
pub use replay::{
    Difference, Progress, ReplayError, ReplayOutcome, ReplayRequest, ReplayedIncident, Verification, replay,
};
pub use settings::{AdminDoor, CONFIG_FILE, REGISTER, SettingFlags, Settings};

/// Larger than the largest body that the settings allow, and than any evidence.
const FRAME_BYTES_MAX: u32 = 128 << 20;

/// How the journal of a data directory is opened; without settings only to be read.
fn journal_options(data: &DataDir, settings: Option<&Settings>) -> journal::Options {
    journal::Options {
        dir: data.journal(),
        segment_bytes_max: settings.map_or(1 << 30, |settings| settings.segment_bytes),
        frame_bytes_max: FRAME_BYTES_MAX,
        durability: match settings.map(|settings| settings.durability) {
            Some(api::Durability::Buffered) => journal::Durability::Buffered,
            Some(api::Durability::Durable) | None => journal::Durability::Durable,
        },
        keys: intake::record::keys,
        disk: std::sync::Arc::new(journal::RealDisk),
    }
}
