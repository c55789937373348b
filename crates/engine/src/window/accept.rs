//! What a family does now becomes what it is measured by.

use serde::{Deserialize, Serialize};

use super::{FamilyKey, Limit, Norm, Range, Sign, Window};
use crate::config::Config;
use crate::detect::Counts;
use crate::metrics::Level;
use crate::summary::Bucket;

/// So many requests tell what a share is now; with fewer, a longer stretch is looked at.
const PRESENT_REQUESTS_MIN: u64 = 100;

/// What a family does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Present {
    /// Requests, and those that show its symptom.
    Share(Counts),
    /// Of a flow.
    PerMinute(u64),
    /// Of a utilization, in millionths.
    Level(i64),
}

impl Window {
    /// Accepts what a member of an incident does now. A share that is not above the norm any more changes nothing.
    pub(crate) fn accept_present(
        &mut self,
        family: &FamilyKey,
        norm: Norm,
        onset: Bucket,
        tick: Bucket,
        config: &Config,
    ) -> Present {
        if let Norm::Flow(_) = norm {
            let flow = self.flow_mut(family);
            return Present::PerMinute(flow.map_or(0, |flow| flow.accept_present(onset, tick, config)));
        }
        if let Norm::Level(_) = norm {
            return Present::Level(self.metrics.accept_present(family));
        }
        if let Norm::Metric(then) = norm {
            let service = family.operation.service_key();
            let now = self.metrics.services.shift_since(&service, &then);
            let until = model::Nanos(tick * config.tick_ns());
            self.metrics.services.accept(|known| *known == service, until);
            return Present::Share(Counts { requests: now.requests, failures: now.affected });
        }
        if let Norm::Behaviour(_) = norm {
            let present = self.shapes.since(&family.operation);
            self.shapes.accept_present(&family.operation);
            return Present::Share(present);
        }
        if let Norm::SelfTime(..) = norm {
            let now = model::Nanos(tick * config.tick_ns());
            return Present::Share(self.self_times.accept_present(&family.operation, now));
        }
        let (since, present) = self.present(family, norm, onset, tick, config);
        if present.exceeds(norm.counts())
            && let Some(series) = self.operations.get_mut(&family.operation)
        {
            series.accept_present(family, present, (self.sealed, since..tick + 1), config);
        }
        Present::Share(present)
    }

    /// The same for a family of which nothing is remembered but that it belongs.
    pub(crate) fn accept_unseen(&mut self, family: &FamilyKey, onset: Bucket, tick: Bucket, config: &Config) {
        let norm = match family.sign {
            Sign::Failure => Norm::Failure(Counts::default()),
            Sign::Latency => match self.limit(&family.operation) {
                Some(limit) => Norm::Latency(Counts::default(), limit),
                None => return,
            },
            Sign::Traffic | Sign::Silence => Norm::Flow(Range::default()),
            Sign::Saturation => Norm::Level(Level::default()),
            Sign::Behaviour => Norm::Behaviour(Counts::default()),
            Sign::SelfTime => Norm::SelfTime(Counts::default(), Limit::default()),
            Sign::Metric => return,
        };
        self.accept_present(family, norm, onset, tick, config);
    }

    /// The shortest trailing stretch that tells a share, at most since the onset.
    fn present(
        &self,
        family: &FamilyKey,
        norm: Norm,
        onset: Bucket,
        tick: Bucket,
        config: &Config,
    ) -> (Bucket, Counts) {
        let mut reach = config.ticks(config.recovery_ms);
        loop {
            let since = tick.saturating_sub(reach).max(onset);
            let counts = self.counts(family, norm, since);
            if counts.requests >= PRESENT_REQUESTS_MIN || since <= onset {
                return (since, counts);
            }
            reach = reach.saturating_mul(2);
        }
    }
}
