//! Puts spans and the log records that name them together, for as long as a trace is still coming. Holds the traces
//! with the smallest hashes, so that neither order nor pace of arrival chooses which ones.

use std::collections::BTreeMap;

use model::{Event, LogRecord, LogSeverity, Nanos, SECOND_NS, SpanId, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::hash::StableHash;
use crate::window::OperationKey;

/// Traces that are put together at a time.
const OPEN_MAX: usize = 1_000;
const PARTS_MAX: usize = 512;
/// A trace of which nothing came for so long is whole; one that is older than this is taken as it is.
const IDLE_NS: u64 = 6 * SECOND_NS;
const AGE_NS: u64 = 30 * SECOND_NS;
/// Without log records that name their span there is nothing to put together.
const CORRELATED_NS: u64 = 300 * SECOND_NS;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Join {
    /// By (hash, id), so that those beyond the bound are the last.
    open: BTreeMap<(u64, TraceId), Joined>,
    correlated_until: Nanos,
    correlated_now: bool,
}

/// A trace with what was logged in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joined {
    pub(crate) trace: TraceId,
    pub(crate) spans: BTreeMap<SpanId, JoinedSpan>,
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
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
    pub(crate) end: Nanos,
}

impl Join {
    /// `tick` is the last one: what comes between two ticks comes at once.
    pub(crate) fn add_event(&mut self, event: &Event, tick: Nanos) {
        if tick >= self.correlated_until {
            return;
        }
        let facts = SpanFacts {
            operation: OperationKey::of(event),
            version: event.version.clone(),
            instance: event.instance.clone(),
            parent: event.parent,
            failed: event.failure().is_some(),
            end: event.end,
        };
        if let Some(span) = self.span(event.trace, event.span, tick) {
            span.span.get_or_insert(facts);
        }
    }

    pub(crate) fn add_log(&mut self, log: &LogRecord, tick: Nanos) {
        let (Some(trace), Some(span)) = (log.trace, log.span) else { return };
        self.correlated_now = true;
        if tick >= self.correlated_until {
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
            self.open.insert(key, Joined { trace, first: tick, ..Joined::default() });
        }
        let joined = self.open.get_mut(&key)?;
        joined.last = tick;
        if joined.spans.len() >= PARTS_MAX && !joined.spans.contains_key(&span) {
            return None;
        }
        Some(joined.spans.entry(span).or_default())
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
        self.cut();
        let is_whole =
            |joined: &Joined| now.since(joined.last) >= IDLE_NS || now.since(joined.first) >= AGE_NS;
        let (whole, open) =
            std::mem::take(&mut self.open).into_iter().partition::<BTreeMap<_, _>, _>(|(_, j)| is_whole(j));
        self.open = open;
        whole.into_values().collect()
    }
}
