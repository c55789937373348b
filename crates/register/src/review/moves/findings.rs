//! Findings: `open -> fix_claimed -> retested -> closed | reopened`, beside it `deferred`, `withdrawn` and
//! `corrected`. Whoever fixed does not close, and nothing is closed but after a re-test newer than the fix.

use std::collections::BTreeSet;

use super::Taken;
use crate::review::ground::{Ground, Refusal};
use crate::review::record::{Close, Defer, Find, Fix, Observe, Outcome, ReopenFinding, Retest, Withdraw};
use crate::review::state::{Finding, FindingNow, FindingPhase, Observed, StandingFix, State};
use crate::review::words::FindingId;

pub(super) fn find(state: &mut State, taken: &Taken<'_>, find: &Find) -> Result<(), Refusal> {
    let next = state.next_finding();
    if find.id != next {
        return Ground::Numbering.refuse(format!("the next finding is {next}"));
    }
    if let Some(gate) = &find.gate {
        state.known_gate(gate)?;
    }
    let mut fixers = BTreeSet::new();
    if let Some(corrected) = find.corrects {
        taken.need_verifier()?;
        let finding = state.known_finding(corrected)?;
        let now = finding.now(taken.at());
        if !now.is_open() && now != FindingNow::Deferred {
            return Ground::FindingState.refuse(format!("{corrected} is {}", now.as_str()));
        }
        need_other(state, finding, taken)?;
        // Else it would be theirs to settle once it has another number.
        fixers.clone_from(&finding.fixers);
        set(state, corrected, taken, FindingPhase::Corrected(find.id));
    }
    let finding = Finding {
        find: find.clone(),
        by: taken.by().clone(),
        commit: taken.commit().clone(),
        phase: FindingPhase::Open,
        active: taken.at(),
        fixers,
        observed: None,
    };
    state.findings.insert(find.id, finding);
    Ok(())
}

pub(super) fn observe(state: &mut State, taken: &Taken<'_>, observe: &Observe) -> Result<(), Refusal> {
    let id = observe.finding;
    let finding = state.known_finding(id)?;
    let now = finding.now(taken.at());
    if !now.is_open() && now != FindingNow::Deferred {
        return wrong(finding, id, taken);
    }
    let phase = finding.phase.clone();
    let observed = Observed {
        symptom: observe.symptom.clone(),
        duration_s: observe.duration_s,
        as_predicted: observe.as_predicted,
    };
    set(state, id, taken, phase);
    if let Some(finding) = state.findings.get_mut(&id) {
        finding.observed = Some(observed);
    }
    Ok(())
}

pub(super) fn fix(state: &mut State, taken: &Taken<'_>, fix: &Fix) -> Result<(), Refusal> {
    let id = fix.finding;
    let finding = state.known_finding(id)?;
    need(finding, id, taken, &[FindingNow::Open, FindingNow::Reopened])?;
    let (found, fixed) = (&finding.commit, taken.commit());
    if found == fixed || !taken.history.is_in(found, fixed) {
        let (found, fixed) = (found.short(), fixed.short());
        return Ground::FixOld.refuse(format!("{id} was found at {found}, and {fixed} is not newer"));
    }
    let fixed = fixed.clone();
    let fix = StandingFix { by: taken.by().clone(), at: taken.at(), commit: fixed.clone() };
    set(state, id, taken, FindingPhase::FixClaimed(fix));
    let Some(finding) = state.findings.get_mut(&id) else { return Ok(()) };
    finding.fixers.insert(taken.by().clone());
    let gate = finding.find.gate.clone();
    if let Some(gate) = gate.and_then(|gate| state.gates.get_mut(&gate)) {
        gate.fixes.push((taken.by().clone(), fixed));
    }
    Ok(())
}

pub(super) fn retest(state: &mut State, taken: &Taken<'_>, retest: &Retest) -> Result<(), Refusal> {
    let id = retest.finding;
    let finding = state.known_finding(id)?;
    let FindingPhase::FixClaimed(fix) = &finding.phase else {
        return wrong(finding, id, taken);
    };
    if fix.by == *taken.by() {
        return Ground::SelfReview.refuse(format!("{} fixed {id}", fix.by));
    }
    taken.need_verifier()?;
    if !taken.history.is_in(&fix.commit, taken.commit()) {
        let (tested, fixed) = (taken.commit().short(), fix.commit.short());
        return Ground::RetestOld.refuse(format!("{tested} is tested, and the fix is {fixed}"));
    }
    taken.need_evidence(&retest.evidence)?;
    if let Some(old) = retest.evidence.iter().find(|each| each.at <= fix.at) {
        return Ground::EvidenceOld.refuse(format!("evidence is of {}, the fix of {}", old.at, fix.at));
    }
    let phase = FindingPhase::Retested { fix: fix.clone(), outcome: retest.outcome, by: taken.by().clone() };
    set(state, id, taken, phase);
    Ok(())
}

pub(super) fn close(state: &mut State, taken: &Taken<'_>, close: &Close) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let id = close.finding;
    let finding = state.known_finding(id)?;
    let FindingPhase::Retested { fix, outcome, .. } = &finding.phase else {
        return wrong(finding, id, taken);
    };
    if fix.by == *taken.by() {
        return Ground::SelfReview.refuse(format!("{} fixed {id}", fix.by));
    }
    if *outcome == Outcome::Fail {
        return Ground::RetestFailed.refuse(format!("the re-test of {id} failed"));
    }
    if finding.observed.is_none() {
        return Ground::NotObserved.refuse(format!("nothing was recorded as observed of {id}"));
    }
    set(state, id, taken, FindingPhase::Closed);
    Ok(())
}

pub(super) fn reopen(state: &mut State, taken: &Taken<'_>, reopen: &ReopenFinding) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let id = reopen.finding;
    let finding = state.known_finding(id)?;
    let phase = match &finding.phase {
        FindingPhase::Retested { fix, .. } => FindingPhase::Reopened { fixer: fix.by.clone() },
        FindingPhase::Deferred { .. } => FindingPhase::Open,
        _ => return wrong(finding, id, taken),
    };
    set(state, id, taken, phase);
    Ok(())
}

pub(super) fn defer(state: &mut State, taken: &Taken<'_>, defer: &Defer) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let id = defer.finding;
    let finding = state.known_finding(id)?;
    need(finding, id, taken, &[FindingNow::Open, FindingNow::Reopened])?;
    need_other(state, finding, taken)?;
    let phase = FindingPhase::Deferred { trigger: defer.trigger.clone(), until: defer.until };
    set(state, id, taken, phase);
    Ok(())
}

pub(super) fn withdraw(state: &mut State, taken: &Taken<'_>, withdraw: &Withdraw) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let id = withdraw.finding;
    let finding = state.known_finding(id)?;
    let now = finding.now(taken.at());
    if !now.is_open() && now != FindingNow::Deferred {
        return wrong(finding, id, taken);
    }
    need_other(state, finding, taken)?;
    set(state, id, taken, FindingPhase::Withdrawn);
    Ok(())
}

fn need(finding: &Finding, id: FindingId, taken: &Taken<'_>, allowed: &[FindingNow]) -> Result<(), Refusal> {
    if allowed.contains(&finding.now(taken.at())) { Ok(()) } else { wrong(finding, id, taken) }
}

/// Whoever fixed it, or claimed its gate, does not settle it.
fn need_other(state: &State, finding: &Finding, taken: &Taken<'_>) -> Result<(), Refusal> {
    let (id, by) = (finding.find.id, taken.by());
    if finding.fixers.contains(by) {
        return Ground::SelfReview.refuse(format!("{by} fixed {id}"));
    }
    let gate = finding.find.gate.as_ref().and_then(|gate| state.gates.get(gate));
    match gate.filter(|gate| gate.claimant.as_ref() == Some(by)) {
        Some(gate) => {
            Ground::SelfReview.refuse(format!("{by} claimed gate {}, of which {id} is", gate.spec.id))
        }
        None => Ok(()),
    }
}

fn wrong(finding: &Finding, id: FindingId, taken: &Taken<'_>) -> Result<(), Refusal> {
    Ground::FindingState.refuse(format!("{id} is {}", finding.now(taken.at()).as_str()))
}

fn set(state: &mut State, id: FindingId, taken: &Taken<'_>, phase: FindingPhase) {
    if let Some(finding) = state.findings.get_mut(&id) {
        finding.phase = phase;
        finding.active = taken.at();
    }
}
