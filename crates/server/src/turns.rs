//! Turns on the processor, and how long one has to be waited for. Where there is more to do than it can, requests wait in
//! sockets and in the queue of tasks long before they fill anything else that is bounded, and an alert waits behind all of
//! them. (Who waits for a decoder is in a queue of its own.) It must never know what a request is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::metrics::histogram::Histogram;
use runtime::DrainHandle;

/// How often the wait is looked at.
const EVERY: Duration = Duration::from_millis(50);
/// A wait stands once this many looks in a row found one: what one burst leaves is gone before that.
const LOOKS: usize = 3;

/// The wait that stands, known to all who ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    standing_ns: Arc<AtomicU64>,
}

/// The waits found last.
#[derive(Debug, Default)]
struct Waits {
    found: [Duration; LOOKS],
    next: usize,
}

impl Turns {
    pub(crate) fn standing(&self) -> Duration {
        Duration::from_nanos(self.standing_ns.load(Ordering::Relaxed))
    }

    /// Looks until the server drains.
    pub(crate) async fn watch(self, found: Histogram, mut draining: DrainHandle) {
        let mut waits = Waits::default();
        let looking = async {
            loop {
                tokio::time::sleep(EVERY).await;
                let wait = wait_in_queue().await;
                found.observe(wait.as_secs_f64());
                self.set(waits.add(wait));
            }
        };
        tokio::select! {
            () = looking => {}
            () = draining.started() => {}
        }
    }

    pub(crate) fn set(&self, standing: Duration) {
        let standing_ns = u64::try_from(standing.as_nanos()).unwrap_or(u64::MAX);
        self.standing_ns.store(standing_ns, Ordering::Relaxed);
    }
}

impl Waits {
    /// What stands now: the least of the last few. So it begins slowly, and ends with the first turn that came at once.
    fn add(&mut self, wait: Duration) -> Duration {
        self.found[self.next % LOOKS] = wait;
        self.next += 1;
        self.found.iter().min().copied().unwrap_or_default()
    }
}

/// How long a task waits that is put at the end of the queue.
async fn wait_in_queue() -> Duration {
    let begun = Instant::now();
    let last = tokio::spawn(async move { begun.elapsed() });
    // What was begun or woken last is run first; this one takes that place, and the other goes to the end.
    tokio::spawn(async {});
    last.await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_stands_only_while_every_look_finds_one() {
        let mut waits = Waits::default();
        let mut add = |ms| waits.add(Duration::from_millis(ms)).as_millis();
        assert_eq!([add(300), add(200)], [0, 0]);
        assert_eq!([add(400), add(900), add(800)], [200, 200, 400]);
        assert_eq!(add(1), 1, "the first turn that comes at once ends it");
        assert_eq!([add(900), add(900), add(900)], [1, 1, 900]);
    }

    /// On the runtime that the server has, with tasks that are ready all the time, each a millisecond long.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_wait_is_as_long_as_the_queue_before_it() {
        const TASKS: u32 = 50;
        const TURN: Duration = Duration::from_millis(1);
        let waited = tokio::spawn(async {
            for _ in 0..TASKS {
                tokio::spawn(async {
                    loop {
                        let begun = Instant::now();
                        while begun.elapsed() < TURN {
                            std::hint::spin_loop();
                        }
                        tokio::task::yield_now().await;
                    }
                });
            }
            tokio::task::yield_now().await;
            wait_in_queue().await
        });
        assert!(waited.await.unwrap() >= TURN * (TASKS - 1));
    }
}
