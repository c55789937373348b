//! What all clients saw together, as numbers, and what was wrong. It must never hold a record: it has to fit an hour.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of more there is a count.
const WRONG_MAX: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    answered: AtomicU64,
    notified: AtomicU64,
    judged: AtomicU64,
    slowest_ms: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) answered: u64,
    pub(crate) notified: u64,
    pub(crate) judged: u64,
    pub(crate) slowest_ms: u64,
}

impl Ledger {
    pub(crate) fn answered(&self, took_ms: u64) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.slowest_ms.fetch_max(took_ms, Ordering::Relaxed);
    }

    /// A client was judged, and had been told so much.
    pub(crate) fn judged(&self, notified: u64, wrong: Vec<String>) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        self.notified.fetch_add(notified, Ordering::Relaxed);
        wrong.into_iter().for_each(|wrong| self.wrong(wrong));
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong(otherwise());
        }
    }

    pub(crate) fn wrong(&self, wrong: String) {
        let mut all = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() < WRONG_MAX {
            all.push(wrong);
        } else if all.len() == WRONG_MAX {
            all.push("and more".to_owned());
        }
    }

    pub(crate) fn all_wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            answered: of(&self.answered),
            notified: of(&self.notified),
            judged: of(&self.judged),
            slowest_ms: of(&self.slowest_ms),
        }
    }
}
