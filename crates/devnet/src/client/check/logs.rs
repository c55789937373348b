//! Logs: in the order of the chain, each once, taken back only when they were there; and in the end what the main branch
//! has, no more and no less. It must never know heads.

use std::sync::Arc;

use super::Expected;
use crate::chain::{Block, Hash};
use crate::client::record::{LogSeen, Record};
use crate::network::History;
use crate::node::LogFilter;

/// Where a log stands: the number and hash of its block, and its index there.
type Place = (u64, Hash, u64);

pub(super) fn check(
    (id, filter): (&str, &LogFilter),
    record: &Record,
    history: &History,
    expected: Expected,
    violations: &mut Vec<String>,
) {
    // What was told and not taken back, oldest first.
    let mut held: Vec<Place> = Vec::new();
    let mut first = expected.from_block;
    for log in record.logs().filter(|log| log.subscription == id) {
        let place = (log.number, log.block, log.index);
        let mut violation = |what: &str| {
            violations.push(format!("{id}: log {} of block {} {}: {what}", log.index, log.number, log.block));
        };
        if let Some(wrong) = untrue(log, filter, super::block_of(history, expected, &log.block)) {
            violation(wrong);
        }
        let at = held.iter().rposition(|before| *before == place);
        match (log.removed, at) {
            (true, Some(at)) => _ = held.remove(at),
            (true, None) => {
                // What is older than the subscription may be taken back, too.
                if first.is_some_and(|first| log.number >= first) {
                    violation("was taken back and never told of");
                }
            }
            (false, Some(_)) => violation("came twice"),
            (false, None) => {
                if held.last().is_some_and(|(number, _, index)| (*number, *index) >= (log.number, log.index))
                {
                    violation("is out of order");
                }
                first.get_or_insert(log.number);
                held.push(place);
            }
        }
    }
    complete(id, filter, &held, history, expected, violations);
}

/// What the chain knows otherwise.
fn untrue(log: &LogSeen, filter: &LogFilter, block: Option<&Arc<Block>>) -> Option<&'static str> {
    let Some(block) = block else { return Some("its block was never on the main branch") };
    let held = usize::try_from(log.index).ok().and_then(|index| block.logs.get(index));
    match held {
        None => Some("its block has no such log"),
        Some(_) if block.number() != log.number => Some("its block has another number"),
        Some(held) if held.address != log.address || held.topics != log.topics => {
            Some("it was changed on the way")
        }
        Some(held) if !filter.matches(held) => Some("nobody asked for it"),
        Some(_) => None,
    }
}

/// What is held is a run of what the main branch has: from the first block on, and where all is over, to the last.
fn complete(
    id: &str,
    filter: &LogFilter,
    held: &[Place],
    history: &History,
    expected: Expected,
    violations: &mut Vec<String>,
) {
    let first = expected.from_block.or(held.first().map(|(number, ..)| *number));
    let Some(first) = first else { return };
    let main = history.main();
    let all = main.iter().flat_map(|block| {
        filter.of(block).map(|log| (block.number(), block.hash, log.index)).collect::<Vec<Place>>()
    });
    // A log of a block before the first may come as well, where the client was quick.
    let from = held.first().map_or(first, |(number, ..)| first.min(*number));
    let wanted: Vec<Place> = all.filter(|(number, ..)| *number >= from).collect();
    let left: Vec<&Place> = held.iter().filter(|place| !wanted.contains(place)).collect();
    // In the middle of a reorganisation nobody can say what has to be there.
    let last = held.last().filter(|_| left.is_empty()).map_or(0, |(number, ..)| *number);
    for (number, hash, index) in wanted.iter().filter(|place| !held.contains(place)) {
        if expected.finished || *number < last {
            violations.push(format!("{id}: log {index} of block {number} {hash} is missing"));
        }
    }
    for (number, hash, index) in left.into_iter().filter(|_| expected.finished) {
        violations.push(format!("{id}: log {index} of block {number} {hash} was left and never taken back"));
    }
}
