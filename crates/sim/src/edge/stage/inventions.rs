//! What a node tells that nobody mined, and what it answers when it is asked for it. It must never know who believes it.

use std::sync::Arc;

use edge::core::chain::Fetched;
use edge::core::pool::Input;
use edge::core::{Block, Bloom, Hash, NodeId};

use super::{Event, Purpose, Stage};

impl Stage {
    pub(super) fn invent(&mut self, node: usize, blocks: u64) {
        if !self.watched.may_invent(node, self.now, self.now + 2 * self.plan.block_ms + 2_000) {
            return;
        }
        let mut parent = Hash(self.net.network.chain().head().hash.0);
        let head = self.net.head_number();
        for number in head + 1..=head + blocks {
            let mut hash = [0xee; 32];
            hash[..8].copy_from_slice(&self.rng.below(u64::MAX).to_be_bytes());
            let block = Block {
                hash: Hash(hash),
                parent,
                number,
                bloom: Some(Bloom(Box::new([0; 256]))),
                header: Arc::from(&b"{}"[..]),
            };
            parent = block.hash;
            self.invented.insert((node, block.hash), block.clone());
            if self.links[node].subscription.is_some() {
                let node = self.members.id(node);
                self.say(Input::Head { node, block });
            }
        }
    }

    /// What the node invented, where it is asked for that.
    pub(super) fn invented(&self, node: usize, purpose: Purpose) -> Option<Block> {
        match purpose {
            Purpose::Block(hash) => self.invented.get(&(node, hash)).cloned(),
            Purpose::Probe | Purpose::Poll | Purpose::Logs(_) => None,
        }
    }

    pub(super) fn answer_with_invented(&mut self, node: usize, id: NodeId, block: Block) {
        let answer = Input::Fetched { node: id, hash: block.hash, result: Fetched::Found(block) };
        let way = self.way_ms(node);
        self.at(self.now + way, Event::Say(answer));
    }
}
