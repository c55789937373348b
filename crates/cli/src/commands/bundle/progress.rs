//! How far a bundle is, for whoever watches a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use model::Nanos;

use super::window::Window;

const EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Progress {
    from: Nanos,
    span_ns: u64,
    lines: u64,
    shown: Instant,
    is_watched: bool,
}

impl Progress {
    pub(super) fn new(window: &Window) -> Self {
        Self {
            from: window.from,
            span_ns: window.to.since(window.from).max(1),
            lines: 0,
            shown: Instant::now(),
            is_watched: std::io::stderr().is_terminal(),
        }
    }

    pub(super) fn at(&mut self, at: Nanos) {
        self.lines += 1;
        if !self.is_watched || self.shown.elapsed() < EVERY {
            return;
        }
        self.shown = Instant::now();
        let percent = u128::from(at.since(self.from)) * 100 / u128::from(self.span_ns);
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "\r{:3} %, {} inputs", percent.min(100), self.lines);
    }

    pub(super) fn done(&self) {
        if self.is_watched {
            let _ = write!(std::io::stderr(), "\r{:40}\r", "");
        }
    }
}
