//! Vetoes lie over a gate, or over all of them, and change no state of it. Who made one lifts it.

use super::Taken;
use crate::review::ground::{Ground, Refusal};
use crate::review::record::{Lift, Veto};
use crate::review::state::{StandingVeto, State};

pub(super) fn veto(state: &mut State, taken: &Taken<'_>, veto: &Veto) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let next = state.next_veto();
    if veto.id != next {
        return Ground::Numbering.refuse(format!("the next veto is {next}"));
    }
    if let Some(gate) = &veto.gate {
        state.known_gate(gate)?;
    }
    let standing = StandingVeto {
        gate: veto.gate.clone(),
        by: taken.by().clone(),
        why: veto.why.clone(),
        at: taken.at(),
        is_lifted: false,
    };
    state.vetoes.insert(veto.id, standing);
    Ok(())
}

pub(super) fn lift(state: &mut State, taken: &Taken<'_>, lift: &Lift) -> Result<(), Refusal> {
    taken.need_verifier()?;
    let id = lift.veto;
    let Some(veto) = state.vetoes.get(&id).filter(|veto| !veto.is_lifted) else {
        return Ground::Unknown.refuse(format!("no veto {id} stands"));
    };
    let is_left_behind = state.signer(&veto.by).is_none_or(|signer| signer.retired);
    if veto.by != *taken.by() && !is_left_behind {
        return Ground::OthersVeto.refuse(format!("{} made {id}", veto.by));
    }
    if veto.by != *taken.by() && state.retired_by.get(&veto.by) == Some(taken.by()) {
        return Ground::OthersVeto.refuse(format!(
            "{} made {id}, and {} retired {}",
            veto.by,
            taken.by(),
            veto.by
        ));
    }
    if let Some(veto) = state.vetoes.get_mut(&id) {
        veto.is_lifted = true;
    }
    Ok(())
}
