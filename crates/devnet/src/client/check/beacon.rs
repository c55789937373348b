//! Heads of an event stream: each once, and each the child of one that came before, by the truth of the chain. It must never
//! know JSON-RPC.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Expected;
use crate::chain::{Block, Hash};
use crate::client::events::Event;
use crate::network::History;

/// No text: the stream was as it should be. `expected.from_block` is a number of the execution chain, as elsewhere.
pub fn check_events(events: &[Event], history: &History, expected: Expected) -> Vec<String> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut last: Option<Arc<Block>> = None;
    for event in events.iter().filter(|event| event.topic == "head") {
        let (slot, root) = (event.data["slot"].as_str().unwrap_or("?"), event.data["block"].as_str());
        let mut violation =
            |what: &str| violations.push(format!("{} ms: head of slot {slot}: {what}", event.at_ms));
        let block = root.and_then(|root| root.parse::<Hash>().ok()).and_then(|root| find(history, &root));
        let Some(block) = block else {
            violation("was never on the main branch");
            continue;
        };
        if block.slot.to_string() != slot {
            violation("is of another slot");
        }
        if !seen.insert(block.root) {
            violation("came twice");
            continue;
        }
        match &last {
            None if expected.from_block.is_some_and(|from| block.number() > from) => {
                violation("is the first, and an earlier one should have been");
            }
            // On the other side of a reorganisation the parent may be older than the stream.
            Some(last) if last.number() < block.number() && !seen.contains(&block.parent_root()) => {
                violation("is not linked: its parent never came");
            }
            _ => {}
        }
        last = Some(block);
    }
    let main = history.main();
    if let (true, Some(head)) = (expected.finished, main.last())
        && last.as_ref().is_none_or(|last| last.root != head.root)
    {
        let slot = last.map_or_else(|| "none".to_owned(), |last| last.slot.to_string());
        violations.push(format!("the last head is of slot {slot}, and the chain is at slot {}", head.slot));
    }
    violations
}

fn find(history: &History, root: &Hash) -> Option<Arc<Block>> {
    history.steps().map(|step| step.block()).find(|block| block.root == *root).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::network::{Network, Plan};

    fn event(block: &Block) -> Event {
        let data = json!({ "slot": block.slot.to_string(), "block": block.root });
        Event { at_ms: 1, topic: "head".to_owned(), data }
    }

    #[test]
    fn what_is_wrong_is_seen_and_nothing_else() {
        let mut network = Network::new(Plan::default()).unwrap();
        let mut events: Vec<Event> = (0..5).map(|at| event(&network.mine(at).0)).collect();
        let path = network.reorganise(2, 3, 9).unwrap().0;
        events.extend(path.added.iter().map(|block| event(block)));
        let expected = Expected { from_block: Some(11), finished: true, ..Expected::default() };
        let judged = |change: &dyn Fn(&mut Vec<Event>)| {
            let mut events = events.clone();
            change(&mut events);
            check_events(&events, network.history(), expected)
        };
        assert_eq!(judged(&|_| ()), [""; 0]);
        let has = |what: &str, change: &dyn Fn(&mut Vec<Event>)| {
            let violations = judged(change);
            assert!(violations.iter().any(|one| one.contains(what)), "{what}: {violations:?}");
        };
        has("is the first", &|events| _ = events.remove(0));
        has("is not linked", &|events| _ = events.remove(2));
        has("the last head is of slot 15", &|events| _ = events.pop());
        has("came twice", &|events| events.insert(3, events[3].clone()));
        has("another slot", &|events| events[1].data["slot"] = json!("99"));
        has("never on the main branch", &|events| events[1].data["block"] = json!(Hash::ZERO));
    }
}
