//! Puts spans and the log records that name them together, for as long as a trace is still coming. Holds the traces
//! whose hash is below a bar, which falls while there are too many: neither order nor pace of arrival chooses which.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Traces of which parts were left out.
    pub(crate) cut: u64,
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
            cut: 0,
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
    /// It has more parts than are kept.
    pub(crate) more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct JoinedSpan {
    /// `None` while only log records of it came.
    pub(crate) span: Option<SpanFacts>,
    /// Hashes of the templates that it logged: what it does, as it tells it itself.
    pub(crate) shape: BTreeSet<u64>,
    /// Patterns of the errors that it logged.
    pub(crate) errors: BTreeSet<Str>,
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
    pub(crate) fn add_event(&mut self, event: &Event, hash: u64, tick: Nanos) {
        if hash > self.bar {
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
        let joined = self.joined((hash, event.trace), tick);
        if let Some(span) = joined.span(event.span) {
            span.span.get_or_insert(facts);
        }
    }

    pub(crate) fn add_log(&mut self, log: &LogRecord, tick: Nanos) {
        let (Some(trace), Some(span)) = (log.trace, log.span) else { return };
        self.correlated_now = true;
        let hash = trace.stable_hash();
        if hash > self.bar {
            return;
        }
        let joined = self.joined((hash, trace), tick);
        let Some(logged) = joined.span(span) else { return };
        let mut all = true;
        if log.severity >= LogSeverity::Error {
            all &= keep_smallest(&mut logged.errors, log.pattern.clone());
        }
        // What is logged for debugging comes and goes with settings.
        if !matches!(log.severity, LogSeverity::Trace | LogSeverity::Debug) {
            all &= keep_smallest(&mut logged.shape, log.template.stable_hash());
        }
        joined.more |= !all;
    }

    /// A trace that is cut within a tick has so many smaller hashes before it that it is beyond the bound at the end
    /// of the tick too, so nothing that stays was ever away.
    fn joined(&mut self, key: (u64, TraceId), tick: Nanos) -> &mut Joined {
        if self.open.len() >= 2 * OPEN_MAX && !self.open.contains_key(&key) {
            self.cut();
        }
        let correlated = tick < self.correlated_until;
        let cut = key.0 > self.floor && tick.since(self.raised) < AGE_NS;
        let fresh = || Joined { trace: key.1, first: tick, correlated, cut, ..Joined::default() };
        let joined = self.open.entry(key).or_insert_with(fresh);
        joined.last = tick;
        joined
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
        let whole: Vec<(u64, TraceId)> =
            self.open.iter().filter(|(_, joined)| is_whole(joined)).map(|(key, _)| *key).collect();
        let whole = whole.iter().filter_map(|key| self.open.remove(key));
        let whole: Vec<Joined> = whole.filter(|joined| !joined.cut).collect();
        self.cut += whole.iter().filter(|joined| joined.more).count() as u64;
        whole
    }
}

impl Joined {
    /// Those with the smallest ids stay: which they are depends on the trace alone, not on the order in which it came.
    fn span(&mut self, span: SpanId) -> Option<&mut JoinedSpan> {
        self.spans.entry(span).or_default();
        if self.spans.len() > PARTS_MAX {
            self.spans.pop_last();
            self.more = true;
        }
        self.spans.get_mut(&span)
    }
}

/// Whether nothing was left out.
fn keep_smallest<T: Ord>(parts: &mut BTreeSet<T>, part: T) -> bool {
    parts.insert(part);
    let fits = parts.len() <= PARTS_MAX;
    if !fits {
        parts.pop_last();
    }
    fits
}

#[cfg(test)]
mod tests;
