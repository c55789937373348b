//! What decides: which head is served, which node is asked, what a client is told, and when. Pure: time is an argument,
//! randomness a seed, and what is to be done comes back as data. It must never know a socket, a URL or a thread.

pub mod chain;
pub mod cluster;
pub mod filter;
pub mod frames;
pub mod health;
pub mod hex;
pub mod keccak;
pub mod params;
pub mod pool;
pub mod rest;
pub mod streams;
pub mod tracker;
pub mod wire;

mod answer;
mod block;
mod budget;
mod call;
mod fault;
mod method;
mod names;
mod quantile;
mod roster;
mod scan;
#[cfg(test)]
mod testing;
mod view;

pub use answer::{batch_response, error_response, refuse_each, result_response};
pub use block::{Block, Bloom, Hash};
pub use budget::Budget;
pub use call::{AnswerKind, Call, CallEffect, CallEffects, CallInput, CallLimits, Pace, Refusal, Ways};
pub use fault::Fault;
pub use method::{
    Again, Class, Meaning, Needs, OnNull, Route, error_meaning, route_of, transaction_hash, ways_of,
};
pub use names::{Millis, NodeId, NodeSet, SessionId, Tier, Transport};
pub use quantile::{HedgeDelay, Latencies};
pub use roster::{Roster, Seating};
pub use scan::{
    Invalid, InvalidKind, Notification, Request, Response, ResponseKind, Scanned, Upstream, scan_request,
    scan_response, scan_upstream, splice,
};
pub use view::{Head, NodeView, Recent, Standing, View};
