//! A budget of bytes that many holders share: what is in flight together never exceeds it.
//! When it is spent the answer is a refusal, never a wait: a client that waits costs more than one that comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes_max: u64,
    bytes: AtomicU64,
}

/// A part of the budget. It goes back when dropped.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    bytes: u64,
    /// Of all that is in use, when this part grows.
    ceiling: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of {bytes_max} bytes in flight is spent")]
pub struct BudgetFull {
    pub bytes_max: u64,
}

impl Budget {
    pub fn new(bytes_max: u64) -> Self {
        Self { shared: Arc::new(Shared { bytes_max, bytes: AtomicU64::new(0) }) }
    }

    /// A part for somebody who may use no more than `ceiling` of the whole: beyond it the rest is for others.
    pub fn hold(&self, bytes: u64, ceiling: u64) -> Result<Hold, BudgetFull> {
        let ceiling = ceiling.min(self.shared.bytes_max);
        let mut hold = Hold { shared: Arc::clone(&self.shared), bytes: 0, ceiling };
        hold.resize(bytes)?;
        Ok(hold)
    }

    pub fn bytes_in_use(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    pub fn bytes_max(&self) -> u64 {
        self.shared.bytes_max
    }
}

impl Hold {
    /// Makes the part larger or smaller. A refusal leaves it as it was.
    pub fn resize(&mut self, bytes: u64) -> Result<(), BudgetFull> {
        if bytes <= self.bytes {
            self.shared.bytes.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            let fits = |used: u64| used.checked_add(more).filter(|sum| *sum <= self.ceiling);
            self.shared
                .bytes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
                .map_err(|_| BudgetFull { bytes_max: self.ceiling })?;
        }
        self.bytes = bytes;
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_together_never_exceeds_the_budget() {
        let budget = Budget::new(100);
        let mut first = budget.hold(60, 100).unwrap();
        assert_eq!(budget.hold(41, 100).unwrap_err(), BudgetFull { bytes_max: 100 });
        let second = budget.hold(40, 100).unwrap();
        assert!(first.resize(61).is_err());
        assert_eq!(first.bytes(), 60);
        drop(second);
        first.resize(100).unwrap();
        first.resize(10).unwrap();
        assert_eq!(budget.bytes_in_use(), 10);
        drop(first);
        assert_eq!(budget.bytes_in_use(), 0);
    }

    #[test]
    fn one_with_a_ceiling_leaves_the_rest_to_others() {
        let budget = Budget::new(100);
        let mut first = budget.hold(70, 70).unwrap();
        assert_eq!(first.resize(71).unwrap_err(), BudgetFull { bytes_max: 70 });
        assert_eq!(budget.hold(1, 70).unwrap_err(), BudgetFull { bytes_max: 70 });
        let _other = budget.hold(30, 100).unwrap();
        first.resize(60).unwrap();
        assert!(first.resize(61).is_err());
    }

    #[test]
    fn a_size_beyond_all_numbers_is_refused() {
        let budget = Budget::new(u64::MAX);
        let _hold = budget.hold(10, u64::MAX).unwrap();
        assert!(budget.hold(u64::MAX, u64::MAX).is_err());
    }
}
