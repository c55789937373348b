//! Names for requests whose callers gave them none, so that an answer and the log can be laid side by side. No two are alike,
//! but for an accident, and none tells how many there were.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Randomness once, at the start: for each request it would be a call of the kernel.
#[derive(Debug)]
pub(crate) struct RequestIds {
    secret: RandomState,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { secret: RandomState::new(), next: AtomicU64::new(0) }
    }

    pub(super) fn name(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let half = |which: u8| self.secret.hash_one((which, number));
        format!("{:016x}{:016x}", half(0), half(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_have_one_name() {
        let (ids, others) = (RequestIds::new(), RequestIds::new());
        let names: std::collections::BTreeSet<_> =
            (0..100).flat_map(|_| [ids.name(), others.name()]).collect();
        assert_eq!(names.len(), 200);
    }
}
