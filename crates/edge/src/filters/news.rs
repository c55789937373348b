//! What waits for one filter until it is asked for. Where it is too much, a filter ends: a gap that nobody tells of is the
//! one thing that a client cannot mend. It must never know what it holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::FILTERS_MAX;

/// Of one filter.
const FILTER_BYTES_MAX: usize = 8 << 20;
/// Of all filters of a pool together. Beyond that some end, until so much is left.
const ROOM_BYTES: usize = 512 << 20;
const ROOM_BYTES_AFTER: usize = ROOM_BYTES / 8 * 7;
/// Who holds no more than this ends for nobody else.
const SHARE_BYTES: usize = ROOM_BYTES_AFTER / FILTERS_MAX;

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

#[derive(Debug)]
struct Waiting {
    /// When it was asked for last.
    since: Instant,
    items: Vec<Arc<[u8]>>,
    bytes: usize,
}

impl Waiting {
    fn begin() -> Self {
        Self { since: Instant::now(), items: Vec::new(), bytes: 0 }
    }
}

impl News {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { room, state: Mutex::new(Some(Waiting::begin())) }
    }

    /// Whether there is room for it beside what the others hold. Where there is none, room has to be made.
    #[must_use]
    pub(crate) fn add(&self, item: Arc<[u8]>) -> bool {
        let mut state = self.lock();
        let Some(waiting) = state.as_mut() else { return true };
        let all = self.room.bytes.fetch_add(item.len(), Ordering::Relaxed) + item.len();
        waiting.bytes += item.len();
        waiting.items.push(item);
        if waiting.bytes > FILTER_BYTES_MAX {
            self.give_back(state.take());
            return true;
        }
        all <= ROOM_BYTES
    }

    /// Of all that share its room, those end that hold more than their share, first whoever was not asked about for longest.
    pub(crate) fn make_room<'a>(&self, all: impl Iterator<Item = &'a Arc<Self>>) {
        let mut large: Vec<_> = all.filter_map(|news| Some((news.large_since()?, news))).collect();
        large.sort_by_key(|(since, _)| *since);
        for (_, news) in large {
            if self.room.bytes.load(Ordering::Relaxed) <= ROOM_BYTES_AFTER {
                return;
            }
            news.end();
        }
    }

    /// When it was asked for last, where it holds more than its share.
    fn large_since(&self) -> Option<Instant> {
        self.lock().as_ref().filter(|waiting| waiting.bytes > SHARE_BYTES).map(|waiting| waiting.since)
    }

    /// Something cannot be told.
    pub(crate) fn end(&self) {
        let waiting = self.lock().take();
        self.give_back(waiting);
    }

    /// Everything since the last time, in order; `None` where something of it is missing.
    pub(super) fn take(&self) -> Option<Vec<Arc<[u8]>>> {
        let waiting = self.lock().as_mut().map(|waiting| std::mem::replace(waiting, Waiting::begin()))?;
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
        assert!((1..=3).all(|bytes| news.add(item(bytes))));
        assert_eq!(news.take(), Some((1..=3).map(item).collect()));
        assert_eq!(news.take(), Some(Vec::new()));
    }

    #[test]
    fn what_is_put_back_comes_before_what_came_since_and_counts() {
        let room = Arc::new(Room::default());
        let news = News::new(Arc::clone(&room));
        assert!((1..=2).all(|bytes| news.add(item(bytes))));
        let taken = news.take().unwrap();
        assert!(news.add(item(3)));
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
        assert!(news.add(item(FILTER_BYTES_MAX)));
        assert_eq!(news.take().map(|items| items.len()), Some(1), "so much is in order");
        assert!([FILTER_BYTES_MAX, 1, 1].into_iter().all(|bytes| news.add(item(bytes))));
        assert_eq!(news.take(), None);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }

    /// Whoever is told next need not be who takes the room.
    #[test]
    fn who_holds_much_and_is_not_asked_about_ends_and_who_is_asked_about_stays() {
        let room = Arc::new(Room::default());
        let of_room = || Arc::new(News::new(Arc::clone(&room)));
        let next_moment = || {
            let now = Instant::now();
            while Instant::now() <= now {}
        };
        let [asked, small] = [of_room(), of_room()];
        next_moment();
        let one = item(FILTER_BYTES_MAX);
        let idle: Vec<_> = (0..ROOM_BYTES / FILTER_BYTES_MAX)
            .map(|_| {
                let news = of_room();
                assert!(news.add(Arc::clone(&one)));
                next_moment();
                news
            })
            .collect();
        assert_eq!(asked.take(), Some(Vec::new()));
        assert!(!small.add(item(SHARE_BYTES)) && !asked.add(item(SHARE_BYTES + 1)), "all hold too much");
        asked.make_room([&asked, &small].into_iter().chain(&idle));
        let told = idle.iter().map(|news| news.take().is_some());
        let left = ROOM_BYTES_AFTER / FILTER_BYTES_MAX - 1;
        let ended = idle.len() - left;
        assert_eq!(told.collect::<Vec<_>>(), [vec![false; ended], vec![true; left]].concat());
        assert_eq!(asked.take().map(|items| items.len()), Some(1));
        assert_eq!(small.take().map(|items| items.len()), Some(1), "what holds its share holds up nobody");
        drop(idle);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_dropped_gives_its_room_back() {
        let room = Arc::new(Room::default());
        let news = News::new(Arc::clone(&room));
        assert!(news.add(item(7)));
        drop(news);
        assert_eq!(room.bytes.load(Ordering::Relaxed), 0);
    }
}
