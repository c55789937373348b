//! The ids of wide events taken in lately, so that a sender who repeats itself is told so. Only for the answer:
//! that a repeated event counts once is the engine's doing, from the journal alone.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The oldest ids are forgotten beyond this number.
const IDS_MAX: usize = 1 << 17;

#[derive(Debug, Default)]
pub(super) struct RecentIds {
    hasher: RandomState,
    ids: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl RecentIds {
    pub(super) fn count_known(&self, ids: &[String]) -> u64 {
        if ids.is_empty() {
            return 0;
        }
        let state = self.lock();
        ids.iter().filter(|id| state.known.contains(&self.hasher.hash_one(id))).count() as u64
    }

    pub(super) fn remember(&self, ids: &[String]) {
        if ids.is_empty() {
            return;
        }
        let mut state = self.lock();
        for hash in ids.iter().map(|id| self.hasher.hash_one(id)) {
            if !state.known.insert(hash) {
                continue;
            }
            state.order.push_back(hash);
            if state.order.len() > IDS_MAX
                && let Some(oldest) = state.order.pop_front()
            {
                state.known.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("id-{n}")).collect()
    }

    #[test]
    fn an_id_is_known_once_remembered_and_forgotten_at_the_bound() {
        let recent = RecentIds::default();
        assert_eq!(recent.count_known(&ids(0..10)), 0);
        recent.remember(&ids(0..10));
        assert_eq!(recent.count_known(&ids(5..15)), 5);
        recent.remember(&ids(10..IDS_MAX + 10));
        assert_eq!(recent.count_known(&ids(0..10)), 0);
        assert_eq!(recent.lock().order.len(), IDS_MAX);
    }
}
