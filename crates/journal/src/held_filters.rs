//! The filters of sealed segments in memory, so that a lookup opens only the segments that may have its key. Bounded:
//! those of the oldest segments give way, and are asked on disk.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::filter::Filter;

/// All together. Ten bits per key: enough for a hundred million keys.
pub const FILTERS_BYTES_MAX: u64 = 128 << 20;

#[derive(Debug)]
pub(crate) struct HeldFilters {
    state: Mutex<State>,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct State {
    by_base: BTreeMap<u64, Arc<Filter>>,
    bytes: u64,
}

impl HeldFilters {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { state: Mutex::default(), bytes_max }
    }

    /// The filter of the segment at `base`, if it is held.
    pub(crate) fn get(&self, base: u64) -> Option<Arc<Filter>> {
        self.state().by_base.get(&base).cloned()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Holds a filter, in the place of those of older segments if need be.
    pub(crate) fn hold(&self, base: u64, filter: Filter) {
        let mut state = self.state();
        state.remove(base);
        while state.bytes + filter.bytes() > self.bytes_max {
            match state.by_base.first_key_value() {
                Some((&oldest, _)) if oldest < base => state.remove(oldest),
                _ => return,
            }
        }
        state.bytes += filter.bytes();
        state.by_base.insert(base, Arc::new(filter));
    }

    /// The segment is gone, or its index is.
    pub(crate) fn forget(&self, base: u64) {
        self.state().remove(base);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so the state is whole even if a thread died holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, base: u64) {
        if let Some(filter) = self.by_base.remove(&base) {
            self.bytes -= filter.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{BLOCK_BYTES, FilterBuilder};

    fn filter(blocks: usize) -> Filter {
        FilterBuilder::new(blocks * 48).finish()
    }

    #[test]
    fn the_newest_segments_have_the_room() {
        let held = HeldFilters::new(5 * BLOCK_BYTES as u64);
        let bases = |held: &HeldFilters| held.state().by_base.keys().copied().collect::<Vec<_>>();
        [10, 20, 30].into_iter().for_each(|base| held.hold(base, filter(2)));
        assert_eq!((bases(&held), held.bytes()), (vec![20, 30], 4 * BLOCK_BYTES as u64));
        held.hold(10, filter(2));
        assert_eq!(bases(&held), [20, 30], "an older one takes no room from newer ones");
        held.hold(15, filter(1));
        held.hold(30, filter(1));
        held.forget(20);
        assert_eq!((bases(&held), held.bytes()), (vec![15, 30], 2 * BLOCK_BYTES as u64));
        held.hold(40, filter(6));
        assert_eq!((bases(&held), held.bytes()), (vec![], 0), "one that alone is too large is asked on disk");
    }
}
