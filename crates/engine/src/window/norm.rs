//! What was normal for a family when it left that: what a report compares with.

use serde::{Deserialize, Serialize};

use super::{Limit, Range};
use crate::detect::Counts;
use crate::metrics::Level;
use crate::service_metrics::Shift;

/// What was normal for a family, as it was when the family left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Norm {
    Failure(Counts),
    /// Slow requests by this limit.
    Latency(Counts, Limit),
    /// Requests a minute.
    Flow(Range),
    /// A utilization.
    Level(Level),
    /// Odd requests.
    Behaviour(Counts),
    /// Requests that are slow by themselves, by this limit.
    SelfTime(Counts, Limit),
    /// What a service counts of its own requests.
    Metric(Shift),
}

impl Norm {
    /// As if a stretch of it had not been seen.
    pub(super) fn without(self, part: Counts) -> Self {
        match self {
            Self::Failure(counts) => Self::Failure(counts.without(part)),
            Self::Latency(counts, limit) => Self::Latency(counts.without(part), limit),
            other => other,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Failure(counts)
            | Self::Latency(counts, _)
            | Self::Behaviour(counts)
            | Self::SelfTime(counts, _) => *counts,
            Self::Flow(_) | Self::Level(_) | Self::Metric(_) => Counts::default(),
        }
    }
}
