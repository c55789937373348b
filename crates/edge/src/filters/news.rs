//! What waits for one filter until it is asked for. Where it is too much, the filter ends: a gap that nobody tells of is the
//! one thing that a client cannot mend. It must never know what it holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one filter.
const FILTER_BYTES_MAX: usize = 8 << 20;
/// Of all filters of a pool together; whoever would take more ends.
const ROOM_BYTES: usize = 512 << 20;

/// What waits for all filters of a pool.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct News {
    room: Arc<Room>,
    /// `None` once something is missing.
    state: Mutex<Option<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    items: Vec<Arc<[u8]>>,
    bytes: usize,
}

impl News {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { room, state: Mutex::new(Some(Waiting::default())) }
    }

    pub(crate) fn add(&self, item: Arc<[u8]>) {
        let mut state = self.lock();
        let Some(waiting) = state.as_mut() else { return };
        let all = self.room.bytes.fetch_add(item.len(), Ordering::Relaxed) + item.len();
        waiting.bytes += item.len();
        let is_too_much = waiting.bytes > FILTER_BYTES_MAX || all > ROOM_BYTES;
        waiting.items.push(item);
        if is_too_much {
            self.give_back(state.take());
        }
    }

    /// Something cannot be told.
    pub(crate) fn end(&self) {
        let waiting = self.lock().take();
        self.give_back(waiting);
    }

    /// Everything since the last time, in order; `None` where something of it is missing.
    pub(super) fn take(&self) -> Option<Vec<Arc<[u8]>>> {
        let waiting = self.lock().as_mut().map(std::mem::take)?;
        self.room.bytes.fetch_sub(waiting.bytes, Ordering::Relaxed);
        Some(waiting.items)
    }

    /// What was taken and is not told after all. It stands before what came since.
    pub(super) fn put_back(&self, items: Vec<Arc<[u8]>>) {
        let mut state = self.lock();
        // What has ended meanwhile is told to have.
        let Some(waiting) = state.as_mut() else { return };
        let bytes: usize = items.iter().map(|item| item.len()).sum();
        waiting.bytes += bytes;
        self.room.bytes.fetch_add(bytes, Ordering::Relaxed);
        waiting.items.splice(0..0, items);
    }

    fn give_back(&self, waiting: Option<Waiting>) {
        self.room.bytes.fetch_sub(waiting.map_or(0, |waiting| waiting.bytes), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        // Whoever panicked left whole items behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Arc<[u8]> {
        Arc::from(vec![b'1'; bytes])
    }

    #[test]
    fn news_are_told_once_and_in_order() {
        let news = News::new(Arc::default());
        assert_eq!(news.take(), Some(Vec::new()));
        (1..=3).for_each(|bytes| news.add(item(bytes)));
        assert_eq!(news.take(), Some((1..=3).map(item).collect()));
        assert_eq!(news.take(), Some(Vec::new()));
    }

    #[test]
    fn what_is_put_back_comes_before_what_came_since_and_counts() {
        let room = Arc::new(Room::default());
        let news = News::new(Arc::clone(&room));
        (1..=2).for_each(|bytes| news.add(item(bytes)));
        let taken = news.take().unwrap();
        news.add(item(3));
        news.put_back(taken);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 6);
        assert_eq!(news.take(), Some((1..=3).map(item).collect()));
        news.end();
        news.put_back(vec![item(1)]);
        assert_eq!((news.take(), room.bytes.load(Ordering::Relaxed)), (None, 0));
    }

    #[test]
    fn more_than_a_filter_may_hold_ends_it_and_it_holds_nothing_any_more() {
        let room = Arc::new(Room::default());
        let news = News::new(Arc::clone(&room));
        news.add(item(FILTER_BYTES_MAX));
        assert_eq!(news.take().map(|items| items.len()), Some(1), "so much is in order");
        news.add(item(FILTER_BYTES_MAX));
        news.add(item(1));
        news.add(item(1));
        assert_eq!(news.take(), None);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_would_take_more_than_all_may_hold_ends_and_the_others_do_not() {
        let room = Arc::new(Room::default());
        let others: Vec<News> =
            (0..ROOM_BYTES / FILTER_BYTES_MAX).map(|_| News::new(Arc::clone(&room))).collect();
        let one = item(FILTER_BYTES_MAX);
        others.iter().for_each(|news| news.add(Arc::clone(&one)));
        let last = News::new(Arc::clone(&room));
        last.add(item(1));
        assert_eq!(last.take(), None);
        assert!(others.iter().all(|news| news.take().is_some_and(|items| items.len() == 1)));
        drop(others);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_dropped_gives_its_room_back() {
        let room = Arc::new(Room::default());
        let news = News::new(Arc::clone(&room));
        news.add(item(7));
        drop(news);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }
}
