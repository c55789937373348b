//! The entries that the loop journals itself: ticks and evidence. At most one of each is on its way at a time.

use std::sync::Arc;

use journal::Record;
use model::{Input, Nanos};

use crate::ingest::{Committer, Tag};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Tick,
    Evidence,
}

#[derive(Debug)]
pub(super) struct OwnEntries {
    committer: Arc<Committer>,
    tick_on_its_way: bool,
    evidence_on_its_way: bool,
    /// Ticks never go back, even if the clock does.
    last_tick: Nanos,
}

impl Own {
    pub(super) fn of(input: &Input) -> Option<Self> {
        match input {
            Input::Tick => Some(Self::Tick),
            Input::Evidence(_) => Some(Self::Evidence),
            _ => None,
        }
    }
}

impl OwnEntries {
    pub(super) fn new(committer: Arc<Committer>, last_tick: Nanos) -> Self {
        Self { committer, tick_on_its_way: false, evidence_on_its_way: false, last_tick }
    }

    pub(super) fn is_on_its_way(&self, own: Own) -> bool {
        match own {
            Own::Tick => self.tick_on_its_way,
            Own::Evidence => self.evidence_on_its_way,
        }
    }

    pub(super) fn request_tick(&mut self, now: Nanos) {
        if self.tick_on_its_way {
            return;
        }
        let at = now.max(self.last_tick.saturating_add(1));
        self.last_tick = at;
        self.submit(Own::Tick, &Input::Tick, at);
    }

    /// If the journal has no room, nothing is on its way and the next tick tries again.
    pub(super) fn submit(&mut self, own: Own, input: &Input, at: Nanos) {
        let (kind, payload) = intake::record::encode(input);
        let record = Record { kind: kind as u8, received_ns: at.0, keys: Vec::new(), payload };
        let tag = Tag { input: input.clone(), reply: None, hold: None };
        let is_taken = self.committer.submit(record, tag).is_ok();
        self.set(own, is_taken);
    }

    pub(super) fn arrived(&mut self, own: Own) {
        self.set(own, false);
    }

    pub(super) fn failed(&mut self, input: &Input) {
        if let Some(own) = Own::of(input) {
            self.set(own, false);
        }
    }

    fn set(&mut self, own: Own, on_its_way: bool) {
        match own {
            Own::Tick => self.tick_on_its_way = on_its_way,
            Own::Evidence => self.evidence_on_its_way = on_its_way,
        }
    }
}
