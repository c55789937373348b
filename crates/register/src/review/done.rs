//! What stands between a review and DONE, at a time and on a commit. It changes nothing.

use super::history::History;
use super::state::{FindingNow, Gate, GatePhase, State};
use super::words::{At, Commit, FindingId, Name, VetoId};

/// For this long a pass is fresh.
const FRESH_S: u64 = 24 * 60 * 60;

/// A gate's state as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateNow {
    Open,
    Claimed,
    Passed { until: At },
    Stale(StaleBy),
    Failed,
}

/// Why a pass is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleBy {
    Age {
        since: At,
    },
    /// A later commit touches the scope.
    Commit(Commit),
    /// It was given at a time that is still to come.
    Clock {
        at: At,
    },
}

/// One thing that stands against DONE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Against {
    NoPlan,
    Gate(Name, GateNow),
    Veto(VetoId),
    Finding(FindingId, FindingNow),
}

impl GateNow {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Passed { .. } => "passed",
            Self::Stale(_) => "stale",
            Self::Failed => "failed",
        }
    }
}

impl Gate {
    pub(super) fn now(&self, now: At, head: &Commit, history: &History) -> GateNow {
        let (claim, at) = match &self.phase {
            GatePhase::Open => return GateNow::Open,
            GatePhase::Claimed(_) => return GateNow::Claimed,
            GatePhase::Failed { .. } => return GateNow::Failed,
            GatePhase::Passed { claim, at, .. } => (claim, *at),
        };
        if at.is_ahead_of(now) {
            return GateNow::Stale(StaleBy::Clock { at });
        }
        if let Some(commit) = history.touched(&claim.commit, head, &self.spec.scope) {
            return GateNow::Stale(StaleBy::Commit(commit.id.clone()));
        }
        match at.plus(FRESH_S) {
            until if now < until => GateNow::Passed { until },
            since => GateNow::Stale(StaleBy::Age { since }),
        }
    }
}

impl State {
    /// Whether every pass is fresh, no veto stands and no finding is open.
    pub fn is_done(&self, now: At, history: &History) -> bool {
        self.against(now, &history.head, history).is_empty()
    }

    pub(super) fn against(&self, now: At, head: &Commit, history: &History) -> Vec<Against> {
        let mut against = Vec::new();
        if self.plan.is_none() {
            against.push(Against::NoPlan);
        }
        for (id, gate) in &self.gates {
            match gate.now(now, head, history) {
                GateNow::Passed { .. } => {}
                state => against.push(Against::Gate(id.clone(), state)),
            }
        }
        let standing = self.vetoes.iter().filter(|(_, veto)| !veto.is_lifted);
        against.extend(standing.map(|(id, _)| Against::Veto(*id)));
        let findings = self.findings.iter().map(|(id, finding)| (*id, finding.now(now)));
        against.extend(
            findings.filter(|(_, state)| state.is_open()).map(|(id, state)| Against::Finding(id, state)),
        );
        against
    }
}
