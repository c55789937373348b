//! What clients were refused: counted always, and told in the log now and then, so that whoever runs the server sees
//! that telemetry is lost and a misbehaving client cannot fill the disk with lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use intake::Rejected;

use crate::http::Failure;
use crate::metrics::{OutcomeLabels, ReasonLabels, ServerMetrics};

/// Between two lines about the same thing.
const LINE_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Refusals {
    metrics: Arc<ServerMetrics>,
    lines: Mutex<Lines>,
}

/// When something was last told, and how often it happened since. Surfaces and reasons come from fixed lists, so the
/// number of lines is bounded.
#[derive(Debug, Default)]
struct Lines(BTreeMap<(&'static str, &'static str), Line>);

#[derive(Debug)]
struct Line {
    told: Instant,
    untold: u64,
}

impl Refusals {
    pub(crate) fn new(metrics: Arc<ServerMetrics>) -> Self {
        Self { metrics, lines: Mutex::default() }
    }

    /// A request of which nothing was taken in.
    pub(crate) fn request(&self, surface: &'static str, failure: &Failure) {
        let outcome = failure.code().as_str();
        self.metrics.requests.get_or_create(&OutcomeLabels { surface, outcome }).inc();
        if let Some(count) = self.due(surface, outcome, 1) {
            tracing::info!(surface, reason = outcome, count, last = failure.detail(), "requests refused");
        }
    }

    /// Single items of a request that was taken in otherwise.
    pub(crate) fn items(&self, surface: &'static str, rejected: &[Rejected]) {
        for (reason, count) in Rejected::counts(rejected) {
            let reason = reason.as_str();
            self.metrics.events_rejected.get_or_create(&ReasonLabels { surface, reason }).inc_by(count);
            let Some(count) = self.due(surface, reason, count) else { continue };
            let example = rejected.iter().find(|item| item.reason.as_str() == reason);
            let last = example.map_or("", |item| item.detail.as_str());
            tracing::info!(surface, reason, count, last, "items of requests rejected");
        }
    }

    fn due(&self, surface: &'static str, reason: &'static str, count: u64) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.due((surface, reason), count, Instant::now())
    }
}

impl Lines {
    /// How many there were since the last line, if it is time for one.
    fn due(&mut self, key: (&'static str, &'static str), count: u64, now: Instant) -> Option<u64> {
        let Some(line) = self.0.get_mut(&key) else {
            self.0.insert(key, Line { told: now, untold: 0 });
            return Some(count);
        };
        line.untold += count;
        if now.saturating_duration_since(line.told) < LINE_PAUSE {
            return None;
        }
        line.told = now;
        Some(std::mem::take(&mut line.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_while_says_how_many_there_were() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let key = ("otlp_http", "invalid_body");
        assert_eq!(lines.due(key, 1, at(0)), Some(1));
        assert_eq!(lines.due(key, 1, at(1)), None);
        assert_eq!(lines.due(key, 5, at(9_999)), None);
        assert_eq!(lines.due(("otlp_http", "overloaded"), 2, at(9_999)), Some(2));
        assert_eq!(lines.due(("otlp_grpc", "invalid_body"), 3, at(9_999)), Some(3));
        assert_eq!(lines.due(key, 1, at(10_000)), Some(7));
        assert_eq!(lines.due(key, 1, at(10_001)), None);
        assert_eq!(lines.due(key, 1, at(20_000)), Some(2));
    }
}
