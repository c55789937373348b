//! Who waits for whom, and for how long: what a person would have to notice. It knows no clock and sends nothing.

use std::collections::BTreeSet;

use super::record::Role;
use super::state::{FindingNow, FindingPhase, GatePhase, State};
use super::words::{At, Name};

/// Something that does not move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stall {
    /// Nothing happened for too long where `on` has to act.
    Idle { what: String, waits: Name, on: BTreeSet<Name>, since: At },
    /// Each waits for the other.
    Mutual { one: Name, for_other: String, other: Name, for_one: String },
}

/// One waits for any of the others.
struct Wait {
    what: String,
    /// What they meet at: waits on one gate hold each other up at once.
    gate: Option<Name>,
    waits: Name,
    on: BTreeSet<Name>,
    since: At,
}

/// `idle_s`: for how long nothing may happen before it is told.
pub fn stalls(state: &State, now: At, idle_s: u64) -> Vec<Stall> {
    let waits = waits(state, now);
    let is_idle = |wait: &Wait| now.since(wait.since) >= idle_s;
    let mut stalls = BTreeSet::new();
    for wait in waits.iter().filter(|wait| is_idle(wait)) {
        stalls.insert(Stall::Idle {
            what: wait.what.clone(),
            waits: wait.waits.clone(),
            on: wait.on.clone(),
            since: wait.since,
        });
    }
    for one in &waits {
        for other in &waits {
            let is_mutual =
                one.waits < other.waits && one.on.contains(&other.waits) && other.on.contains(&one.waits);
            let meet = one.gate.is_some() && one.gate == other.gate;
            if is_mutual && (meet || is_idle(one) && is_idle(other)) {
                stalls.insert(Stall::Mutual {
                    one: one.waits.clone(),
                    for_other: one.what.clone(),
                    other: other.waits.clone(),
                    for_one: other.what.clone(),
                });
            }
        }
    }
    stalls.into_iter().collect()
}

fn waits(state: &State, now: At) -> Vec<Wait> {
    let mut waits = Vec::new();
    for (id, gate) in &state.gates {
        let (what, waiting, on) = match &gate.phase {
            GatePhase::Claimed(claim) => {
                (format!("the verdict on gate {id}"), claim.by.clone(), verifiers(state, &claim.by))
            }
            GatePhase::Failed { claim, by } => {
                (format!("what is done about gate {id}"), by.clone(), BTreeSet::from([claim.by.clone()]))
            }
            GatePhase::Open | GatePhase::Passed { .. } => continue,
        };
        waits.push(Wait { what, gate: Some(id.clone()), waits: waiting, on, since: gate.active });
    }
    for (id, finding) in &state.findings {
        let (what, waiting, on) = match (&finding.phase, finding.now(now)) {
            (FindingPhase::FixClaimed(fix) | FindingPhase::Retested { fix, .. }, _) => {
                (format!("the re-test and closing of {id}"), fix.by.clone(), verifiers(state, &fix.by))
            }
            (FindingPhase::Reopened { fixer }, _) => {
                (format!("the fix of {id}"), finding.by.clone(), BTreeSet::from([fixer.clone()]))
            }
            (_, FindingNow::Open) => {
                let claim = finding.find.gate.as_ref().and_then(|gate| state.gate(gate)?.claim());
                let on = claim
                    .map_or_else(|| others(state, &finding.by), |claim| BTreeSet::from([claim.by.clone()]));
                (format!("the fix of {id}"), finding.by.clone(), on)
            }
            _ => continue,
        };
        let gate = finding.find.gate.clone();
        waits.push(Wait { what, gate, waits: waiting, on, since: finding.active });
    }
    waits.retain(|wait| !wait.on.contains(&wait.waits));
    waits
}

fn verifiers(state: &State, but: &Name) -> BTreeSet<Name> {
    signers(state, but, |role| role == Role::Verifier)
}

fn others(state: &State, but: &Name) -> BTreeSet<Name> {
    signers(state, but, |_| true)
}

fn signers(state: &State, but: &Name, fits: impl Fn(Role) -> bool) -> BTreeSet<Name> {
    let signers = state.plan.iter().flat_map(|plan| &plan.signers);
    let fitting = signers.filter(|signer| !signer.retired && signer.name != *but && fits(signer.role));
    fitting.map(|signer| signer.name.clone()).collect()
}
