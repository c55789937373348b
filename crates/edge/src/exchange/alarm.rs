//! One clock for all calls of a pool. A call writes down when it is to be looked at again; one task looks every few
//! milliseconds whose time has come, and at once when the picture of the pool changed. So a call sets no timer and watches
//! nothing by itself. It must never know what a call waits for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Clock;
use crate::core::{Millis, View};

/// Whoever is looked after is late by so much at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// After so many looks at nobody the task ends.
const IDLE_LOOKS_MAX: u32 = 200;

pub(crate) struct Alarms {
    clock: Clock,
    view: watch::Receiver<Arc<View>>,
    /// When the last look was.
    looked_ms: AtomicU64,
    seats: Mutex<Seats>,
}

/// The place of one call, given back when it is dropped.
pub(super) struct Alarm<'a> {
    alarms: &'a Arc<Alarms>,
    seat: Option<usize>,
}

/// As many as calls wait at once; each call of the pool is counted before it gets here.
#[derive(Default)]
struct Seats {
    all: Vec<Option<(Millis, Waker)>>,
    free: Vec<usize>,
    /// Whether the task runs.
    is_watched: bool,
}

impl Alarms {
    pub(crate) fn new(clock: Clock, view: watch::Receiver<Arc<View>>) -> Self {
        Self { clock, view, looked_ms: AtomicU64::new(0), seats: Mutex::default() }
    }

    /// As of the last look: whoever was woken because its time has come sees that it has.
    pub(super) fn looked(&self) -> Millis {
        Millis(self.looked_ms.load(Ordering::Relaxed))
    }

    pub(super) fn alarm(self: &Arc<Self>) -> Alarm<'_> {
        Alarm { alarms: self, seat: None }
    }

    async fn watch(self: Arc<Self>) {
        let mut view = self.view.clone();
        let (mut looks, mut idle, mut is_pool_there) = (interval(LOOK_EVERY), 0, true);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_changed = tokio::select! {
                _ = looks.tick() => false,
                changed = view.changed(), if is_pool_there => {
                    // What is under way goes on when the pool is gone.
                    is_pool_there = changed.is_ok();
                    is_pool_there
                }
            };
            let now = self.clock.now();
            self.looked_ms.store(now.0, Ordering::Relaxed);
            let mut seats = self.lock();
            seats.wake(|at| is_changed || at <= now);
            idle = if seats.is_empty() { idle + 1 } else { 0 };
            if idle > IDLE_LOOKS_MAX {
                seats.is_watched = false;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // Whoever panicked left whole seats behind.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alarm<'_> {
    /// Who waits is woken at that time, or a little later, and when the pool's picture changes after this.
    pub(super) fn set(&mut self, at: Millis, context: &Context<'_>) {
        let mut seats = self.alarms.lock();
        match self.seat {
            Some(seat) => seats.change(seat, at, context.waker()),
            None => self.seat = Some(seats.take(at, context.waker().clone())),
        }
        if !std::mem::replace(&mut seats.is_watched, true) {
            drop(seats);
            tokio::spawn(Arc::clone(self.alarms).watch());
        }
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            // Dropped behind the lock: it may be the last that knows its task.
            let waker = self.alarms.lock().give_back(seat);
            drop(waker);
        }
    }
}

impl Seats {
    fn take(&mut self, at: Millis, waker: Waker) -> usize {
        if let Some(seat) = self.free.pop() {
            self.all[seat] = Some((at, waker));
            return seat;
        }
        self.all.push(Some((at, waker)));
        self.all.len() - 1
    }

    fn change(&mut self, seat: usize, at: Millis, waker: &Waker) {
        let Some(Some((old, known))) = self.all.get_mut(seat) else { return };
        *old = at;
        known.clone_from(waker);
    }

    fn give_back(&mut self, seat: usize) -> Option<(Millis, Waker)> {
        let taken = self.all.get_mut(seat).and_then(Option::take);
        self.free.push(seat);
        if self.is_empty() {
            // A crowd leaves nothing behind but room for the next one.
            self.all.clear();
            self.free.clear();
        }
        taken
    }

    fn is_empty(&self) -> bool {
        self.all.len() == self.free.len()
    }

    fn wake(&self, is_due: impl Fn(Millis) -> bool) {
        self.all.iter().flatten().filter(|(at, _)| is_due(*at)).for_each(|(_, waker)| waker.wake_by_ref());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicU32;
    use std::task::Poll;

    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn alarms() -> (watch::Sender<Arc<View>>, Arc<Alarms>) {
        let (view, seen) = watch::channel(Arc::new(View::default()));
        (view, Arc::new(Alarms::new(Clock::new(), seen)))
    }

    /// Until it is woken the first time.
    async fn woken(alarms: &Arc<Alarms>, at: Millis) {
        let (mut alarm, polls) = (alarms.alarm(), AtomicU32::new(0));
        let woken = poll_fn(|context| {
            alarm.set(at, context);
            if polls.fetch_add(1, Ordering::Relaxed) == 0 { Poll::Pending } else { Poll::Ready(()) }
        });
        // Looked at first, so that the end of the patience is not taken for the alarm.
        tokio::select! {
            biased;
            () = sleep(PATIENCE) => panic!("it is not woken"),
            () = woken => {}
        }
    }

    #[tokio::test]
    async fn a_call_is_woken_when_its_time_has_come_and_not_before() {
        let (_view, alarms) = alarms();
        let at = alarms.clock.now().plus(30);
        woken(&alarms, at).await;
        assert!(alarms.clock.now() >= at && alarms.looked() >= at);
        assert!(alarms.lock().is_empty());
    }

    #[tokio::test]
    async fn all_are_woken_when_the_picture_changes_whatever_their_time_is() {
        let (view, alarms) = alarms();
        let far = alarms.clock.now().plus(3_600_000);
        // Each in a task of its own, which nothing else wakes.
        let waits = [(); 2].map(|()| {
            let alarms = Arc::clone(&alarms);
            tokio::spawn(async move { woken(&alarms, far).await })
        });
        while alarms.lock().all.len() < waits.len() {
            tokio::task::yield_now().await;
        }
        view.send_replace(Arc::default());
        for wait in waits {
            wait.await.unwrap();
        }
    }

    #[test]
    fn seats_that_were_given_back_are_taken_again() {
        let (mut seats, waker) = (Seats::default(), Waker::noop());
        let first = seats.take(Millis(1), waker.clone());
        let second = seats.take(Millis(2), waker.clone());
        seats.give_back(first);
        assert_eq!(seats.take(Millis(3), waker.clone()), first);
        assert!(!seats.is_empty());
        seats.give_back(first);
        seats.give_back(second);
        assert!(seats.is_empty() && seats.all.is_empty());
    }
}
