//! What waits for the engine, bounded in bytes. Of what is durable: beyond the bound the journal waits, and with it everyone
//! who sends, instead of filling memory until requests are refused. Of what is read again: beyond it the reader waits. It
//! must never know what waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;

#[derive(Debug)]
pub(crate) struct Backlog {
    bytes_max: u64,
    bytes: Mutex<u64>,
    fell: Condvar,
    /// How often somebody had to wait.
    full: Counter,
}

/// The room that something takes; it goes back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    backlog: Arc<Backlog>,
    bytes: u64,
}

impl Backlog {
    pub(crate) fn new(bytes_max: u64, full: Counter) -> Arc<Self> {
        Arc::new(Self { bytes_max, bytes: Mutex::default(), fell: Condvar::new(), full })
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        *self.bytes.lock().unwrap()
    }

    /// Waits until there is room: for threads only. What alone is more than the bound goes in where nothing else waits.
    pub(crate) fn enter(self: &Arc<Self>, bytes: u64) -> Room {
        let mut waiting = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |waiting: u64| waiting == 0 || waiting.saturating_add(bytes) <= self.bytes_max;
        if !has_room(*waiting) {
            self.full.inc();
        }
        while !has_room(*waiting) {
            waiting = self.fell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting += bytes;
        Room { backlog: Arc::clone(self), bytes }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *self.backlog.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.backlog.fell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const BYTES_MAX: u64 = 1_000;

    #[test]
    fn who_finds_no_room_waits_until_there_is() {
        let backlog = Backlog::new(BYTES_MAX, Counter::default());
        let (first, second) = (backlog.enter(BYTES_MAX - 1), backlog.enter(1));
        let left = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                let _room = backlog.enter(3);
                assert!(left.load(Ordering::SeqCst), "it went in before anything left");
            });
            while backlog.full.get() == 0 {
                std::thread::yield_now();
            }
            drop(second);
            left.store(true, Ordering::SeqCst);
            drop(first);
            waits.join().unwrap();
        });
        assert_eq!((backlog.bytes(), backlog.full.get()), (0, 1));
    }

    #[test]
    fn more_than_the_bound_goes_in_alone() {
        let backlog = Backlog::new(BYTES_MAX, Counter::default());
        drop(backlog.enter(BYTES_MAX * 2));
        let _small = backlog.enter(0);
        let _large = backlog.enter(BYTES_MAX * 2);
    }
}
