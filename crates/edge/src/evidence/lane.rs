//! What waits to be sent. It has a bound: where there is no room, what is oldest is let go and counted. Whoever puts something
//! in never waits. It must never know what it holds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::metrics::ReportMetrics;
use crate::status::ReportStatus;

pub(super) struct Lane<T> {
    queue: Mutex<VecDeque<T>>,
    max: usize,
    filled: Notify,
    metrics: ReportMetrics,
}

impl<T> Lane<T> {
    pub(super) fn new(max: usize, metrics: ReportMetrics) -> Self {
        Self { queue: Mutex::default(), max, filled: Notify::new(), metrics }
    }

    pub(super) fn push(&self, item: T) {
        let mut queue = self.lock();
        if queue.len() >= self.max {
            queue.pop_front();
            self.metrics.dropped.inc();
            self.metrics.full.inc();
        } else {
            self.metrics.waiting.inc();
        }
        queue.push_back(item);
        drop(queue);
        self.filled.notify_one();
    }

    /// Comes back when something waits.
    pub(super) async fn filled(&self) {
        while self.lock().is_empty() {
            self.filled.notified().await;
        }
    }

    /// The oldest ones.
    pub(super) fn take(&self, most: usize) -> Vec<T> {
        let mut queue = self.lock();
        let count = queue.len().min(most);
        self.metrics.waiting.dec_by(i64::try_from(count).unwrap_or(i64::MAX));
        queue.drain(..count).collect()
    }

    /// What could not be sent goes before what came since, as far as there is room; the oldest of it goes first.
    pub(super) fn restore(&self, items: Vec<T>) {
        let mut queue = self.lock();
        for item in items.into_iter().rev() {
            if queue.len() < self.max {
                queue.push_front(item);
                self.metrics.waiting.inc();
            } else {
                self.metrics.dropped.inc();
                self.metrics.full.inc();
            }
        }
    }

    /// Lets all of it go: there is nobody to tell.
    pub(super) fn clear(&self) {
        let gone = self.take(usize::MAX).len();
        self.dropped(gone as u64);
    }

    pub(super) fn sent(&self, count: u64) {
        self.metrics.sent.inc_by(count);
    }

    /// It was not put in, or is not wanted there.
    pub(super) fn dropped(&self, count: u64) {
        self.metrics.dropped.inc_by(count);
    }

    pub(super) fn status(&self) -> ReportStatus {
        ReportStatus {
            sent: self.metrics.sent.get(),
            waiting: self.lock().len() as u64,
            dropped: self.metrics.dropped.get(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // Whoever panicked left whole items behind.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{EdgeMetrics, ReportKind};

    fn lane(max: usize) -> Lane<u32> {
        Lane::new(max, EdgeMetrics::default().reports.of(ReportKind::Signals).clone())
    }

    fn status(lane: &Lane<u32>) -> (u64, u64) {
        let ReportStatus { waiting, dropped, .. } = lane.status();
        (waiting, dropped)
    }

    #[test]
    fn where_there_is_no_room_the_oldest_goes() {
        let lane = lane(3);
        (0..5).for_each(|item| lane.push(item));
        assert_eq!((status(&lane), lane.metrics.waiting.get(), lane.metrics.full.get()), ((3, 2), 3, 2));
        assert_eq!(lane.take(9), [2, 3, 4]);
        assert_eq!((status(&lane), lane.metrics.waiting.get()), ((0, 2), 0));
    }

    #[test]
    fn what_could_not_be_sent_keeps_its_place_as_far_as_there_is_room() {
        let lane = lane(4);
        (0..4).for_each(|item| lane.push(item));
        let unsent = lane.take(3);
        (4..6).for_each(|item| lane.push(item));
        lane.restore(unsent);
        assert_eq!(lane.take(9), [2, 3, 4, 5]);
        assert_eq!(status(&lane), (0, 2));
    }
}
