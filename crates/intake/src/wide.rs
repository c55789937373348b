//! Wide events, `schema_version` "2.0": one JSON document for one unit of work and its steps.
//!
//! `event` reads and checks one, saying everything that is wrong with it; `map` makes the model's events of it: a
//! root, and a child for each step. Knows nothing of OTLP but the names of attributes, which `fields` may use.

use std::collections::BTreeSet;

use model::Event;
use serde::de::DeserializeSeed;

use crate::decode_error::json_found;
use crate::names::Names;
use crate::strict::fields::Problems;
use crate::strict::items::{self, Item, Shape};
use crate::strict::node::{Budget, NodeSeed};
use crate::{Context, DecodeError, Limits, RejectReason, Rejected, Warnings};

mod event;
mod map;
mod step;

const SHAPE: Shape =
    Shape { member: "events", expected: "a wide event, an array of wide events or {\"events\": [..]}" };

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
    let mut reading = Reading::new(context);
    items::read(body, SHAPE, context.limits, &mut |item| reading.take(&item))?;
    Ok(reading.batch)
}

/// One event a line; blank lines are skipped, and a line that is no JSON is a reject of its own.
pub fn from_ndjson(body: &[u8], context: &Context<'_>) -> Result<WideBatch, DecodeError> {
    DecodeError::check_size(body, context.limits.body_bytes_max)?;
    let mut reading = Reading::new(context);
    for (index, (number, line)) in lines(body).enumerate() {
        match read_line(index, line, context.limits) {
            Ok(item) => reading.take(&item)?,
            Err(error) => reading.refuse_line(index, number, &error)?,
        }
    }
    Ok(reading.batch)
}

pub(crate) fn trace_ids_of_json(body: &[u8], found: &mut Vec<[u8; 16]>) {
    let mut take = |item: Item<'_>| {
        found.extend(event::trace_id(&item.node));
        Ok(())
    };
    // What cannot be read has no keys; whoever decodes it says what is wrong.
    let _ = items::read(body, SHAPE, &Limits::default(), &mut take);
}

pub(crate) fn trace_ids_of_ndjson(body: &[u8], found: &mut Vec<[u8; 16]>) {
    let limits = Limits::default();
    let items = lines(body).filter_map(|(_, line)| read_line(0, line, &limits).ok());
    found.extend(items.filter_map(|item| event::trace_id(&item.node)));
}

/// The lines that are not blank, with their numbers from 1.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    lines.map(|(index, line)| (index + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty())
}

fn read_line<'de>(index: usize, line: &'de [u8], limits: &Limits) -> Result<Item<'de>, serde_json::Error> {
    let mut budget = Budget::new(limits);
    let mut json = serde_json::Deserializer::from_slice(line);
    let node = NodeSeed(&mut budget).deserialize(&mut json)?;
    json.end()?;
    Ok(Item { index, node, exceeded: budget.exceeded })
}

struct Reading<'c> {
    context: &'c Context<'c>,
    names: Names,
    seen: BTreeSet<[u8; 16]>,
    batch: WideBatch,
}

impl<'c> Reading<'c> {
    fn new(context: &'c Context<'c>) -> Self {
        let names = Names::new(context.limits.shared_names_max, context.user_salt);
        Self { context, names, seen: BTreeSet::new(), batch: WideBatch::default() }
    }

    fn take(&mut self, item: &Item<'_>) -> Result<(), DecodeError> {
        self.check_count(item.index)?;
        let mut problems = Problems::new(self.context.limits.problems_per_item_max);
        items::check_bound(item, self.context.limits, &mut problems);
        let id = items::text_field(&item.node, "event_id");
        let read = event::read(&item.node, self.context, &mut problems);
        let (Some(wide), 0) = (read, problems.found) else {
            self.batch.rejected.push(Rejected::from_problems(item.index, id, problems.into_list()));
            return Ok(());
        };
        let entry = Accepted { index: item.index, event_id: id };
        if !self.seen.insert(wide.id) {
            self.batch.duplicates.push(entry);
            return Ok(());
        }
        map::events(&wide, self.context, &mut self.names, &mut self.batch.events);
        wide.warn(&mut self.batch.warnings);
        self.batch.accepted.push(entry);
        self.check_count(self.batch.events.len().saturating_sub(1))
    }

    fn refuse_line(
        &mut self,
        index: usize,
        number: usize,
        error: &serde_json::Error,
    ) -> Result<(), DecodeError> {
        self.check_count(index)?;
        let (found, column) = (json_found(error), error.column());
        let detail =
            format!("line {number} is no JSON at column {column}: {found}; expected one wide event a line");
        let reason = RejectReason::MalformedJson;
        self.batch.rejected.push(Rejected { index, id: String::new(), reason, detail, problems: Vec::new() });
        Ok(())
    }

    fn check_count(&self, index: usize) -> Result<(), DecodeError> {
        let max = self.context.limits.events_per_request_max;
        if index < max { Ok(()) } else { Err(DecodeError::TooMany { what: "events and steps", max }) }
    }
}

#[cfg(test)]
mod tests;
