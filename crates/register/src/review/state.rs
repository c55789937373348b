//! Where a review stands after the records so far. It changes through one door, [`State::apply`], which takes a step
//! whole or refuses it.

use std::collections::{BTreeMap, BTreeSet};

use super::ground::{Ground, Refusal};
use super::history::History;
use super::moves;
use super::record::{Find, Likeness, Outcome, Plan, PlannedGate, Record, Signer};
use super::words::{At, Commit, Digest, FindingId, Name, Text, VetoId};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) plan: Option<Plan>,
    pub(super) gates: BTreeMap<Name, Gate>,
    pub(super) findings: BTreeMap<FindingId, Finding>,
    pub(super) vetoes: BTreeMap<VetoId, StandingVeto>,
    /// By the number of the claim: reasonings that were promised.
    pub(super) promises: BTreeMap<u64, Promise>,
    /// Who was retired, and by whom.
    pub(super) retired_by: BTreeMap<Name, Name>,
    /// Of the last record.
    pub(super) seq: u64,
    pub(super) at: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) spec: PlannedGate,
    pub(super) phase: GatePhase,
    /// When something was last recorded about it.
    pub(super) active: At,
    /// Verdicts so far, oldest first: outcome, by whom, when, on which commit.
    pub(super) verdicts: Vec<(Outcome, Name, At, Commit)>,
    /// Who claimed it last.
    pub(super) claimant: Option<Name>,
    /// Fixes of its findings that no pass by somebody else had in it, and by whom.
    pub(super) fixes: Vec<(Name, Commit)>,
}

/// Where a gate stands by the records alone; whether a pass is still fresh depends on time and commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatePhase {
    Open,
    Claimed(StandingClaim),
    Passed { claim: StandingClaim, by: Name, at: At },
    Failed { claim: StandingClaim, by: Name },
}

/// A claim that waits for its verdict or had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingClaim {
    pub seq: u64,
    pub by: Name,
    pub at: At,
    pub commit: Commit,
    pub says: Text,
    pub check: Text,
    pub expected: Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) gate: Name,
    pub(super) by: Name,
    pub(super) digest: Digest,
    pub(super) is_judged: bool,
    /// It was revealed, or excused.
    pub(super) is_settled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) find: Find,
    pub(super) by: Name,
    pub(super) commit: Commit,
    pub(super) phase: FindingPhase,
    pub(super) active: At,
    /// All who ever claimed to have fixed it, or what it corrects.
    pub(super) fixers: BTreeSet<Name>,
    /// What was seen of it, by whom: the last that was recorded.
    pub(super) observed: Option<Observed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) symptom: Text,
    pub(super) duration_s: u32,
    pub(super) as_predicted: Likeness,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FindingPhase {
    Open,
    FixClaimed(StandingFix),
    Retested { fix: StandingFix, outcome: Outcome, by: Name },
    Closed,
    Reopened { fixer: Name },
    Deferred { trigger: Text, until: Option<At> },
    Withdrawn,
    Corrected(FindingId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandingFix {
    pub(super) by: Name,
    pub(super) at: At,
    pub(super) commit: Commit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandingVeto {
    pub(super) gate: Option<Name>,
    pub(super) by: Name,
    pub(super) why: Text,
    pub(super) at: At,
    pub(super) is_lifted: bool,
}

/// A finding's state as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingNow {
    Open,
    FixClaimed,
    Retested,
    Closed,
    Reopened,
    Deferred,
    Withdrawn,
    Corrected,
}

impl FindingNow {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FixClaimed => "fix claimed",
            Self::Retested => "retested",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Deferred => "deferred",
            Self::Withdrawn => "withdrawn",
            Self::Corrected => "corrected",
        }
    }

    /// Whether it stands against DONE.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::FixClaimed | Self::Retested | Self::Reopened)
    }
}

impl State {
    /// Takes the step whole, or refuses it and is as before.
    pub fn apply(&mut self, record: &Record, history: &History) -> Result<(), Refusal> {
        moves::apply(self, record, history)?;
        self.seq = record.seq;
        self.at = Some(record.at);
        Ok(())
    }

    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Of the last record; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Of the last record.
    pub fn at(&self) -> Option<At> {
        self.at
    }

    pub fn next_finding(&self) -> FindingId {
        FindingId(self.findings.last_key_value().map_or(1, |(id, _)| id.0.saturating_add(1)))
    }

    pub fn next_veto(&self) -> VetoId {
        VetoId(self.vetoes.last_key_value().map_or(1, |(id, _)| id.0.saturating_add(1)))
    }

    pub fn gate(&self, id: &Name) -> Option<&GatePhase> {
        self.gates.get(id).map(|gate| &gate.phase)
    }

    /// The claim whose reasoning its claimant has to reveal, of those on this gate.
    pub fn promised(&self, gate: &Name) -> Option<u64> {
        let mut owed =
            self.promises.iter().filter(|(_, promise)| promise.gate == *gate && !promise.is_settled);
        owed.next().map(|(seq, _)| *seq)
    }

    pub(super) fn signer(&self, name: &Name) -> Option<&Signer> {
        self.plan.as_ref()?.signers.iter().find(|signer| signer.name == *name)
    }

    pub(super) fn known_gate(&self, id: &Name) -> Result<&Gate, Refusal> {
        let unknown = || Refusal { ground: Ground::Unknown, reason: format!("there is no gate {id}") };
        self.gates.get(id).ok_or_else(unknown)
    }

    pub(super) fn known_finding(&self, id: FindingId) -> Result<&Finding, Refusal> {
        let unknown = || Refusal { ground: Ground::Unknown, reason: format!("there is no finding {id}") };
        self.findings.get(&id).ok_or_else(unknown)
    }
}

impl Finding {
    /// A deferral that has run out is none.
    pub(super) fn now(&self, now: At) -> FindingNow {
        match &self.phase {
            FindingPhase::Open => FindingNow::Open,
            FindingPhase::FixClaimed(_) => FindingNow::FixClaimed,
            FindingPhase::Retested { .. } => FindingNow::Retested,
            FindingPhase::Closed => FindingNow::Closed,
            FindingPhase::Reopened { .. } => FindingNow::Reopened,
            FindingPhase::Deferred { until: Some(until), .. } if *until <= now => FindingNow::Open,
            FindingPhase::Deferred { .. } => FindingNow::Deferred,
            FindingPhase::Withdrawn => FindingNow::Withdrawn,
            FindingPhase::Corrected(_) => FindingNow::Corrected,
        }
    }
}

impl GatePhase {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed(_) => "claimed",
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "failed",
        }
    }

    pub fn claim(&self) -> Option<&StandingClaim> {
        match self {
            Self::Open => None,
            Self::Claimed(claim) | Self::Passed { claim, .. } | Self::Failed { claim, .. } => Some(claim),
        }
    }
}
