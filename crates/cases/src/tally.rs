//! Scores of many cases added up. What each figure is a share of stands with it.

use serde::Serialize;

use crate::Score;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    pub cases: u64,
    pub faults: u64,
    pub quiet: u64,
    /// Cases that could not be run.
    pub unreadable: u64,
    pub opened: u64,
    /// Of the faults: a right service among the first one, three, five.
    pub top1: u64,
    pub top3: u64,
    pub top5: u64,
    reciprocal_ranks: f64,
    /// Of the faults whose operation is labelled.
    pub operations: u64,
    pub operation_top1: u64,
    pub operation_top3: u64,
    pub operation_top5: u64,
    /// Of the faults of which it is labelled which change is guilty, or that none is.
    pub changes: u64,
    pub changes_right: u64,
    pub causes_right: u64,
    pub abstentions: u64,
    pub decoy_hits: u64,
    pub extra_incidents: u64,
    pub outside_incidents: u64,
    quiet_seconds: f64,
    seconds_to_open: Vec<f64>,
}

impl Tally {
    pub fn add(&mut self, score: &Score) {
        self.cases += 1;
        self.outside_incidents += u64::from(score.outside_incidents);
        self.quiet_seconds += score.quiet_seconds;
        if !score.fault {
            self.quiet += 1;
            return;
        }
        let within = |rank: Option<u32>, n: u32| u64::from(rank.is_some_and(|rank| rank <= n));
        self.faults += 1;
        self.opened += u64::from(score.opened);
        self.top1 += within(score.service_rank, 1);
        self.top3 += within(score.service_rank, 3);
        self.top5 += within(score.service_rank, 5);
        self.reciprocal_ranks += score.service_rank.map_or(0.0, |rank| 1.0 / f64::from(rank));
        if let Some(rank) = score.operation {
            self.operations += 1;
            self.operation_top1 += within(rank, 1);
            self.operation_top3 += within(rank, 3);
            self.operation_top5 += within(rank, 5);
        }
        self.changes += u64::from(score.change_right.is_some());
        self.changes_right += u64::from(score.change_right == Some(true));
        self.causes_right += u64::from(score.cause_right);
        self.abstentions += u64::from(score.abstained);
        self.decoy_hits += u64::from(score.decoy_hit);
        self.extra_incidents += u64::from(score.extra_incidents);
        self.seconds_to_open.extend(score.seconds_to_open);
    }

    pub fn add_unreadable(&mut self) {
        self.cases += 1;
        self.unreadable += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.cases += other.cases;
        self.faults += other.faults;
        self.quiet += other.quiet;
        self.unreadable += other.unreadable;
        self.opened += other.opened;
        self.top1 += other.top1;
        self.top3 += other.top3;
        self.top5 += other.top5;
        self.reciprocal_ranks += other.reciprocal_ranks;
        self.operations += other.operations;
        self.operation_top1 += other.operation_top1;
        self.operation_top3 += other.operation_top3;
        self.operation_top5 += other.operation_top5;
        self.changes += other.changes;
        self.changes_right += other.changes_right;
        self.causes_right += other.causes_right;
        self.abstentions += other.abstentions;
        self.decoy_hits += other.decoy_hits;
        self.extra_incidents += other.extra_incidents;
        self.outside_incidents += other.outside_incidents;
        self.quiet_seconds += other.quiet_seconds;
        self.seconds_to_open.extend(&other.seconds_to_open);
    }

    /// Of `count` in all faults; `None` where there is none.
    pub fn share(&self, count: u64) -> Option<f64> {
        share(count, self.faults)
    }

    /// Mean over the faults of one over the rank of the first right service, nothing where there is none.
    pub fn mean_reciprocal_rank(&self) -> Option<f64> {
        (self.faults > 0).then(|| self.reciprocal_ranks / self.faults as f64)
    }

    pub fn operation_share(&self, count: u64) -> Option<f64> {
        share(count, self.operations)
    }

    pub fn change_share(&self) -> Option<f64> {
        share(self.changes_right, self.changes)
    }

    pub fn quiet_hours(&self) -> f64 {
        self.quiet_seconds / 3_600.0
    }

    pub fn outside_per_hour(&self) -> Option<f64> {
        (self.quiet_seconds > 0.0).then(|| self.outside_incidents as f64 / self.quiet_hours())
    }

    pub fn median_seconds_to_open(&self) -> Option<f64> {
        let mut times = self.seconds_to_open.clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    }
}

fn share(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

#[cfg(test)]
mod tests;
