//! What an event stream says when the view moves. It must never know how a stream is carried.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::chain::{Block, Path};
use crate::node::view::SLOTS_PER_EPOCH;
use crate::node::{Action, Face, Fault, Node, Push, World};

/// Topics that can be asked for.
pub const TOPICS: [&str; 4] = ["head", "block", "finalized_checkpoint", "chain_reorg"];

struct Event {
    topic: &'static str,
    data: Value,
}

impl Node {
    /// In the order of a consensus client: the block that came, what it did to the head, what became final.
    pub(in crate::node) fn push_events(&mut self, world: &World<'_>, pushes: &mut Vec<Push>) {
        let path = self.consensus.view_mut().advance(world.chain, world.now_ms).announced;
        let mut events = moves(&path, self.health().optimistic);
        if let Some(checkpoint) =
            self.consensus.view().epochs_back(world.chain, 2).filter(|_| !events.is_empty())
            && checkpoint.root != self.consensus.finalized
            && checkpoint.slot > 0
        {
            self.consensus.finalized = checkpoint.root;
            events.push(finalized(checkpoint, self.health().optimistic));
        }
        let late = self.switches().find(Face::Consensus, |fault| match fault {
            Fault::Late { ms } => Some(*ms),
            _ => None,
        });
        let at_ms = world.now_ms.saturating_add(late.unwrap_or(0));
        let times = if self.switches().has(Face::Consensus, &Fault::Duplicate) { 2 } else { 1 };
        for (connection, topics) in &self.consensus.streams {
            let asked = |event: &&Event| {
                topics.contains(event.topic) && !self.switches().stalled(Face::Consensus, event.topic)
            };
            let mut text = String::new();
            for event in events.iter().filter(asked) {
                for _ in 0..times {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "event: {}\ndata: {}\n\n", event.topic, event.data);
                }
            }
            if !text.is_empty() {
                let action = Action::Send(text.into());
                pushes.push(Push { face: Face::Consensus, connection: *connection, at_ms, action });
            }
        }
    }
}

fn moves(path: &Path, optimistic: bool) -> Vec<Event> {
    let mut events = Vec::new();
    for (at, block) in path.added.iter().enumerate() {
        events.push(Event { topic: "block", data: announced(block, optimistic) });
        if let (0, Some(old)) = (at, path.removed.first()) {
            let depth = path.removed.len();
            events.push(Event { topic: "chain_reorg", data: reorganised(old, block, depth, optimistic) });
        }
        events.push(Event { topic: "head", data: head(block, optimistic) });
    }
    events
}

fn announced(block: &Block, optimistic: bool) -> Value {
    json!({ "slot": block.slot.to_string(), "block": block.root, "execution_optimistic": optimistic })
}

fn head(block: &Block, optimistic: bool) -> Value {
    json!({
        "slot": block.slot.to_string(),
        "block": block.root,
        "state": block.state_root(),
        "epoch_transition": block.slot.is_multiple_of(SLOTS_PER_EPOCH),
        "previous_duty_dependent_root": block.parent_root(),
        "current_duty_dependent_root": block.parent_root(),
        "execution_optimistic": optimistic,
    })
}

fn reorganised(old: &Block, new: &Block, depth: usize, optimistic: bool) -> Value {
    json!({
        "slot": new.slot.to_string(),
        "depth": depth.to_string(),
        "old_head_block": old.root,
        "new_head_block": new.root,
        "old_head_state": old.state_root(),
        "new_head_state": new.state_root(),
        "epoch": (new.slot / SLOTS_PER_EPOCH).to_string(),
        "execution_optimistic": optimistic,
    })
}

fn finalized(block: &Block, optimistic: bool) -> Event {
    let data = json!({
        "block": block.root,
        "state": block.state_root(),
        "epoch": (block.slot / SLOTS_PER_EPOCH).to_string(),
        "execution_optimistic": optimistic,
    });
    Event { topic: "finalized_checkpoint", data }
}
