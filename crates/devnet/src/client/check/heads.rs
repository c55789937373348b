//! Heads: each once, each the child of one that came before, each as the chain has it. It must never know logs.

use std::collections::BTreeSet;

use super::Expected;
use crate::client::record::{HeadSeen, Record};
use crate::network::History;

pub(super) fn check(
    id: &str,
    record: &Record,
    history: &History,
    expected: Expected,
    violations: &mut Vec<String>,
) {
    let mut seen = BTreeSet::new();
    // The chain as the client has it, oldest first.
    let mut held: Vec<&HeadSeen> = Vec::new();
    for head in record.heads().filter(|head| head.subscription == id) {
        let mut violation =
            |what: &str| violations.push(format!("{id}: head {} {}: {what}", head.number, head.hash));
        if !seen.insert(head.hash) {
            violation("came twice");
            continue;
        }
        match super::block_of(history, expected, &head.hash) {
            None => violation("was never on the main branch"),
            Some(block) if (block.number(), block.parent()) != (head.number, head.parent) => {
                violation("has not the number or the parent that the chain gave it");
            }
            Some(_) => {}
        }
        let parent = held.iter().rposition(|before| before.hash == head.parent);
        let (first, last) = (held.first().map(|first| first.number), held.last().map(|last| last.number));
        match (parent, first, last) {
            (Some(at), ..) => held.truncate(at + 1),
            // The first; or a reorganisation that goes back behind it.
            (None, None, _) => {
                if expected.from_block.is_some_and(|from| head.number > from) {
                    violation(&format!("is the first, and block {:?} should have been", expected.from_block));
                }
            }
            (None, Some(first), _) if head.number <= first => held.clear(),
            (None, _, last) => {
                violation(&format!("is not linked: its parent never came; before it was {last:?}"))
            }
        }
        if held.last().is_some_and(|parent| parent.number + 1 != head.number && parent.hash == head.parent) {
            violation("does not count on from its parent");
        }
        held.push(head);
    }
    if expected.finished {
        finished(id, held.last().copied(), history, expected, violations);
    }
}

fn finished(
    id: &str,
    last: Option<&HeadSeen>,
    history: &History,
    expected: Expected,
    violations: &mut Vec<String>,
) {
    let main = history.main();
    let Some(head) = main.last() else { return };
    match last {
        Some(last) if last.hash != head.hash => violations.push(format!(
            "{id}: the last head is {} {}, and the chain is at {} {}",
            last.number,
            last.hash,
            head.number(),
            head.hash
        )),
        None if expected.from_block.is_some_and(|from| head.number() >= from) => {
            violations.push(format!("{id}: no head ever came, and the chain is at {}", head.number()));
        }
        _ => {}
    }
}
