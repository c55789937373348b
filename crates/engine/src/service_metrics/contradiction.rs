//! Symptoms of spans that a service's own numbers do not bear out. Spans may be a sample, kept because they failed or
//! sent in lumps, so their shares, rates and silences are those of the sample; a service that counts all its requests
//! is believed before them.

use super::rows::{Measure, Normal};
use super::{ServiceMetrics, Statistic, interval};
use crate::detect::Counts;
use crate::summary::ServiceKey;

const MILLION: i128 = 1_000_000;

/// What spans show, in minutes of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    /// The first and the current minute.
    pub(crate) onset: u64,
    pub(crate) now: u64,
    pub(crate) counts: Counts,
}

impl ServiceMetrics {
    /// The service's own numbers are as ever where spans fail. What they may well hide does not count against them.
    pub(crate) fn fails_as_ever(&self, service: &ServiceKey, shown: Shown) -> bool {
        let Some(rows) = self.rows(service) else { return false };
        let step = interval(rows);
        let before = rows.range(..shown.onset).map(|(_, row)| row);
        let since: Vec<_> = rows.range(shown.onset + step..).map(|(_, row)| row).collect();
        // Of what has failed since it is known there is no before.
        let normal = match rows.range(..shown.onset).next() {
            Some(_) => Normal::of(before, Measure::Failures),
            None => Normal::of_all(rows.values(), Measure::Failures),
        };
        let Some(normal) = normal else { return false };
        let told: Vec<(i64, i64)> = since.iter().filter_map(|row| row.value(Measure::Failures)).collect();
        if told.is_empty() || since.iter().any(|row| normal.excess(row, Measure::Failures) > 0) {
            return false;
        }
        let Counts { requests, failures } = shown.counts;
        let share = i128::from(failures) * MILLION / i128::from(requests.max(1));
        let usual = share <= i128::from(normal.limit);
        let room: i128 = told
            .iter()
            .map(|(n, value)| (i128::from(normal.limit) - i128::from(*value)).max(0) * i128::from(*n))
            .sum();
        usual || i128::from(failures) * MILLION > room
    }

    /// Requests are counted that left no span, and by the numbers of all of them it is as fast as ever.
    pub(crate) fn is_fast_as_ever(&self, service: &ServiceKey, shown: Shown) -> bool {
        let Some(rows) = self.rows(service) else { return false };
        let step = interval(rows);
        let since: Vec<_> = rows.range(shown.onset + step..).map(|(_, row)| row).collect();
        let counted: i64 = since.iter().map(|row| row.requests()).sum();
        let spans = shown.counts.requests;
        if since.is_empty() || u128::from(counted.unsigned_abs()) * 2 < u128::from(spans) * 3 {
            return false;
        }
        let latency = Statistic::ALL.into_iter().map(Measure::Latency);
        let mut told = latency.filter(|measure| Self::tells(rows, *measure)).peekable();
        let as_ever = |measure: Measure| {
            let before = rows.range(..shown.onset).map(|(_, row)| row);
            Normal::of(before, measure)
                .is_some_and(|normal| since.iter().all(|row| normal.excess(row, measure) == 0))
        };
        told.peek().is_some() && told.all(as_ever)
    }

    /// Requests go on being counted, or the next count is still to come.
    pub(crate) fn flows_as_ever(&self, service: &ServiceKey, shown: Shown) -> bool {
        let Some(rows) = self.rows(service) else { return false };
        let counted = || rows.iter().filter(|(_, row)| row.requests() > 0);
        let Some((last, _)) = counted().next_back() else { return false };
        let step = interval(rows);
        let before: Vec<i64> =
            counted().filter(|(m, _)| **m < shown.onset).map(|(_, row)| row.requests()).collect();
        let since: Vec<i64> = rows.range(shown.onset + step..).map(|(_, row)| row.requests()).collect();
        let (Some(least), Some(most)) = (before.iter().min(), before.iter().max()) else { return false };
        if since.is_empty() {
            return shown.now <= last + 2 * step + 1;
        }
        since.iter().all(|requests| 2 * requests >= *least && *requests <= 2 * most)
    }
}
