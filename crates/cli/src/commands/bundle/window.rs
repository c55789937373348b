//! Which stretch of time a bundle holds, and what is said where the journal no longer holds it.

use std::time::Duration;

use api::{BUNDLE_SECS_MAX, BundleHead, Incident};
use engine::report::Report;
use model::{IncidentId, Nanos, SECOND_NS};

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::time::to_the_second;

/// A change is blamed for what came after it: it has to be inside, with what was normal before it.
const BEFORE_CHANGE_NS: u64 = 60 * SECOND_NS;

#[derive(Debug)]
pub(super) struct Window {
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    started: Nanos,
}

impl Window {
    /// An incident that is not over yet is taken up to its newest report.
    pub(super) fn around(
        incident: &Incident,
        report: &Report,
        before: Duration,
        after: Duration,
    ) -> Result<Self, Failure> {
        let time = |text: &str| {
            Nanos::parse_rfc3339(text)
                .map_err(|_| Failure::new(Exit::Server, format!("{} is no time", escape::line(text))))
        };
        let started = time(&incident.started_at)?;
        let change = report.change.as_ref().map(|change| time(&change.at)).transpose()?;
        let mut from = started.saturating_sub(nanos(before));
        if let Some(change) = change {
            from = from.min(change.saturating_sub(BEFORE_CHANGE_NS));
        }
        let to = match &incident.resolved_at {
            Some(resolved) => time(resolved)?.saturating_add(nanos(after)),
            None => time(&report.tick.at)?,
        };
        if to.since(from) > BUNDLE_SECS_MAX * SECOND_NS {
            let message = format!(
                "{from} to {to} is more than a bundle holds, which is 24 hours: a smaller --before or --after fits"
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(Self { from, to, started })
    }

    /// The journal must reach back to before the onset, or there is no case.
    pub(super) fn check(&self, head: &BundleHead, incident: IncidentId) -> Result<(), Failure> {
        let from = head.journal_from.as_deref().and_then(|text| Nanos::parse_rfc3339(text).ok());
        match from {
            Some(from) if from < self.started => Ok(()),
            _ => Err(self.empty(head, incident)),
        }
    }

    pub(super) fn empty(&self, head: &BundleHead, incident: IncidentId) -> Failure {
        let started = to_the_second(&self.started.to_rfc3339());
        let held = match &head.journal_from {
            Some(from) => format!("begins at {}", escape::line(&to_the_second(from))),
            None => "is empty".to_owned(),
        };
        let message = format!(
            "{incident} began at {started}, but the server's journal {held}: what was before is no longer kept \
             (--retention-age and --retention-bytes of `casebook serve` say how long it is)"
        );
        Failure::new(Exit::Client, message)
    }

    /// What of the time before the onset the journal lacks.
    pub(super) fn shortfall(&self, first: Nanos) -> Option<Duration> {
        let lacks = first.since(self.from);
        (lacks > 60 * SECOND_NS).then(|| Duration::from_nanos(lacks))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
