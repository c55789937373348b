//! How far a run of guards is, for whoever watches a terminal.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    done: AtomicUsize,
    shown: Mutex<Instant>,
    is_watched: bool,
}

impl Progress {
    pub(super) fn new(all: usize) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        Self { all: all.max(1), done: AtomicUsize::new(0), shown: Mutex::new(Instant::now()), is_watched }
    }

    /// One more file or command is done.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.is_watched {
            return;
        }
        // Who finds another thread showing it has nothing to add.
        let Ok(mut shown) = self.shown.try_lock() else { return };
        if shown.elapsed() < EVERY {
            return;
        }
        *shown = Instant::now();
        let full = (done * WIDTH / self.all).min(WIDTH);
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH - full));
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "\r[{bar}] {done} of {}", self.all);
    }

    pub(super) fn finish(&self) {
        if self.is_watched {
            let _ = write!(std::io::stderr(), "\r{:60}\r", "");
        }
    }
}
