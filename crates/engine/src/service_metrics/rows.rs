//! One minute of what a service counts, and what is normal for it: the median of many such minutes, and how far they
//! lie from it as a rule.

use serde::{Deserialize, Serialize};

use super::NORMAL_ROWS_MIN;
use super::roles::{Role, Statistic};

const MILLION: i64 = 1_000_000;
/// A number departs where it lies so many times as far from the median as numbers usually do (the median distance,
/// scaled to a standard deviation), in hundredths: 4 · 1.48.
const DEVIATIONS: i64 = 592;
/// Of latency: and by at least this part of the median.
const PART_MIN: i64 = 20;

/// What a service's requests are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Measure {
    /// The share that fails, in millionths.
    Failures,
    /// In microseconds.
    Latency(Statistic),
}

/// A sum of values with their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mean(i64, u32);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// In millionths, as they come.
    requests: i64,
    failed: i64,
    /// Failures are counted, even if there are none.
    counts_failures: bool,
    unavailable: Mean,
    spent_us: i64,
    latency: [Mean; 5],
}

/// What rows have as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Normal {
    pub(crate) median: i64,
    /// A value above it departs.
    pub(crate) limit: i64,
    pub(crate) rows: u32,
}

impl Measure {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Latency(statistic) => statistic.as_str(),
        }
    }
}

impl Mean {
    fn add(&mut self, value: i64) {
        self.0 = self.0.saturating_add(value);
        self.1 = self.1.saturating_add(1);
    }

    fn get(self) -> Option<i64> {
        (self.1 > 0).then(|| self.0 / i64::from(self.1))
    }
}

impl Row {
    /// Adds; the order does not matter.
    pub(super) fn add(&mut self, role: Role, value: i64) {
        let scaled = |numerator: i64, denominator: i64| {
            i64::try_from(i128::from(value) * i128::from(numerator) / i128::from(denominator.max(1)))
                .unwrap_or(i64::MAX)
        };
        match role {
            Role::Requests { failed } => {
                self.requests = self.requests.saturating_add(value.max(0));
                if failed {
                    self.failed = self.failed.saturating_add(value.max(0));
                    self.counts_failures = true;
                }
            }
            Role::Failures => {
                self.failed = self.failed.saturating_add(value.max(0));
                self.counts_failures = true;
            }
            Role::Available(whole) => {
                self.unavailable.add(MILLION.saturating_sub(value / whole).clamp(0, MILLION))
            }
            Role::Unavailable(whole) => self.unavailable.add((value / whole).clamp(0, MILLION)),
            Role::Spent(numerator, denominator) => {
                self.spent_us = self.spent_us.saturating_add(scaled(numerator, denominator));
            }
            Role::Latency(statistic, numerator, denominator) => {
                self.latency[statistic as usize].add(scaled(numerator, denominator).max(0));
            }
        }
    }

    /// Whole requests.
    pub(super) fn requests(&self) -> i64 {
        self.requests / MILLION
    }

    /// Requests and the value, where there were any.
    pub(super) fn value(&self, measure: Measure) -> Option<(i64, i64)> {
        let requests = self.requests();
        if requests <= 0 {
            return None;
        }
        let part =
            |of: i64| i64::try_from(i128::from(of) * i128::from(MILLION) / i128::from(self.requests)).ok();
        let value = match measure {
            Measure::Failures => {
                self.unavailable.get().or_else(|| self.counts_failures.then(|| part(self.failed)).flatten())
            }
            Measure::Latency(Statistic::Mean) if self.spent_us > 0 => Some(self.spent_us / requests),
            Measure::Latency(statistic) => self.latency[statistic as usize].get(),
        };
        value.map(|value| (requests, value))
    }
}

impl Normal {
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a Row>, measure: Measure) -> Option<Self> {
        let values: Vec<i64> = rows.filter_map(|row| row.value(measure)).map(|(_, value)| value).collect();
        (values.len() >= NORMAL_ROWS_MIN).then(|| Self::of_values(values, measure))
    }

    /// Of whatever there is, where nothing came before it.
    pub(super) fn of_all<'a>(rows: impl Iterator<Item = &'a Row>, measure: Measure) -> Option<Self> {
        let values: Vec<i64> = rows.filter_map(|row| row.value(measure)).map(|(_, value)| value).collect();
        (!values.is_empty()).then(|| Self::of_values(values, measure))
    }

    fn of_values(values: Vec<i64>, measure: Measure) -> Self {
        let rows = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let median = median(values.iter().copied());
        let distance = self::median(values.iter().map(|value| (value - median).abs()));
        let usual = distance.saturating_mul(DEVIATIONS) / 100;
        let least = match measure {
            Measure::Failures => 0,
            Measure::Latency(_) => median / PART_MIN,
        };
        Self { median, limit: median.saturating_add(usual.max(least)), rows }
    }

    /// How much more a row has than is normal, over all its requests; zero where it does not depart.
    pub(super) fn excess(&self, row: &Row, measure: Measure) -> i128 {
        let Some((requests, value)) = row.value(measure) else { return 0 };
        let above = i128::from(value) - i128::from(self.median);
        let all = above * i128::from(requests);
        // Half a failure is none.
        let whole = measure != Measure::Failures || all > i128::from(MILLION / 2);
        if value > self.limit && whole { all } else { 0 }
    }
}

fn median(values: impl Iterator<Item = i64>) -> i64 {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(requests: i64, latency_us: i64) -> Row {
        let mut row = Row::default();
        row.add(Role::Requests { failed: false }, requests * MILLION);
        row.add(Role::Latency(Statistic::Mean, 1, 1), latency_us);
        row
    }

    #[test]
    fn a_row_departs_by_the_distance_that_rows_usually_have() {
        let measure = Measure::Latency(Statistic::Mean);
        let rows: Vec<Row> = (0..20).map(|i| row(100, 1_000 + i % 5 * 20)).collect();
        let normal = Normal::of(rows.iter(), measure).unwrap();
        assert_eq!((normal.median, normal.limit), (1_040, 1_158));
        assert_eq!(normal.excess(&row(100, 1_150), measure), 0);
        assert_eq!(normal.excess(&row(100, 1_540), measure), 50_000);
        assert_eq!(Normal::of(rows[..2].iter(), measure), None);
    }

    #[test]
    fn failures_are_counted_or_told_as_a_share() {
        let mut counted = row(200, 1);
        counted.add(Role::Requests { failed: true }, 50 * MILLION);
        assert_eq!(counted.value(Measure::Failures), Some((250, 200_000)));
        let mut told = row(200, 1);
        told.add(Role::Available(100), 75 * MILLION);
        assert_eq!(told.value(Measure::Failures), Some((200, 250_000)));
        assert_eq!(row(200, 1).value(Measure::Failures), None);
    }
}
