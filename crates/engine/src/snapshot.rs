//! The state of the core as bytes, for a fast start and for the edge of retention. A snapshot belongs to the engine
//! version that wrote it; another one refuses it and the journal is replayed instead.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::Engine;
use crate::hash;
use crate::shard::Shard;

/// Changes whenever the layout of the state does.
const LAYOUT: u32 = 23;

/// Room for what else an engine knows. What is not used of it is never memory.
const BESIDES_SEEN: usize = 32 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// Written with another layout of the state.
    Layout { found: u32 },
    /// Not a snapshot, or a damaged one.
    Damaged(String),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout { found } => write!(f, "snapshot has layout {found}, this engine reads {LAYOUT}"),
            Self::Damaged(what) => write!(f, "snapshot is damaged: {what}"),
        }
    }
}

impl std::error::Error for RestoreError {}

#[derive(Serialize, Deserialize)]
struct Image<T> {
    layout: u32,
    version: String,
    state: T,
}

/// The state as it was between two steps, to be written down elsewhere while the engine goes on. Most of what is old in
/// it is shared with the engine: a copy takes a small part of the time that it takes to write it down.
#[derive(Debug, Clone)]
pub struct Copied(Engine);

impl Copied {
    /// The bytes of a snapshot.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.snapshot()
    }
}

impl Engine {
    /// Everything the engine knows, without writing it down. Take it between steps.
    pub fn copied(&self) -> Copied {
        Copied(self.clone())
    }

    /// Everything the engine knows. Take it between steps.
    pub fn snapshot(&self) -> Vec<u8> {
        let image = Image { layout: LAYOUT, version: crate::VERSION.to_owned(), state: self };
        // At a high pace nearly all of it is what was seen: room for that at once, instead of copying it as it grows.
        let seen: usize = self.shards.iter().map(Shard::seen_bytes).sum();
        postcard::to_io(&image, Vec::with_capacity(seen + BESIDES_SEEN))
            .expect("the state is made of plain data, which postcard always writes")
    }

    /// The engine as it was, with the number of shards that it had.
    pub fn restore(bytes: &[u8]) -> Result<Engine, RestoreError> {
        let rest = state(bytes)?;
        let engine: Engine = postcard::from_bytes(rest).map_err(damaged)?;
        if engine.shards.is_empty() {
            return Err(RestoreError::Damaged("it has no shard".to_owned()));
        }
        Ok(engine)
    }

    /// Whether bytes that begin so were written by this version with this layout; a few dozen are enough.
    pub fn could_restore(beginning: &[u8]) -> bool {
        state(beginning).is_ok()
    }

    /// One digest of all that a later decision can rest on: the same for any number of shards, any order within ticks,
    /// any batches. Take it after a tick.
    pub fn state_digest(&self) -> String {
        let state = (&self.core, Shard::known(&self.shards));
        let bytes = postcard::to_stdvec(&state).expect("the state is made of plain data, as for a snapshot");
        hash::sha256_hex(&bytes)
    }

    /// The number of shards, as it was at the snapshot.
    pub fn shards(&self) -> usize {
        let shards: &Vec<Shard> = &self.shards;
        shards.len()
    }
}

/// What follows the words about layout and version, if those are ours.
fn state(bytes: &[u8]) -> Result<&[u8], RestoreError> {
    let (layout, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(damaged)?;
    if layout != LAYOUT {
        return Err(RestoreError::Layout { found: layout });
    }
    let (version, rest) = postcard::take_from_bytes::<String>(rest).map_err(damaged)?;
    if version != crate::VERSION {
        let what = format!("written by engine {version}, this is {}", crate::VERSION);
        return Err(RestoreError::Damaged(what));
    }
    Ok(rest)
}

fn damaged(error: postcard::Error) -> RestoreError {
    RestoreError::Damaged(error.to_string())
}
