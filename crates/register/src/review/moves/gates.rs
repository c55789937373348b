//! Gates: `open -> claimed -> passed | failed`, `failed -> open`. Whoever claims does not judge, and only a verdict
//! moves a claim.

use super::Taken;
use crate::review::done::GateNow;
use crate::review::ground::{Ground, Refusal};
use crate::review::reasoning;
use crate::review::record::{Claim, Excuse, Outcome, ReopenGate, Reveal, Verdict};
use crate::review::state::{GatePhase, Promise, StandingClaim, State};
use crate::review::words::Name;

pub(super) fn claim(state: &mut State, taken: &Taken<'_>, claim: &Claim) -> Result<(), Refusal> {
    let id = &claim.gate;
    let gate = state.known_gate(id)?;
    match gate.now(taken.at(), &taken.record.head, taken.history) {
        GateNow::Open | GateNow::Stale(_) => {}
        now => return Ground::GateState.refuse(format!("gate {id} is {}", now.as_str())),
    }
    if taken.record.commit != taken.record.head || !claim.clean {
        return Ground::TreeNotClean.refuse("what is in the tree is not what the commit holds");
    }
    if claim.pushed.is_empty() {
        let commit = taken.commit().short();
        return Ground::NotPushed.refuse(format!("no branch of a remote has {commit}"));
    }
    let owed = |promise: &&Promise| promise.gate == *id && promise.is_judged && !promise.is_settled;
    if let Some(promise) = state.promises.values().find(owed) {
        return Ground::RevealOwed.refuse(format!("{} has not revealed the last reasoning", promise.by));
    }
    if let Some(digest) = &claim.reasoning {
        let promise = Promise {
            gate: id.clone(),
            by: taken.by().clone(),
            digest: digest.clone(),
            is_judged: false,
            is_settled: false,
        };
        state.promises.insert(taken.record.seq, promise);
    }
    let standing = StandingClaim {
        seq: taken.record.seq,
        by: taken.by().clone(),
        at: taken.at(),
        commit: taken.commit().clone(),
        says: claim.says.clone(),
        check: claim.check.clone(),
        expected: claim.expected.clone(),
    };
    set(state, id, taken, GatePhase::Claimed(standing));
    if let Some(gate) = state.gates.get_mut(id) {
        gate.claimant = Some(taken.by().clone());
    }
    Ok(())
}

pub(super) fn verdict(state: &mut State, taken: &Taken<'_>, verdict: &Verdict) -> Result<(), Refusal> {
    let id = &verdict.gate;
    let gate = state.known_gate(id)?;
    let GatePhase::Claimed(claim) = &gate.phase else {
        return Ground::GateState.refuse(format!("gate {id} is {}, not claimed", gate.phase.as_str()));
    };
    if claim.by == *taken.by() {
        return Ground::SelfReview.refuse(format!("{} claimed gate {id}", claim.by));
    }
    if let Some((by, commit)) = gate.fixes.iter().find(|(by, _)| by == taken.by()) {
        return Ground::SelfReview.refuse(format!("{by} fixed a finding of gate {id} in {}", commit.short()));
    }
    taken.need_verifier()?;
    if claim.seq != verdict.claim {
        return Ground::Unknown.refuse(format!("the claim on gate {id} is record {}", claim.seq));
    }
    if claim.commit != *taken.commit() {
        let (judged, claimed) = (taken.commit().short(), claim.commit.short());
        return Ground::EvidenceCommit.refuse(format!("{judged} is judged, {claimed} is claimed"));
    }
    taken.need_evidence(&verdict.evidence)?;
    if verdict.controls.is_empty() {
        return Ground::NoControl.refuse("no negative control is cited");
    }
    taken.need_evidence(&verdict.controls)?;
    let touched = taken.history.touched(&claim.commit, &taken.record.head, &gate.spec.scope);
    if let Some(commit) = touched.filter(|_| verdict.outcome == Outcome::Pass) {
        let commit = commit.id.short();
        return Ground::TouchedSince
            .refuse(format!("{commit} touches the scope of gate {id} since the claim"));
    }
    let (claim, by, at) = (claim.clone(), taken.by().clone(), taken.at());
    if let Some(promise) = state.promises.get_mut(&claim.seq) {
        promise.is_judged = true;
    }
    if let Some(gate) = state.gates.get_mut(id) {
        gate.verdicts.push((verdict.outcome, by.clone(), at, claim.commit.clone()));
        if verdict.outcome == Outcome::Pass {
            gate.fixes.retain(|(_, fix)| !taken.history.is_in(fix, &claim.commit));
        }
    }
    let phase = match verdict.outcome {
        Outcome::Pass => GatePhase::Passed { claim, by, at },
        Outcome::Fail => GatePhase::Failed { claim, by },
    };
    set(state, id, taken, phase);
    Ok(())
}

pub(super) fn reveal(state: &mut State, taken: &Taken<'_>, reveal: &Reveal) -> Result<(), Refusal> {
    let seq = reveal.claim;
    let Some(promise) = state.promises.get_mut(&seq).filter(|promise| !promise.is_settled) else {
        return Ground::Unknown.refuse(format!("record {seq} is no claim whose reasoning is still hidden"));
    };
    if !promise.is_judged {
        return Ground::HiddenYet.refuse(format!("the claim on gate {} has no verdict yet", promise.gate));
    }
    let is_theirs = promise.by == *taken.by();
    if !is_theirs || reasoning::digest(&reveal.salt, &reveal.reasoning) != promise.digest {
        return Ground::OtherReasoning.refuse(format!("it is not what {} claimed with", promise.by));
    }
    promise.is_settled = true;
    Ok(())
}

/// Whoever claimed is not the one to say that the reasoning is lost.
pub(super) fn excuse(state: &mut State, taken: &Taken<'_>, excuse: &Excuse) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let seq = excuse.claim;
    let Some(promise) = state.promises.get_mut(&seq).filter(|promise| !promise.is_settled) else {
        return Ground::Unknown.refuse(format!("record {seq} is no claim whose reasoning is still hidden"));
    };
    if promise.by == *taken.by() {
        return Ground::SelfReview.refuse(format!("{} made claim {seq}", promise.by));
    }
    if !promise.is_judged {
        return Ground::HiddenYet.refuse(format!("the claim on gate {} has no verdict yet", promise.gate));
    }
    promise.is_settled = true;
    Ok(())
}

pub(super) fn reopen(state: &mut State, taken: &Taken<'_>, reopen: &ReopenGate) -> Result<(), Refusal> {
    let id = &reopen.gate;
    let gate = state.known_gate(id)?;
    if !matches!(gate.phase, GatePhase::Failed { .. }) {
        return Ground::GateState.refuse(format!("gate {id} is {}, not failed", gate.phase.as_str()));
    }
    set(state, id, taken, GatePhase::Open);
    Ok(())
}

fn set(state: &mut State, id: &Name, taken: &Taken<'_>, phase: GatePhase) {
    if let Some(gate) = state.gates.get_mut(id) {
        gate.phase = phase;
        gate.active = taken.at();
    }
}
