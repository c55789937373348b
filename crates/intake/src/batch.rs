//! What a decoder hands back: events, what was rejected and why, and what was accepted with a remark.

use std::collections::BTreeMap;
use std::fmt;

use model::{Event, LogRecord, MetricPoint, TraceId};

/// The outcome of a readable request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    pub events: Vec<Event>,
    pub rejected: Vec<Rejected>,
    pub warnings: Warnings,
}

/// The outcome of a readable request with logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    pub logs: Vec<LogRecord>,
    pub rejected: Vec<Rejected>,
    pub warnings: Warnings,
}

/// The outcome of a readable request with metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricBatch {
    pub points: Vec<MetricPoint>,
    /// How many data points they were made of: a histogram gives several.
    pub data_points: u64,
    pub rejected: Vec<Rejected>,
    pub warnings: Warnings,
}

/// One item of a request that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the request, from 0.
    pub index: usize,
    /// Its own id as far as it could be read; empty where it could not.
    pub id: String,
    pub reason: RejectReason,
    /// For people: what was found and what would be right.
    pub detail: String,
    /// Each thing wrong with a JSON item; empty for spans.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a JSON item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `steps[2].duration_ms`; empty for the item itself.
    pub path: String,
    pub reason: RejectReason,
    pub found: String,
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}, expected {}", self.found, self.expected)
    }
}

/// Enums whose texts are part of the contract: metrics labels, replies, documentation.
macro_rules! stable_names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

stable_names! {
    /// Why one item was not taken.
    RejectReason {
        InvalidTraceId = "invalid_trace_id",
        InvalidSpanId = "invalid_span_id",
        InvalidParentSpanId = "invalid_parent_span_id",
        MissingStartTime = "missing_start_time",
        MissingEndTime = "missing_end_time",
        EndBeforeStart = "end_before_start",
        /// Ends too far behind the receive time.
        InFuture = "in_future",
        /// A line of NDJSON that is no JSON.
        MalformedJson = "malformed_json",
        MissingField = "missing_field",
        UnknownField = "unknown_field",
        InvalidField = "invalid_field",
        TooLarge = "too_large",
        /// A number that is no number, or infinite.
        NotFinite = "not_finite",
    }
}

stable_names! {
    /// What was accepted, but not as it came.
    Warning {
        MissingServiceName = "missing_service_name",
        /// More attributes than are looked at.
        AttributesCut = "attributes_cut",
        TextCut = "text_cut",
        /// A text that was not UTF-8; the bad bytes became U+FFFD.
        InvalidUtf8 = "invalid_utf8",
        /// A span that names itself as its parent was taken as a root.
        ParentIsItself = "parent_is_itself",
        /// A field of a wide event that the schema does not know was ignored.
        UnknownField = "unknown_field",
    }
}

/// How often each warning was due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings(BTreeMap<Warning, u64>);

impl Warnings {
    pub(crate) fn add(&mut self, warning: Warning, count: u64) {
        if count > 0 {
            *self.0.entry(warning).or_default() += count;
        }
    }

    pub fn count(&self, warning: Warning) -> u64 {
        self.0.get(&warning).copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Warning, u64)> + '_ {
        self.0.iter().map(|(warning, count)| (*warning, *count))
    }
}

impl Rejected {
    pub(crate) fn from_problems(index: usize, id: String, problems: Vec<Problem>) -> Self {
        let reason = problems.first().map_or(RejectReason::InvalidField, |p| p.reason);
        let detail = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ");
        Self { index, id, reason, detail, problems }
    }

    /// How often each reason occurs in `rejected`.
    pub fn counts(rejected: &[Self]) -> BTreeMap<RejectReason, u64> {
        let mut counts = BTreeMap::new();
        rejected.iter().for_each(|r| *counts.entry(r.reason).or_default() += 1);
        counts
    }
}

impl Batch {
    /// The traces of the accepted events, in order, each once.
    pub fn trace_ids(&self) -> Vec<TraceId> {
        let mut ids: Vec<TraceId> = self.events.iter().map(|e| e.trace).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
