//! Which node was asked for what, so that nobody is asked twice at once, nor again before a pause that grows. It must never know
//! why.

use std::collections::BTreeMap;

use crate::core::{Hash, Millis, NodeId, NodeSet};

/// A node that says a head and has no data yet has it soon. Each time in vain doubles the pause.
const AGAIN_MS: u64 = 50;
/// Data may come at any moment.
const AGAIN_ABSENT_MS_MAX: u64 = 400;
/// A node that fails is not made better by questions.
const AGAIN_FAILED_MS_MAX: u64 = 3_200;
/// Who says so often that it has no such block, over a while, has none.
const LACKS_TIMES: u32 = 3;
/// Who takes longer over the logs of a block is not waited for alone.
const PATIENCE_MS: u64 = 300;
/// Nodes that may be asked for the logs of one block at once.
const LOGS_OPEN_MAX: usize = 3;
/// Questions to one node that may be open at once.
const OPEN_MAX: usize = 8;
/// Questions that are remembered. The oldest answers go first.
const REMEMBERED_MAX: usize = 4_096;

/// What came of asking so far, where that was nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Vain {
    since: Millis,
    last: Millis,
    times: u32,
    /// The node said that it has no such block.
    is_absent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open { since: Millis, vain: Option<Vain> },
    NotBefore { at: Millis, vain: Vain },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Block,
    Logs,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    questions: BTreeMap<(What, Hash, NodeId), State>,
    /// Whom nothing keeps from being asked.
    allowed: NodeSet,
}

impl State {
    fn vain(&self) -> Option<Vain> {
        match self {
            Self::Open { vain, .. } => *vain,
            Self::NotBefore { vain, .. } => Some(*vain),
        }
    }

    fn open_since(&self) -> Option<Millis> {
        match self {
            Self::Open { since, .. } => Some(*since),
            Self::NotBefore { .. } => None,
        }
    }
}

impl Vain {
    fn after(before: Option<Self>, now: Millis, is_absent: bool) -> Self {
        match before.filter(|before| before.is_absent == is_absent) {
            Some(before) => Self { times: before.times.saturating_add(1), last: now, ..before },
            None => Self { since: now, last: now, times: 1, is_absent },
        }
    }

    fn pause_ms(self) -> u64 {
        let longest = if self.is_absent { AGAIN_ABSENT_MS_MAX } else { AGAIN_FAILED_MS_MAX };
        (AGAIN_MS << self.times.saturating_sub(1).min(16)).min(longest)
    }
}

impl Asked {
    /// From now on only these are asked.
    pub(super) fn allow(&mut self, nodes: NodeSet) {
        self.allowed = nodes;
    }

    /// Whether the node may be asked now; if so it counts as asked.
    pub(super) fn ask(&mut self, now: Millis, node: NodeId, hash: Hash) -> bool {
        self.may(now, What::Block, hash, node)
    }

    /// One node is asked for logs, the first of these that may be; another when it takes its time.
    pub(super) fn ask_logs(
        &mut self,
        now: Millis,
        nodes: impl Iterator<Item = NodeId>,
        hash: Hash,
    ) -> Option<NodeId> {
        let open: Vec<Millis> = self.of_logs(hash).filter_map(State::open_since).collect();
        if open.len() >= LOGS_OPEN_MAX || open.iter().any(|since| now.since(*since) < PATIENCE_MS) {
            return None;
        }
        let mut nodes = nodes;
        nodes.find(|node| self.may(now, What::Logs, hash, *node))
    }

    pub(super) fn answered(&mut self, node: NodeId, hash: Hash) {
        self.questions.remove(&(What::Block, hash, node));
    }

    pub(super) fn answered_in_vain(&mut self, now: Millis, node: NodeId, hash: Hash, is_absent: bool) {
        self.in_vain(now, (What::Block, hash, node), is_absent);
    }

    pub(super) fn logs_answered(&mut self, hash: Hash) {
        self.questions.retain(|(what, of, _), _| (*what, *of) != (What::Logs, hash));
    }

    pub(super) fn logs_answered_in_vain(&mut self, now: Millis, node: NodeId, hash: Hash) {
        self.in_vain(now, (What::Logs, hash, node), false);
    }

    /// Since when the node gives no answer about this that is of use.
    pub(super) fn in_vain_since(&self, node: NodeId, hash: Hash) -> Option<Millis> {
        let since =
            |what| self.questions.get(&(what, hash, node)).and_then(State::vain).map(|vain| vain.since);
        [What::Block, What::Logs].into_iter().filter_map(since).min()
    }

    pub(super) fn logs_in_vain_since(&self, node: NodeId, hash: Hash) -> Option<Millis> {
        self.questions.get(&(What::Logs, hash, node)).and_then(State::vain).map(|vain| vain.since)
    }

    /// Whether the node has no such block: it said so again and again for so long. One `null` may be early.
    pub(super) fn lacks(&self, node: NodeId, hash: Hash, for_ms: u64) -> bool {
        let vain = self.questions.get(&(What::Block, hash, node)).and_then(State::vain);
        vain.is_some_and(|vain| {
            vain.is_absent && vain.times >= LACKS_TIMES && vain.last.since(vain.since) >= for_ms
        })
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.questions.retain(|(_, _, of), _| *of != node);
    }

    /// What was asked for and is of no more use, once its pause is over: who is asked for something else in the meantime
    /// would be asked for this again at once.
    pub(super) fn keep_only(&mut self, now: Millis, is_useful: impl Fn(Hash) -> bool) {
        self.questions.retain(|(_, hash, _), state| match state {
            State::Open { .. } => true,
            State::NotBefore { at, .. } => *at > now || is_useful(*hash),
        });
    }

    /// When a pause ends, or patience.
    pub(super) fn wake_at(&self, now: Millis) -> Option<Millis> {
        let at = |((what, ..), state): (&(What, Hash, NodeId), &State)| match state {
            State::NotBefore { at, .. } => Some(*at),
            State::Open { since, .. } => (*what == What::Logs).then(|| since.plus(PATIENCE_MS)),
        };
        self.questions.iter().filter_map(at).filter(|at| *at > now).min()
    }

    fn of_logs(&self, hash: Hash) -> impl Iterator<Item = &State> {
        let of_it = (What::Logs, hash, NodeId(0))..=(What::Logs, hash, NodeId(u8::MAX));
        self.questions.range(of_it).map(|(_, state)| state)
    }

    fn in_vain(&mut self, now: Millis, question: (What, Hash, NodeId), is_absent: bool) {
        let before = self.questions.get(&question).and_then(State::vain);
        let vain = Vain::after(before, now, is_absent);
        self.remember(question, State::NotBefore { at: now.plus(vain.pause_ms()), vain });
    }

    fn may(&mut self, now: Millis, what: What, hash: Hash, node: NodeId) -> bool {
        if !self.allowed.contains(node) {
            return false;
        }
        let vain = match self.questions.get(&(what, hash, node)) {
            Some(State::Open { .. }) => return false,
            Some(State::NotBefore { at, .. }) if now < *at => return false,
            Some(State::NotBefore { vain, .. }) => Some(*vain),
            None => None,
        };
        let is_open = |(_, _, of): &(What, Hash, NodeId), state: &State| {
            *of == node && matches!(state, State::Open { .. })
        };
        if self.questions.iter().filter(|(question, state)| is_open(question, state)).count() >= OPEN_MAX {
            return false;
        }
        self.remember((what, hash, node), State::Open { since: now, vain });
        true
    }

    fn remember(&mut self, question: (What, Hash, NodeId), state: State) {
        if self.questions.len() >= REMEMBERED_MAX {
            self.questions.retain(|_, state| matches!(state, State::Open { .. }));
        }
        self.questions.insert(question, state);
    }
}
