//! Names for requests whose callers gave them none, so that an answer and the log can be laid side by side. No two of a
//! process are alike, nor those of two processes, but for an accident. Anybody may guess one: it opens nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Randomness once, at the start: for each request it would be a call of the kernel.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let (process, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self { process, next: AtomicU64::new(0) }
    }

    pub(super) fn name(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{number:x}", self.process)
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
