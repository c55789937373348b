//! Judges a record by the truth of a devnet: what is wrong with it is said in words, one text for each violation. Pure. It
//! must never know how the record came about.

mod beacon;
mod heads;
mod logs;

use std::sync::Arc;

use serde_json::Value;

use super::record::{Entry, Record, Seen};
use crate::chain::{Block, Hash};
use crate::network::History;
use crate::node::LogFilter;

/// Violations that are written out; of more there is a count.
const VIOLATIONS_MAX: usize = 200;

/// What the record should hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// The number of the first block that every subscription must have told of. `None`: not known.
    pub from_block: Option<u64>,
    /// All is over: nothing is unanswered, and subscriptions have come to the head of the main branch.
    pub finished: bool,
    /// The server may close the connection.
    pub may_close: bool,
    /// So many blocks of a branch that was never the main one may be told, if they are taken back: whoever is the first to go on
    /// from the head cannot be told from one that goes its own way.
    pub aside_max: usize,
}

pub use beacon::check_events;

/// A subscription as the client knows it.
struct Subscription<'r> {
    id: &'r str,
    params: &'r Value,
    ended: bool,
}

/// No text: the client was served as it should be.
pub fn check(record: &Record, history: &History, expected: Expected) -> Vec<String> {
    let mut violations = Vec::new();
    frames(record, expected, &mut violations);
    let subscriptions = subscriptions(record, &mut violations);
    for subscription in subscriptions {
        // What was given up need not have come to the end.
        let expected = Expected { finished: expected.finished && !subscription.ended, ..expected };
        match subscription.params.get(0).and_then(Value::as_str) {
            Some("newHeads") => heads::check(subscription.id, record, history, expected, &mut violations),
            Some("logs") => match LogFilter::from_params(subscription.params) {
                Ok(filter) => {
                    logs::check((subscription.id, &filter), record, history, expected, &mut violations);
                }
                Err(error) => {
                    violations.push(format!("{}: a filter that nobody takes: {error}", subscription.id))
                }
            },
            _ => {}
        }
    }
    if violations.len() > VIOLATIONS_MAX {
        let more = violations.len() - VIOLATIONS_MAX;
        violations.truncate(VIOLATIONS_MAX);
        violations.push(format!("and {more} more"));
    }
    violations
}

/// The block, if it may be told.
fn block_of<'h>(history: &'h History, expected: Expected, hash: &Hash) -> Option<&'h Arc<Block>> {
    let aside = || history.find_aside(hash).filter(|(_, depth)| *depth <= expected.aside_max);
    history.find(hash).or_else(|| aside().map(|(block, _)| block))
}

/// Each request is answered once, and nothing comes that was not asked for.
fn frames(record: &Record, expected: Expected, violations: &mut Vec<String>) {
    if record.dropped() > 0 {
        violations.push(format!("the record is full: {} entries are missing", record.dropped()));
    }
    for Entry { at_ms, seen } in record.entries() {
        match seen {
            Seen::Unsolicited { text } => violations.push(format!("{at_ms} ms: nobody asked for {text}")),
            Seen::Unreadable { text } => violations.push(format!("{at_ms} ms: unreadable: {text}")),
            Seen::Closed { code, reason } if !expected.may_close => {
                violations.push(format!("{at_ms} ms: the connection was closed with {code:?} {reason}"));
            }
            Seen::Lost { why } if !expected.may_close => {
                violations.push(format!("{at_ms} ms: the connection was lost: {why}"));
            }
            _ => {}
        }
    }
    if expected.finished {
        violations.extend(
            record.unanswered().map(|(id, method)| format!("{method} with id {id} was never answered")),
        );
    }
}

/// No id is given out twice.
fn subscriptions<'r>(record: &'r Record, violations: &mut Vec<String>) -> Vec<Subscription<'r>> {
    let mut found: Vec<Subscription<'r>> = Vec::new();
    for Entry { at_ms, seen } in record.entries() {
        match seen {
            Seen::Subscribed { subscription: id, .. } if found.iter().any(|held| held.id == id) => {
                violations.push(format!("{at_ms} ms: the subscription id {id} was given out twice"));
            }
            Seen::Subscribed { subscription: id, params } => {
                found.push(Subscription { id, params, ended: false })
            }
            Seen::Unsubscribed { subscription: id } => {
                found.iter_mut().filter(|held| held.id == id).for_each(|held| held.ended = true);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
