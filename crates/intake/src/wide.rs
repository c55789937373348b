//! Wide events, `schema_version` "2.0": one JSON document for one unit of work and its steps.

use model::Event;

use crate::{Context, DecodeError, Rejected, Warnings};

/// The outcome of a readable request of wide events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WideBatch {
    /// One root event for each accepted wide event, followed by one for each of its steps.
    pub events: Vec<Event>,
    pub accepted: Vec<Accepted>,
    /// Wide events whose id stood earlier in the same request; they are not in `events` again.
    pub duplicates: Vec<Accepted>,
    pub rejected: Vec<Rejected>,
    pub warnings: Warnings,
}

/// A wide event by its place in the request (from 0) and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub index: usize,
    pub event_id: String,
}

/// A single event, an array of events, or `{"events": [..]}`.
pub fn from_json(body: &[u8], context: &Context<'_>) -> Result<WideBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok(WideBatch::default())
}

/// One event a line; blank lines are skipped, and a line that is no JSON is a reject of its own.
pub fn from_ndjson(body: &[u8], context: &Context<'_>) -> Result<WideBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    Ok(WideBatch::default())
}

pub(crate) fn trace_ids_of_json(_: &[u8], _: &mut Vec<[u8; 16]>) {}
pub(crate) fn trace_ids_of_ndjson(_: &[u8], _: &mut Vec<[u8; 16]>) {}
