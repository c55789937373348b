//! What the answers of one batch hold while they come: many are asked for at once, and each may be as long as any. It must
//! never know what they answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::core::Fault;

/// So much of each answer is not counted: a short one is refused by no long one.
const SHORT_BYTES: usize = 64 << 10;

/// Of one batch.
#[derive(Debug)]
pub(crate) struct Arrivals {
    bytes_max: usize,
    held: AtomicUsize,
}

/// One call's part in them; two nodes may answer it at once.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Arrivals>,
    is_refused: AtomicBool,
}

/// What of one answer has come; it counts until this is dropped. Without a share nothing counts.
pub(super) struct Held<'a> {
    share: Option<&'a Share>,
    bytes: usize,
}

impl Arrivals {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: AtomicUsize::new(0) }
    }

    pub(crate) fn share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share { of: Arc::clone(self), is_refused: AtomicBool::new(false) })
    }
}

impl Share {
    /// Whether an answer was too long beside the others.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }
}

impl<'a> Held<'a> {
    pub(super) fn new(share: Option<&'a Share>) -> Self {
        Self { share, bytes: 0 }
    }

    /// So much of the answer is there, or will be.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Fault> {
        let Some(share) = self.share else { return Ok(()) };
        let more = bytes.saturating_sub(SHORT_BYTES).saturating_sub(self.bytes);
        self.bytes += more;
        if share.of.held.fetch_add(more, Ordering::Relaxed) + more > share.of.bytes_max && more > 0 {
            share.is_refused.store(true, Ordering::Relaxed);
            return Err(Fault::TooLarge);
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(share) = self.share {
            share.of.held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_hold_more_than_all_may_is_refused_and_who_is_over_makes_room() {
        let arrivals = Arc::new(Arrivals::new(100));
        let [one, other] = [arrivals.share(), arrivals.share()];
        let (mut first, mut second) = (Held::new(Some(&one)), Held::new(Some(&other)));
        assert_eq!(first.grow_to(SHORT_BYTES + 60), Ok(()));
        assert_eq!(second.grow_to(SHORT_BYTES + 40), Ok(()));
        assert_eq!(second.grow_to(SHORT_BYTES + 40), Ok(()), "that much is held already");
        assert_eq!(second.grow_to(SHORT_BYTES + 41), Err(Fault::TooLarge));
        assert!(other.is_refused() && !one.is_refused());
        assert_eq!(Held::new(Some(&one)).grow_to(SHORT_BYTES), Ok(()), "a short one always fits");
        drop(second);
        assert_eq!(Held::new(Some(&one)).grow_to(SHORT_BYTES + 40), Ok(()));
        drop(first);
        assert_eq!(arrivals.held.load(Ordering::Relaxed), 0);
        assert_eq!(Held::new(None).grow_to(usize::MAX), Ok(()));
    }
}
