//! How a review stands, in words: for the command, for programs and for the pages. It decides nothing.

use serde::Serialize;

use super::done::{Against, GateNow, StaleBy};
use super::history::History;
use super::state::{Finding, FindingPhase, Gate, State};
use super::waits::Stall;
use super::words::{At, Commit};

/// Predictions within this factor of what was observed are met.
const DURATION_FACTOR: u32 = 2;

/// All of it may hold text from the ledger: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    pub title: String,
    pub done: bool,
    /// What stands against DONE.
    pub against: Vec<String>,
    pub gates: Vec<GateView>,
    pub findings: Vec<FindingView>,
    pub vetoes: Vec<VetoView>,
    /// Reasonings that were promised and can be revealed now.
    pub owed: Vec<String>,
    pub stalls: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateView {
    pub id: String,
    pub title: String,
    pub state: &'static str,
    pub vetoed: bool,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingView {
    pub id: String,
    pub severity: String,
    pub state: &'static str,
    pub open: bool,
    pub gate: Option<String>,
    pub description: String,
    pub detail: String,
    pub predicted: String,
    pub observed: Option<String>,
    pub prediction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VetoView {
    pub id: String,
    pub on: String,
    pub by: String,
    pub at: String,
    pub why: String,
}

/// As it stands at `now`, with `head` checked out.
pub fn view(state: &State, now: At, head: &Commit, history: &History, stalls: &[Stall]) -> View {
    let against: Vec<String> = state.against(now, head, history).iter().map(told_against).collect();
    let standing = || state.vetoes.iter().filter(|(_, veto)| !veto.is_lifted);
    let gates = state.gates.values().map(|gate| {
        let vetoed = standing().any(|(_, veto)| veto.gate.as_ref().is_none_or(|id| *id == gate.spec.id));
        gate_view(gate, vetoed, gate.now(now, head, history))
    });
    let vetoes = standing().map(|(id, veto)| VetoView {
        id: id.to_string(),
        on: veto.gate.as_ref().map_or_else(|| "every gate".to_owned(), |gate| format!("gate {gate}")),
        by: veto.by.to_string(),
        at: veto.at.to_string(),
        why: veto.why.to_string(),
    });
    let owed = state.promises.iter().filter(|(_, promise)| promise.is_judged && !promise.is_settled);
    View {
        title: state.plan.as_ref().map(|plan| plan.title.to_string()).unwrap_or_default(),
        done: against.is_empty(),
        against,
        gates: gates.collect(),
        findings: state.findings.values().map(|finding| finding_view(finding, now)).collect(),
        vetoes: vetoes.collect(),
        owed: owed
            .map(|(seq, promise)| format!("{} has not revealed the reasoning of claim {seq}", promise.by))
            .collect(),
        stalls: stalls.iter().map(told_stall).collect(),
    }
}

fn told_against(against: &Against) -> String {
    match against {
        Against::NoPlan => "there is no plan".to_owned(),
        Against::Gate(id, now) => format!("gate {id} is {}", now.as_str()),
        Against::Veto(id) => format!("veto {id} stands"),
        Against::Finding(id, now) => format!("finding {id} is {}", now.as_str()),
    }
}

fn told_stall(stall: &Stall) -> String {
    match stall {
        Stall::Idle { what, waits, on, since } => {
            let on: Vec<_> = on.iter().map(|name| name.as_str()).collect();
            let on = if on.is_empty() {
                "somebody who is not among the signers".to_owned()
            } else {
                on.join(" or ")
            };
            format!("{waits} waits for {what} by {on}; nothing happened since {since}")
        }
        Stall::Mutual { one, for_other, other, for_one } => {
            format!("{one} and {other} wait for each other: {one} for {for_other}, {other} for {for_one}")
        }
    }
}

fn gate_view(gate: &Gate, vetoed: bool, now: GateNow) -> GateView {
    let verdict = gate.verdicts.last().map(|(outcome, by, at, _)| format!("{outcome} by {by} at {at}"));
    let detail = match (&now, gate.phase.claim()) {
        (GateNow::Claimed, Some(claim)) => {
            format!("record {} by {} at {}: {}", claim.seq, claim.by, claim.commit.short(), claim.says)
        }
        (GateNow::Passed { until }, _) => format!("{}, good until {until}", verdict.unwrap_or_default()),
        (GateNow::Stale(StaleBy::Age { since }), _) => format!("its pass was good until {since}"),
        (GateNow::Stale(StaleBy::Clock { at }), _) => format!("its pass is of {at}, which is still to come"),
        (GateNow::Stale(StaleBy::Commit(commit)), _) => {
            format!("commit {} touched its scope after the pass", commit.short())
        }
        (GateNow::Failed, _) => verdict.unwrap_or_default(),
        (GateNow::Open | GateNow::Claimed, _) => "nothing is claimed".to_owned(),
    };
    GateView {
        id: gate.spec.id.to_string(),
        title: gate.spec.title.to_string(),
        state: now.as_str(),
        vetoed,
        detail,
    }
}

fn finding_view(finding: &Finding, now: At) -> FindingView {
    let find = &finding.find;
    let state = finding.now(now);
    let detail = match &finding.phase {
        FindingPhase::Open => format!("found by {} at {}", finding.by, finding.commit.short()),
        FindingPhase::FixClaimed(fix) => format!("fixed by {} in {}", fix.by, fix.commit.short()),
        FindingPhase::Retested { fix, outcome, by } => {
            format!("fixed by {} in {}; {by}'s re-test: {outcome}", fix.by, fix.commit.short())
        }
        FindingPhase::Closed => format!("closed at {}", finding.active),
        FindingPhase::Reopened { fixer } => format!("{fixer}'s fix did not hold"),
        FindingPhase::Deferred { trigger, until: None } => format!("until {trigger}"),
        FindingPhase::Deferred { trigger, until: Some(until) } => {
            format!("until {trigger}, {until} at the latest")
        }
        FindingPhase::Withdrawn => format!("withdrawn at {}", finding.active),
        FindingPhase::Corrected(by) => format!("said anew as {by}"),
    };
    let observed = finding.observed.as_ref();
    FindingView {
        id: find.id.to_string(),
        severity: find.severity.to_string(),
        state: state.as_str(),
        open: state.is_open(),
        gate: find.gate.as_ref().map(ToString::to_string),
        description: find.description.to_string(),
        detail,
        predicted: format!("{}, for {} s", find.predicted.symptom, find.predicted.duration_s),
        observed: observed.map(|seen| format!("{}, for {} s", seen.symptom, seen.duration_s)),
        prediction: prediction(finding),
    }
}

/// The symptom by the word of whoever looked, the duration by arithmetic.
fn prediction(finding: &Finding) -> &'static str {
    use super::record::Likeness;
    let Some(seen) = &finding.observed else { return "not compared yet" };
    let (a, b) = (finding.find.predicted.duration_s, seen.duration_s);
    let is_near = a <= b.saturating_mul(DURATION_FACTOR) && b <= a.saturating_mul(DURATION_FACTOR);
    match (seen.as_predicted, is_near) {
        (Likeness::Yes, true) => "met",
        (Likeness::Yes, false) => "met, but for its duration",
        (Likeness::Partly, true) => "partly met",
        (Likeness::Partly, false) => "partly met, not in its duration",
        (Likeness::No, _) => "not met",
    }
}
