//! Looks at the server from outside while it is loaded: its pages on the admin listener, and what the system says of its
//! process. It must never know what is sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::{sleep_until, timeout};

use crate::casebook::Casebook;
use crate::child::metric;
use crate::connection::get;
use crate::machine::{ProcessorTime, resident_bytes};

const MEMORY_EVERY: Duration = Duration::from_millis(500);
/// A page that takes longer is one that nobody gets.
const PAGE_WITHIN: Duration = Duration::from_secs(10);
/// Beyond its bound by so much, the journal is about to fill the disk.
const JOURNAL_RUNAWAY: u64 = 2;

/// What a look at the end of a stretch showed.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Seen {
    pub(super) at_s: f64,
    /// By class, as the server counts it since its start.
    pub(super) shed_by_server: BTreeMap<String, u64>,
    pub(super) resident_bytes_max: u64,
    pub(super) journal_bytes: u64,
    /// Bytes of journal that the engine has not applied.
    pub(super) lag_bytes: u64,
    pub(super) in_flight_bytes: u64,
    pub(super) incidents_live: u64,
    pub(super) is_ready: bool,
    /// How long the page of metrics took.
    pub(super) metrics_ms: f64,
    pub(super) server_busy: f64,
    pub(super) generator_busy: f64,
}

#[derive(Debug)]
pub(super) struct Watch {
    admin: SocketAddr,
    pid: u32,
    begun: Instant,
    stretch: Duration,
    journal_bytes: u64,
    before: (ProcessorTime, ProcessorTime),
}

impl Watch {
    pub(super) fn begin(
        casebook: &Casebook,
        begun: Instant,
        stretch: Duration,
        journal_bytes: u64,
    ) -> anyhow::Result<Self> {
        let pid = casebook.pid();
        let before = (ProcessorTime::of(pid)?, ProcessorTime::own()?);
        Ok(Self { admin: casebook.ready_line().admin, pid, begun, stretch, journal_bytes, before })
    }

    /// One look at the end of each stretch. Ends early where the journal runs away.
    pub(super) async fn run(mut self, stretches: usize) -> anyhow::Result<Vec<Seen>> {
        let mut all = Vec::new();
        for number in 1..=stretches {
            let seen = self.stretch(self.begun + self.stretch * number as u32).await?;
            let runs_away = seen.journal_bytes > self.journal_bytes * JOURNAL_RUNAWAY;
            all.push(seen);
            if runs_away {
                break;
            }
        }
        Ok(all)
    }

    async fn stretch(&mut self, end: Instant) -> anyhow::Result<Seen> {
        let mut resident_bytes_max = resident_bytes(self.pid)?;
        while Instant::now() < end {
            sleep_until(end.min(Instant::now() + MEMORY_EVERY).into()).await;
            resident_bytes_max = resident_bytes_max.max(resident_bytes(self.pid)?);
        }
        let asked = Instant::now();
        let page = timeout(PAGE_WITHIN, get(self.admin, "/metrics")).await;
        let metrics_ms = asked.elapsed().as_secs_f64() * 1e3;
        let is_ready = matches!(timeout(PAGE_WITHIN, get(self.admin, "/readyz")).await, Ok(Ok(_)));
        let page = page.ok().and_then(Result::ok).unwrap_or_default();
        let now = (ProcessorTime::of(self.pid)?, ProcessorTime::own()?);
        let before = std::mem::replace(&mut self.before, now);
        let busy = |now: ProcessorTime, before| now.since(before).total_s() / self.stretch.as_secs_f64();
        let end_position = metric(&page, "casebook_journal_end_position");
        Ok(Seen {
            at_s: self.begun.elapsed().as_secs_f64(),
            shed_by_server: shed(&page),
            resident_bytes_max,
            journal_bytes: metric(&page, "casebook_journal_size_bytes"),
            lag_bytes: end_position.saturating_sub(metric(&page, "casebook_engine_position")),
            in_flight_bytes: metric(&page, "casebook_ingest_in_flight_bytes"),
            incidents_live: metric(&page, "casebook_incidents_live"),
            is_ready: is_ready && !page.is_empty(),
            metrics_ms,
            server_busy: busy(self.before.0, before.0),
            generator_busy: busy(self.before.1, before.1),
        })
    }
}

/// By class, over everything that was scarce.
pub(super) fn shed(page: &str) -> BTreeMap<String, u64> {
    let mut shed = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("casebook_shed_requests_total{")) {
        let class = line.split("class=\"").nth(1).and_then(|rest| rest.split('"').next());
        let count = line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
        if let (Some(class), Some(count)) = (class, count) {
            *shed.entry(class.to_owned()).or_default() += count;
        }
    }
    shed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shed_is_summed_by_class() {
        let page = "casebook_shed_requests_total{class=\"traces\",scarce=\"memory\"} 3\n\
                    casebook_shed_requests_total{class=\"traces\",scarce=\"journal\"} 4\n\
                    casebook_shed_requests_total{class=\"logs\",scarce=\"memory\"} 1\nother 9\n";
        let shed = shed(page);
        assert_eq!((shed["traces"], shed["logs"], shed.len()), (7, 1, 2));
    }
}
