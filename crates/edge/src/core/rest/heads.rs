//! What clients are told of a head: the words of a node that told of it, or where none did, the same made from its header.
//! It must never know which head is next; that is the chain's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::beacon::{SLOTS_PER_EPOCH, head_event};
use crate::core::{Block, Hash, hex};

/// Heads that are remembered: eight epochs of most networks.
const REMEMBERED_MAX: usize = 256;

/// The roots by which a validator client sees that its duties changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Duties {
    previous: Hash,
    current: Hash,
}

#[derive(Debug, Clone, Default)]
struct Known {
    /// As a node wrote it.
    event: Option<Arc<[u8]>>,
    duties: Option<Duties>,
}

#[derive(Debug, Clone)]
pub struct HeadEvents {
    slots_per_epoch: u64,
    known: BTreeMap<(u64, Hash), Known>,
    /// The slot of the head that is served. What is said to be far beyond it is not remembered.
    served: Option<u64>,
}

impl Default for HeadEvents {
    fn default() -> Self {
        Self { slots_per_epoch: SLOTS_PER_EPOCH, known: BTreeMap::new(), served: None }
    }
}

impl HeadEvents {
    pub fn set_slots_per_epoch(&mut self, slots: u64) {
        self.slots_per_epoch = slots.max(1);
    }

    /// A head is served now.
    pub fn served(&mut self, slot: u64) {
        self.served = Some(slot);
        self.known.retain(|(known, _), _| *known <= slot.saturating_add(REMEMBERED_MAX as u64));
    }

    /// A node told of a head in these words. The first who has verified it is quoted.
    pub fn heard(&mut self, data: &Arc<[u8]>) {
        let Some(place) = head_event(data) else { return };
        if self.served.is_some_and(|served| place.0 > served.saturating_add(REMEMBERED_MAX as u64)) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        let root = |name: &str| event.get(name).and_then(Value::as_str).and_then(hex::bytes).map(Hash);
        let duties = root("previous_duty_dependent_root").zip(root("current_duty_dependent_root"));
        let Some((previous, current)) = duties else { return };
        let is_optimistic = event.get("execution_optimistic").and_then(Value::as_bool).unwrap_or(false);
        let known = self.known.entry(place).or_default();
        known.duties = Some(Duties { previous, current });
        if known.event.is_none() || !is_optimistic {
            known.event = Some(Arc::clone(data));
        }
        self.forget_the_oldest();
    }

    /// What is told of a block that is the head now.
    pub fn told(&mut self, block: &Block) -> Arc<[u8]> {
        let place = (block.number, block.hash);
        if let Some(event) = self.known.get(&place).and_then(|known| known.event.clone()) {
            return event;
        }
        let parent = self.parent_of(block);
        let epoch = |slot: u64| slot / self.slots_per_epoch;
        // Without an ancestor nobody can say; whoever compares the roots looks its duties up once more.
        let unknown = Duties { previous: block.parent, current: block.parent };
        let duties = parent.map_or(unknown, |(slot, duties)| match epoch(block.number) - epoch(slot) {
            0 => duties,
            1 => Duties { previous: duties.current, current: block.parent },
            _ => unknown,
        });
        let is_first = parent.is_none_or(|(slot, _)| epoch(slot) < epoch(block.number));
        let event = made(block, duties, is_first);
        self.known.insert(place, Known { event: Some(Arc::clone(&event)), duties: Some(duties) });
        self.forget_the_oldest();
        event
    }

    fn parent_of(&self, block: &Block) -> Option<(u64, Duties)> {
        let before = self.known.range(..(block.number, Hash([0; 32]))).rev();
        let mut parent = before.filter(|((_, root), _)| *root == block.parent);
        parent.find_map(|((slot, _), known)| Some((*slot, known.duties?)))
    }

    fn forget_the_oldest(&mut self) {
        while self.known.len() > REMEMBERED_MAX {
            self.known.pop_first();
        }
    }
}

fn made(block: &Block, duties: Duties, is_first: bool) -> Arc<[u8]> {
    let header: Value = serde_json::from_slice(&block.header).unwrap_or_default();
    let event = json!({
        "slot": block.number.to_string(),
        "block": block.hash.to_string(),
        "state": header.get("state").cloned().unwrap_or_default(),
        "epoch_transition": is_first,
        "previous_duty_dependent_root": duties.previous.to_string(),
        "current_duty_dependent_root": duties.current.to_string(),
        "execution_optimistic": header.get("execution_optimistic").cloned().unwrap_or(Value::Bool(false)),
    });
    Arc::from(event.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(byte: u8) -> Hash {
        Hash([byte; 32])
    }

    fn block(slot: u8, parent: u8) -> Block {
        let header = json!({ "state": hash(200).to_string(), "execution_optimistic": false });
        let header = Arc::from(header.to_string().into_bytes());
        Block { hash: hash(slot), parent: hash(parent), number: u64::from(slot), bloom: None, header }
    }

    fn event(slot: u8, previous: u8, current: u8, is_optimistic: bool) -> Arc<[u8]> {
        let event = json!({
            "slot": slot.to_string(), "block": hash(slot).to_string(), "state": hash(200).to_string(),
            "previous_duty_dependent_root": hash(previous).to_string(),
            "current_duty_dependent_root": hash(current).to_string(),
            "execution_optimistic": is_optimistic,
        });
        Arc::from(event.to_string().into_bytes())
    }

    fn roots(told: &[u8]) -> (String, String, bool) {
        let event: Value = serde_json::from_slice(told).unwrap();
        let text = |name: &str| event[name].as_str().unwrap()[2..4].to_owned();
        let is_first = event["epoch_transition"].as_bool().unwrap();
        (text("previous_duty_dependent_root"), text("current_duty_dependent_root"), is_first)
    }

    #[test]
    fn what_a_node_said_is_told_and_rather_what_was_verified() {
        let mut heads = HeadEvents::default();
        let (optimistic, verified) = (event(5, 1, 2, true), event(5, 1, 2, false));
        heads.heard(&optimistic);
        assert_eq!(heads.told(&block(5, 4)), optimistic);
        heads.heard(&verified);
        heads.heard(&optimistic);
        assert_eq!(heads.told(&block(5, 4)), verified);
    }

    /// Epochs of four slots.
    #[test]
    fn what_nobody_told_of_follows_from_its_parent() {
        let mut heads = HeadEvents::default();
        heads.set_slots_per_epoch(4);
        heads.heard(&event(5, 1, 3, false));
        // In the same epoch, the first of the next, and after an epoch without blocks.
        assert_eq!(roots(&heads.told(&block(6, 5))), ("01".into(), "03".into(), false));
        assert_eq!(roots(&heads.told(&block(9, 6))), ("03".into(), "06".into(), true));
        assert_eq!(roots(&heads.told(&block(17, 9))), ("09".into(), "09".into(), true));
        // And without a parent.
        assert_eq!(roots(&heads.told(&block(30, 29))), ("1d".into(), "1d".into(), true));
        assert_eq!(head_event(&heads.told(&block(30, 29))), Some((30, hash(30))));
    }

    #[test]
    fn who_tells_of_heads_far_away_displaces_nothing() {
        let mut heads = HeadEvents::default();
        heads.heard(&event(5, 1, 3, false));
        heads.served(5);
        for slot in 10_000..11_000 {
            let text = String::from_utf8(event(7, 0, 0, false).to_vec()).unwrap();
            heads.heard(&Arc::from(text.replace("\"7\"", &format!("\"{slot}\"")).into_bytes()));
        }
        assert_eq!(roots(&heads.told(&block(6, 5))), ("01".into(), "03".into(), false));
    }

    #[test]
    fn there_is_a_bound() {
        let mut heads = HeadEvents::default();
        (0..=255).for_each(|slot| heads.heard(&event(slot, 0, 0, false)));
        let old: Arc<[u8]> = Arc::from(
            String::from_utf8(event(7, 0, 0, false).to_vec())
                .unwrap()
                .replace("\"7\"", "\"70000\"")
                .into_bytes(),
        );
        heads.heard(&old);
        assert_eq!(heads.known.len(), REMEMBERED_MAX);
    }
}
