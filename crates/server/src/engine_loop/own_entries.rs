//! The entries that the loop journals itself: ticks, evidence, and what there was no room for. At most one of each is on
//! its way at a time.

use std::sync::Arc;

use journal::Record;
use model::{Input, Nanos};

use crate::ingest::{Committer, Tag};
use crate::overload::Shedding;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Tick,
    Evidence,
    Shed,
}

#[derive(Debug)]
pub(super) struct OwnEntries {
    committer: Arc<Committer>,
    tick_on_its_way: bool,
    evidence_on_its_way: bool,
    shed_on_its_way: bool,
    shedding: Shedding,
    /// Ticks never go back, even if the clock does.
    last_tick: Nanos,
}

impl Own {
    pub(super) fn of(input: &Input) -> Option<Self> {
        match input {
            Input::Tick => Some(Self::Tick),
            Input::Evidence(_) => Some(Self::Evidence),
            Input::Shed(_) => Some(Self::Shed),
            _ => None,
        }
    }
}

impl OwnEntries {
    pub(super) fn new(committer: Arc<Committer>, shedding: Shedding, last_tick: Nanos) -> Self {
        Self {
            committer,
            tick_on_its_way: false,
            evidence_on_its_way: false,
            shed_on_its_way: false,
            shedding,
            last_tick,
        }
    }

    pub(super) fn is_on_its_way(&self, own: Own) -> bool {
        match own {
            Own::Tick => self.tick_on_its_way,
            Own::Evidence => self.evidence_on_its_way,
            Own::Shed => self.shed_on_its_way,
        }
    }

    pub(super) fn request_tick(&mut self, now: Nanos) {
        if self.tick_on_its_way {
            return;
        }
        let at = now.max(self.last_tick.saturating_add(1));
        self.last_tick = at;
        self.tell_of_shedding(at);
        self.submit(Own::Tick, &Input::Tick, at);
    }

    /// Before the tick, so that its reports know.
    fn tell_of_shedding(&mut self, at: Nanos) {
        if self.shed_on_its_way {
            return;
        }
        let shed = self.shedding.take();
        if !shed.is_nothing() {
            self.submit(Own::Shed, &Input::Shed(shed), at);
            if !self.shed_on_its_way {
                self.shedding.put_back(shed);
            }
        }
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
        if let Input::Shed(shed) = input {
            self.shedding.put_back(*shed);
        }
    }

    fn set(&mut self, own: Own, on_its_way: bool) {
        match own {
            Own::Tick => self.tick_on_its_way = on_its_way,
            Own::Evidence => self.evidence_on_its_way = on_its_way,
            Own::Shed => self.shed_on_its_way = on_its_way,
        }
    }
}
