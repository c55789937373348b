//! Which node was asked for what, so that nobody is asked twice at once, nor again before a pause. It must never know why.

use std::collections::BTreeMap;

use crate::core::{Hash, Millis, NodeId, NodeSet};

/// A node that says a head and has no data yet has it soon.
const AGAIN_MS: u64 = 50;
/// Questions to one node that may be open at once.
const OPEN_MAX: usize = 8;
/// Questions that are remembered. The oldest answers go first.
const REMEMBERED_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// In vain; `absent` where the node said that it has no such block.
    NotBefore {
        at: Millis,
        absent: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Block,
    Logs,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    questions: BTreeMap<(What, Hash, NodeId), State>,
}

impl Asked {
    /// Whether the node may be asked now; if so it counts as asked.
    pub(super) fn ask(&mut self, now: Millis, node: NodeId, hash: Hash) -> bool {
        self.may(now, What::Block, hash, node)
    }

    /// One node at a time is asked for logs: the first of these that may be.
    pub(super) fn ask_logs(&mut self, now: Millis, nodes: NodeSet, hash: Hash) -> Option<NodeId> {
        let open = |node: NodeId| self.questions.get(&(What::Logs, hash, node)) == Some(&State::Open);
        if (0..=u8::MAX).map(NodeId).take(NodeSet::NODES_MAX).any(open) {
            return None;
        }
        nodes.iter().find(|node| self.may(now, What::Logs, hash, *node))
    }

    pub(super) fn answered(&mut self, node: NodeId, hash: Hash) {
        self.questions.remove(&(What::Block, hash, node));
    }

    pub(super) fn answered_in_vain(&mut self, now: Millis, node: NodeId, hash: Hash, absent: bool) {
        let again = State::NotBefore { at: now.plus(AGAIN_MS), absent };
        self.remember((What::Block, hash, node), again);
    }

    pub(super) fn logs_answered(&mut self, hash: Hash) {
        self.questions.retain(|(what, of, _), _| (*what, *of) != (What::Logs, hash));
    }

    pub(super) fn logs_answered_in_vain(&mut self, now: Millis, node: NodeId, hash: Hash) {
        self.remember((What::Logs, hash, node), State::NotBefore { at: now.plus(AGAIN_MS), absent: false });
    }

    /// Whether the node said that it has no such block.
    pub(super) fn is_absent(&self, node: NodeId, hash: Hash) -> bool {
        matches!(self.questions.get(&(What::Block, hash, node)), Some(State::NotBefore { absent: true, .. }))
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.questions.retain(|(_, _, of), _| *of != node);
    }

    /// What was asked for and is of no more use.
    pub(super) fn keep_only(&mut self, is_useful: impl Fn(Hash) -> bool) {
        self.questions.retain(|(_, hash, _), state| *state == State::Open || is_useful(*hash));
    }

    pub(super) fn wake_at(&self) -> Option<Millis> {
        let at = |state: &State| match state {
            State::NotBefore { at, .. } => Some(*at),
            State::Open => None,
        };
        self.questions.values().filter_map(at).min()
    }

    fn may(&mut self, now: Millis, what: What, hash: Hash, node: NodeId) -> bool {
        match self.questions.get(&(what, hash, node)) {
            Some(State::Open) => return false,
            Some(State::NotBefore { at, .. }) if now < *at => return false,
            _ => {}
        }
        let open =
            self.questions.iter().filter(|((_, _, of), state)| *of == node && **state == State::Open).count();
        if open >= OPEN_MAX {
            return false;
        }
        self.remember((what, hash, node), State::Open);
        true
    }

    fn remember(&mut self, question: (What, Hash, NodeId), state: State) {
        if self.questions.len() >= REMEMBERED_MAX {
            self.questions.retain(|_, state| *state == State::Open);
        }
        self.questions.insert(question, state);
    }
}
