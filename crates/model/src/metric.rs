//! One point of a metric, as an integer: the core calculates with nothing else.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricPoint {
    pub env: Str,
    pub service: Str,
    pub instance: Str,
    /// The metric's name; a histogram comes as `NAME.count`, `NAME.sum` and, where known, `NAME.max`.
    pub name: Str,
    pub unit: Str,
    /// The point's attributes as `key=value`, sorted and joined by commas; empty where it has none.
    pub series: Str,
    pub kind: MetricKind,
    pub at: Nanos,
    /// In millionths of the unit; what does not fit stands at the nearest end.
    pub value: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A value as it is now.
    Gauge,
    /// What was added since the point before.
    Delta,
    /// What was added since the process started; a smaller value than before is a new start.
    Cumulative,
}
