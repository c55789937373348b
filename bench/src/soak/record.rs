//! What a soak showed: a sample every few seconds, sums, and what is wrong with them. It must never know how they came
//! about.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::kinds::Kind;
use super::offer::{Tallies, Tally};
use super::watch::Seen;
use crate::casebook::Counted;
use crate::figures::mebibytes;
use crate::lines::{Line, Panel, to_svg};
use crate::machine::Machine;

/// Shorter soaks say nothing of memory: ids are kept for minutes, and then the journal is still growing.
const MEMORY_JUDGED_FROM_S: f64 = 1_200.0;
/// The last quarter's peak, in terms of the second quarter's.
const MEMORY_GROWTH_MAX: f64 = 1.10;
/// Of what should have been offered.
const OFFERED_MIN: f64 = 0.95;
/// Segments that may stand beyond the bound until retention comes round: a minute of the fastest journal that was seen.
const JOURNAL_SLACK: f64 = 1.5;

/// One kind of requests during one stretch of time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) offered: u64,
    pub(super) not_sent: u64,
    pub(super) accepted: u64,
    pub(super) shed: u64,
    pub(super) limited: u64,
    pub(super) failed: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    #[serde(flatten)]
    pub(super) seen: Seen,
    pub(super) rows: Vec<Row>,
}

/// What the server's own bounds promise.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Bounds {
    pub(super) p99_ms: f64,
    pub(super) journal_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) casebook_version: String,
    pub(super) machine: Machine,
    pub(super) serve: Vec<String>,
    pub(super) sustainable_spans_per_s: f64,
    pub(super) offered_spans_per_s: f64,
    pub(super) seconds: f64,
    pub(super) bounds: Bounds,
    pub(super) totals: Vec<Row>,
    pub(super) retention_removed_bytes: u64,
    pub(super) counted: Counted,
    pub(super) wrong: Vec<String>,
    pub(super) samples: Vec<Sample>,
}

impl Row {
    fn of(kind: Kind, tally: &Tally) -> Self {
        let ms = |share| (tally.latencies.quantile_ms(share) * 10.0).round() / 10.0;
        Self {
            kind,
            offered: tally.due,
            not_sent: tally.not_sent,
            accepted: tally.accepted,
            shed: tally.shed,
            limited: tally.limited,
            failed: tally.failed,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            max_ms: (tally.latencies.max_ms * 10.0).round() / 10.0,
        }
    }
}

pub(super) fn rows(tallies: &Tallies) -> Vec<Row> {
    tallies.iter().map(|(kind, tally)| Row::of(*kind, tally)).collect()
}

impl Record {
    /// Everything that has to hold, and does not.
    pub(super) fn judge(&mut self, failures: Vec<String>) {
        let mut wrong = failures;
        self.judge_requests(&mut wrong);
        self.judge_counts(&mut wrong);
        self.judge_memory(&mut wrong);
        let unready = self.samples.iter().filter(|sample| !sample.seen.is_ready).count();
        if unready > 0 {
            wrong.push(format!("/readyz was off at {unready} samples of {}", self.samples.len()));
        }
        let journal = self.samples.iter().map(|sample| sample.seen.journal_bytes).max().unwrap_or(0);
        if journal as f64 > self.bounds.journal_bytes as f64 * JOURNAL_SLACK {
            wrong.push(format!("the journal grew to {:.0} MiB", mebibytes(journal)));
        }
        self.wrong = wrong;
    }

    fn judge_requests(&self, wrong: &mut Vec<String>) {
        let mut spans = 0;
        for row in &self.totals {
            let name = format!("{:?}", row.kind);
            if row.kind.is_vital() && row.accepted != row.offered {
                wrong.push(format!("{name}: not every request was taken: {row:?}"));
            }
            if row.failed > 0 {
                wrong.push(format!("{name}: {} requests failed", row.failed));
            }
            if row.limited > 0 {
                wrong.push(format!("{name}: {} requests met a limit of rates", row.limited));
            }
            if row.accepted > 0 && row.p99_ms > self.bounds.p99_ms {
                let bound = self.bounds.p99_ms;
                wrong.push(format!("{name}: p99 of {} ms is beyond {bound:.0} ms", row.p99_ms));
            }
            if matches!(row.kind, Kind::TracesHttp | Kind::TracesGrpc) {
                spans += (row.offered - row.not_sent) * row.kind.items();
            }
        }
        let offered = spans as f64 / self.seconds;
        if offered < self.offered_spans_per_s * OFFERED_MIN {
            wrong.push(format!("only {offered:.0} spans/s of {:.0} were offered", self.offered_spans_per_s));
        }
        if self.totals.iter().all(|row| row.shed == 0) {
            wrong.push("nothing was shed, so this was no overload".to_owned());
        }
    }

    fn judge_counts(&self, wrong: &mut Vec<String>) {
        let acknowledged = self.totals.iter().map(|row| row.accepted * row.kind.items()).sum();
        wrong.extend(self.counted.check(acknowledged).err().map(|error| error.to_string()));
        let Some(last) = self.samples.last() else { return };
        for class in ["traces", "logs", "metrics", "vital"] {
            let of_class = self.totals.iter().filter(|row| row.kind.class() == class);
            let seen: u64 = of_class.map(|row| row.shed).sum();
            let counted = last.seen.shed_by_server.get(class).copied().unwrap_or(0);
            if seen != counted {
                wrong.push(format!("{class}: {seen} requests were shed, the server counted {counted}"));
            }
        }
    }

    fn judge_memory(&self, wrong: &mut Vec<String>) {
        if self.seconds < MEMORY_JUDGED_FROM_S {
            return;
        }
        let peak = |from: f64, to: f64| {
            let within = |sample: &&Sample| (from..to).contains(&(sample.seen.at_s / self.seconds));
            self.samples.iter().filter(within).map(|sample| sample.seen.resident_bytes_max).max().unwrap_or(0)
        };
        let (second, last) = (peak(0.25, 0.5), peak(0.75, 2.0));
        if last as f64 > second as f64 * MEMORY_GROWTH_MAX {
            let (second, last) = (mebibytes(second), mebibytes(last));
            wrong.push(format!("memory grows: {second:.0} MiB in the second quarter, {last:.0} in the last"));
        }
    }

    /// The record, and beside it its chart.
    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let written = |_| format!("{} cannot be written", file.display());
        std::fs::write(file, self.to_json()?).with_context(|| written(()))?;
        std::fs::write(file.with_extension("svg"), self.chart()).with_context(|| written(()))
    }

    /// One sample a line.
    fn to_json(&self) -> anyhow::Result<String> {
        let mut value = serde_json::to_value(self)?;
        let samples = value.get_mut("samples").map(serde_json::Value::take).unwrap_or_default();
        let lines: Vec<String> =
            samples.as_array().into_iter().flatten().map(serde_json::Value::to_string).collect();
        let text = serde_json::to_string_pretty(&value)?;
        Ok(text.replace("\"samples\": null", &format!("\"samples\": [\n    {}\n  ]", lines.join(",\n    ")))
            + "\n")
    }

    /// Spans of all traces a second.
    fn rates(&self) -> Vec<Line> {
        let mut before = 0.0;
        let spans: Vec<(f64, [f64; 3])> = self
            .samples
            .iter()
            .map(|sample| {
                let took = sample.seen.at_s - std::mem::replace(&mut before, sample.seen.at_s);
                let traces = |row: &&Row| matches!(row.kind, Kind::TracesHttp | Kind::TracesGrpc);
                let sum = |of: fn(&Row) -> u64| {
                    let items = sample.rows.iter().filter(traces).map(|row| of(row) * row.kind.items());
                    items.sum::<u64>() as f64 / took
                };
                (
                    sample.seen.at_s / 60.0,
                    [sum(|r| r.offered - r.not_sent), sum(|r| r.accepted), sum(|r| r.shed)],
                )
            })
            .collect();
        ["offered", "accepted", "shed"]
            .iter()
            .enumerate()
            .map(|(at, name)| Line {
                name: (*name).to_owned(),
                points: spans.iter().map(|(minute, rates)| (*minute, rates[at])).collect(),
            })
            .collect()
    }

    fn chart(&self) -> String {
        let title = format!(
            "{} minutes at twice what {:.0}k spans/s of all classes need",
            (self.seconds / 60.0).round(),
            self.sustainable_spans_per_s / 1e3
        );
        let over_time = |name: &str, of: &dyn Fn(&Sample) -> f64| Line {
            name: name.to_owned(),
            points: self.samples.iter().map(|sample| (sample.seen.at_s / 60.0, of(sample))).collect(),
        };
        let p99 = |kinds: &'static [Kind]| {
            move |sample: &Sample| {
                let rows = sample.rows.iter().filter(|row| kinds.contains(&row.kind));
                rows.map(|row| row.p99_ms).fold(0.0, f64::max)
            }
        };
        to_svg(
            &title,
            &[
                Panel { name: "Spans a second".to_owned(), lines: self.rates() },
                Panel {
                    name: "Answer to accepted requests, p99, ms".to_owned(),
                    lines: vec![
                        over_time("traces", &p99(&[Kind::TracesHttp, Kind::TracesGrpc])),
                        over_time("logs and metrics", &p99(&[Kind::Logs, Kind::Metrics])),
                        over_time("alerts", &p99(&[Kind::Alerts])),
                        over_time("signals, deployments", &p99(&[Kind::Signals, Kind::Deployments])),
                    ],
                },
                Panel {
                    name: "Resident memory, MiB".to_owned(),
                    lines: vec![over_time("peak", &|sample| mebibytes(sample.seen.resident_bytes_max))],
                },
                Panel {
                    name: "Journal, MiB".to_owned(),
                    lines: vec![
                        over_time("on disk", &|sample| mebibytes(sample.seen.journal_bytes)),
                        over_time("before the engine", &|sample| mebibytes(sample.seen.lag_bytes)),
                    ],
                },
            ],
        )
    }
}

#[cfg(test)]
mod tests;
