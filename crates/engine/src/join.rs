//! Puts spans and the log records that name them together, for as long as a trace is still coming. Holds the traces
//! whose hash is below a bar, which falls while there are too many: neither order nor pace of arrival chooses which.

use std::collections::BTreeMap;

use model::{Event, LogRecord, LogSeverity, Nanos, SECOND_NS, SpanId, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::hash::StableHash;
use crate::window::OperationKey;

/// Traces that are put together at a time.
const OPEN_MAX: usize = 1_000;
const PARTS_MAX: usize = 512;
/// A trace of which nothing came for so long is whole; one that is older than this is taken as it is.
pub(crate) const IDLE_NS: u64 = 6 * SECOND_NS;
const AGE_NS: u64 = 30 * SECOND_NS;
/// What spans log says something for so long after log records named their spans.
const CORRELATED_NS: u64 = 300 * SECOND_NS;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Join {
    /// By (hash, id), so that those beyond the bound are the last.
    open: BTreeMap<(u64, TraceId), Joined>,
    /// Traces with a larger hash are not put together.
    bar: u64,
    /// The bar before it was raised, and when that was: what lies between may have begun unseen.
    floor: u64,
    raised: Nanos,
    correlated_until: Nanos,
    correlated_now: bool,
}

impl Default for Join {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            bar: u64::MAX,
            floor: u64::MAX,
            raised: Nanos::default(),
            correlated_until: Nanos::default(),
            correlated_now: false,
        }
    }
}

/// A trace with what was logged in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joined {
    pub(crate) trace: TraceId,
    pub(crate) spans: BTreeMap<SpanId, JoinedSpan>,
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
    /// Log records named their spans when it began: what it lacks, it did not log.
    pub(crate) correlated: bool,
    /// It may have begun before it was looked at.
    pub(crate) cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct JoinedSpan {
    /// `None` while only log records of it came.
    pub(crate) span: Option<SpanFacts>,
    /// Hashes of the templates that it logged: what it does, as it tells it itself.
    pub(crate) shape: std::collections::BTreeSet<u64>,
    /// Patterns of the errors that it logged.
    pub(crate) errors: std::collections::BTreeSet<Str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpanFacts {
    pub(crate) operation: OperationKey,
    pub(crate) version: Str,
    pub(crate) instance: Str,
    pub(crate) parent: Option<SpanId>,
    pub(crate) failed: bool,
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
}

impl Join {
    /// `tick` is the last one: what comes between two ticks comes at once.
    pub(crate) fn add_event(&mut self, event: &Event, tick: Nanos) {
        if event.trace.stable_hash() > self.bar {
            return;
        }
        let facts = SpanFacts {
            operation: OperationKey::of(event),
            version: event.version.clone(),
            instance: event.instance.clone(),
            parent: event.parent,
            failed: event.failure().is_some(),
            start: event.start,
            end: event.end,
        };
        if let Some(span) = self.span(event.trace, event.span, tick) {
            span.span.get_or_insert(facts);
        }
    }

    pub(crate) fn add_log(&mut self, log: &LogRecord, tick: Nanos) {
        let (Some(trace), Some(span)) = (log.trace, log.span) else { return };
        self.correlated_now = true;
        if trace.stable_hash() > self.bar {
            return;
        }
        let Some(joined) = self.span(trace, span, tick) else { return };
        if log.severity >= LogSeverity::Error && joined.errors.len() < PARTS_MAX {
            joined.errors.insert(log.pattern.clone());
        }
        // What is logged for debugging comes and goes with settings.
        if !matches!(log.severity, LogSeverity::Trace | LogSeverity::Debug) && joined.shape.len() < PARTS_MAX
        {
            joined.shape.insert(log.template.stable_hash());
        }
    }

    fn span(&mut self, trace: TraceId, span: SpanId, tick: Nanos) -> Option<&mut JoinedSpan> {
        let key = (trace.stable_hash(), trace);
        if !self.open.contains_key(&key) {
            if self.open.len() >= 2 * OPEN_MAX {
                self.cut();
            }
            let correlated = tick < self.correlated_until;
            let cut = key.0 > self.floor && tick.since(self.raised) < AGE_NS;
            self.open.insert(key, Joined { trace, first: tick, correlated, cut, ..Joined::default() });
        }
        let joined = self.open.get_mut(&key)?;
        joined.last = tick;
        if joined.spans.len() >= PARTS_MAX && !joined.spans.contains_key(&span) {
            return None;
        }
        Some(joined.spans.entry(span).or_default())
    }

    /// Lowers the bar to what there is room for, and raises it while there is more than enough.
    fn adjust(&mut self, now: Nanos) {
        if self.open.len() > OPEN_MAX {
            self.cut();
            self.bar = self.open.last_key_value().map_or(self.bar, |((hash, _), _)| *hash);
        } else if self.open.len() < OPEN_MAX / 2 && now.since(self.raised) >= AGE_NS {
            self.floor = self.bar;
            self.bar = self.bar.saturating_mul(2);
            self.raised = now;
        }
    }

    fn cut(&mut self) {
        while self.open.len() > OPEN_MAX {
            self.open.pop_last();
        }
    }

    /// The traces that are whole as of `now`, in order.
    pub(crate) fn close(&mut self, now: Nanos) -> Vec<Joined> {
        if std::mem::take(&mut self.correlated_now) {
            self.correlated_until = now.saturating_add(CORRELATED_NS);
        }
        self.adjust(now);
        let is_whole =
            |joined: &Joined| now.since(joined.last) >= IDLE_NS || now.since(joined.first) >= AGE_NS;
        let (whole, open) =
            std::mem::take(&mut self.open).into_iter().partition::<BTreeMap<_, _>, _>(|(_, j)| is_whole(j));
        self.open = open;
        whole.into_values().filter(|joined| !joined.cut).collect()
    }
}
