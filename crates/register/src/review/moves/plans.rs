//! Plans: which gates there are and who signs. A later one takes nothing away.

use std::collections::{BTreeMap, BTreeSet};

use super::Taken;
use crate::review::ground::{Ground, Refusal};
use crate::review::record::{Plan, Role};
use crate::review::state::{Gate, GatePhase, State};

pub(super) fn plan(state: &mut State, taken: &Taken<'_>, plan: &Plan) -> Result<(), Refusal> {
    taken.need_verifier()?;
    well_formed(plan)?;
    if let Some(before) = &state.plan {
        keeps(before, plan)?;
    }
    let mut gates = BTreeMap::new();
    for spec in &plan.gates {
        let gate = match state.gates.remove(&spec.id) {
            // What was claimed or judged was another gate.
            Some(gate) if gate.spec == *spec => gate,
            before => Gate {
                spec: spec.clone(),
                phase: GatePhase::Open,
                active: taken.at(),
                claimant: before.as_ref().and_then(|gate| gate.claimant.clone()),
                fixes: before.as_ref().map(|gate| gate.fixes.clone()).unwrap_or_default(),
                verdicts: before.map(|gate| gate.verdicts).unwrap_or_default(),
            },
        };
        gates.insert(spec.id.clone(), gate);
    }
    for promise in state.promises.values_mut() {
        // A claim that no longer stands gets no verdict.
        promise.is_judged |= matches!(gates.get(&promise.gate), Some(gate) if gate.phase == GatePhase::Open);
    }
    state.gates = gates;
    for signer in plan.signers.iter().filter(|signer| signer.retired) {
        // Who did it first: later plans repeat it.
        state.retired_by.entry(signer.name.clone()).or_insert_with(|| taken.by().clone());
    }
    state.plan = Some(plan.clone());
    Ok(())
}

fn well_formed(plan: &Plan) -> Result<(), Refusal> {
    let gates: BTreeSet<_> = plan.gates.iter().map(|gate| &gate.id).collect();
    let names: BTreeSet<_> = plan.signers.iter().map(|signer| &signer.name).collect();
    let keys: BTreeSet<_> = plan.signers.iter().map(|signer| &signer.key).collect();
    let faults = [
        (plan.gates.is_empty(), "it has no gate"),
        (gates.len() < plan.gates.len(), "two gates have one id"),
        (plan.gates.iter().any(|gate| gate.scope.is_empty()), "a gate has no scope"),
        (names.len() < plan.signers.len(), "two signers have one name"),
        // One person with two names would judge themselves.
        (keys.len() < plan.signers.len(), "two signers have one key"),
        (
            !plan.signers.iter().any(|signer| signer.role == Role::Verifier && !signer.retired),
            "it has no verifier",
        ),
    ];
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, fault)) => Ground::PlanForm.refuse(fault),
        None => Ok(()),
    }
}

fn keeps(before: &Plan, plan: &Plan) -> Result<(), Refusal> {
    for gate in &before.gates {
        if !plan.gates.iter().any(|kept| kept.id == gate.id) {
            return Ground::PlanShrinks.refuse(format!("gate {} is gone", gate.id));
        }
    }
    for signer in &before.signers {
        let name = &signer.name;
        match plan.signers.iter().find(|kept| kept.name == *name) {
            None => return Ground::PlanShrinks.refuse(format!("signer {name} is gone")),
            Some(kept) if kept.role != signer.role => {
                return Ground::PlanShrinks.refuse(format!("signer {name} was a {}", signer.role));
            }
            Some(kept) if kept.key != signer.key => {
                return Ground::PlanShrinks.refuse(format!("signer {name} had another key"));
            }
            Some(kept) if signer.retired && !kept.retired => {
                return Ground::PlanShrinks.refuse(format!("signer {name} was retired"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
