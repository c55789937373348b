//! What people say of an incident, and what it changes. `judge` is asked twice: by the server before it journals an
//! action, and here when the action's turn comes, for much may have happened in between.

use std::collections::BTreeSet;

use model::{
    AcceptBaseline, ActionOutcome, Effect, IncidentId, IncidentState, Link, Nanos, OperatorAction,
    OperatorActionKind, Str,
};

use super::{CASES_MAX, Core, Engine};
use crate::case::{Case, What};
use crate::refusal::Refusal;
use crate::window::{OperationKey, Scope};

/// Of so many symptoms the report says what was accepted as normal.
const ACCEPTED_SHOWN_MAX: usize = 3;

impl Engine {
    /// Whether an action would change something, as everything stands now.
    pub fn judge(&self, action: &OperatorAction) -> Result<(), Refusal> {
        self.core.judge(action)
    }
}

impl Core {
    /// What was seen up to an instant is normal. What came since the last tick stands in no window yet and is not meant.
    pub(super) fn accept_baseline(&mut self, accepted: &AcceptBaseline) {
        let until = accepted.until.0 / self.config.tick_ns();
        let scope = Scope { env: accepted.env.clone(), service: accepted.service.clone() };
        self.window.accept(until, &scope, &self.config);
    }

    /// An operator's word counts from the last tick on, the time that reports speak of.
    pub(super) fn act(&mut self, action: &OperatorAction) -> Vec<Effect> {
        if let Err(refusal) = self.judge(action) {
            let reason = refusal.to_string().into();
            return vec![Effect::ActionSettled(ActionOutcome::Refused { reason })];
        }
        let other = self.carry_out(action);
        let mut touched = BTreeSet::from([action.incident]);
        touched.extend(other);
        let mut effects = self.keep_traces(&touched);
        effects.extend(self.publish(&touched));
        // What was absorbed has had its last report; from here on the store answers for it.
        self.cases.retain(|_, case| case.attention.merged_into.is_none());
        let other = other.filter(|_| matches!(action.kind, OperatorActionKind::Split { .. }));
        effects.push(Effect::ActionSettled(ActionOutcome::Done { other }));
        effects
    }

    fn judge(&self, action: &OperatorAction) -> Result<(), Refusal> {
        let id = action.incident;
        let case = self.cases.get(&id).ok_or(Refusal::Closed(id))?;
        match &action.kind {
            OperatorActionKind::Acknowledge
            | OperatorActionKind::Assign(_)
            | OperatorActionKind::Comment(_) => Ok(()),
            OperatorActionKind::Resolve | OperatorActionKind::AcceptBaseline => self.require_live(case),
            OperatorActionKind::Merge { into } => self.judge_merge(case, *into),
            OperatorActionKind::Split { services } => self.judge_split(case, services),
            OperatorActionKind::Silence { until } if *until <= self.tick => {
                Err(Refusal::SilenceInThePast(*until))
            }
            OperatorActionKind::Silence { .. } => Ok(()),
            OperatorActionKind::Link { url, .. } if !case.attention.has_room_for(url) => {
                Err(Refusal::TooManyLinks(id))
            }
            OperatorActionKind::Link { .. } => Ok(()),
        }
    }

    fn require_live(&self, case: &Case) -> Result<(), Refusal> {
        if case.state == IncidentState::Resolved { Err(Refusal::Resolved(case.id)) } else { Ok(()) }
    }

    fn judge_merge(&self, case: &Case, into: IncidentId) -> Result<(), Refusal> {
        if case.id == into {
            return Err(Refusal::IntoItself(into));
        }
        let target = self.cases.get(&into).ok_or(Refusal::Closed(into))?;
        self.require_live(case)?;
        self.require_live(target)?;
        if case.env != target.env {
            return Err(Refusal::OtherEnvironment { of: case.env.clone(), into: target.env.clone() });
        }
        Ok(())
    }

    fn judge_split(&self, case: &Case, services: &[Str]) -> Result<(), Refusal> {
        self.require_live(case)?;
        let own = case.services();
        if let Some(stranger) = services.iter().find(|service| !own.contains(service)) {
            return Err(Refusal::NoSymptomOf(stranger.clone()));
        }
        match services.iter().collect::<BTreeSet<_>>().len() {
            0 => Err(Refusal::NoServices),
            all if all == own.len() => Err(Refusal::AllServices),
            _ if self.cases.len() >= CASES_MAX => Err(Refusal::NoRoom),
            _ => Ok(()),
        }
    }

    /// Returns the other incident that it touched.
    fn carry_out(&mut self, action: &OperatorAction) -> Option<IncidentId> {
        let (now, id, actor) = (self.tick, action.incident, &action.actor);
        match &action.kind {
            OperatorActionKind::Merge { into } => self.merge(id, *into, actor),
            OperatorActionKind::Split { services } => self.split(id, services, actor),
            OperatorActionKind::AcceptBaseline => {
                self.accept_present(id, actor);
                None
            }
            OperatorActionKind::Resolve => {
                let case = self.cases.get_mut(&id)?;
                case.resolve_by(What::ResolvedBy(actor.clone()), now, &mut self.window, &self.config);
                None
            }
            OperatorActionKind::Comment(text) => {
                self.cases.get_mut(&id)?.note(now, What::Comment(actor.clone(), text.clone()));
                None
            }
            noted => {
                self.cases.get_mut(&id)?.take_note(now, actor, noted);
                None
            }
        }
    }

    pub(super) fn merge(&mut self, id: IncidentId, into: IncidentId, actor: &Str) -> Option<IncidentId> {
        let mut absorbed = self.cases.remove(&id)?;
        let target = self.cases.get_mut(&into);
        if let Some(target) = target {
            target.absorb(&mut absorbed, actor, self.tick, &mut self.window, &self.config);
        }
        self.cases.insert(id, absorbed);
        self.track_chain(into);
        Some(into)
    }

    fn split(&mut self, id: IncidentId, services: &[Str], actor: &Str) -> Option<IncidentId> {
        let services: BTreeSet<Str> = services.iter().cloned().collect();
        let part = self.cases.get_mut(&id)?.split_off(&services, actor, self.tick);
        let new = part.id;
        self.cases.insert(new, part);
        for id in [id, new] {
            let chain = self.chain(id);
            let case = self.cases.get_mut(&id)?;
            case.keep_operations(&chain);
            case.opening = case.wanted(&self.window);
        }
        Some(new)
    }

    /// The operations that an incident's failure passes through.
    fn chain(&self, id: IncidentId) -> BTreeSet<OperationKey> {
        let origin = self.cases.get(&id).and_then(|case| self.vote(case));
        origin.map(|origin| origin.hops.into_iter().chain(origin.edges).collect()).unwrap_or_default()
    }

    /// What the symptoms do now is what their families are measured by from here on.
    fn accept_present(&mut self, id: IncidentId, actor: &Str) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let tick = self.tick.0 / self.config.tick_ns();
        let mut accepted = Vec::new();
        for (family, member) in &case.members {
            let present = self.window.accept_present(family, member.norm, member.onset, tick, &self.config);
            if accepted.len() < ACCEPTED_SHOWN_MAX {
                accepted.push((family.clone(), present));
            }
        }
        for family in &case.beyond {
            self.window.accept_unseen(family, case.onset, tick, &self.config);
        }
        let what = What::BaselineAccepted(actor.clone(), accepted);
        case.resolve_by(what, self.tick, &mut self.window, &self.config);
    }
}

impl Case {
    /// What is only remembered. Said again it is no news.
    fn take_note(&mut self, now: Nanos, actor: &Str, kind: &OperatorActionKind) {
        let before = self.attention.clone();
        let attention = &mut self.attention;
        let what = match kind {
            OperatorActionKind::Acknowledge => {
                if attention.acknowledged.as_ref().is_none_or(|(by, _)| by != actor) {
                    attention.acknowledged = Some((actor.clone(), now));
                }
                What::Acknowledged(actor.clone())
            }
            OperatorActionKind::Assign(to) => {
                attention.assignee.clone_from(to);
                What::Assigned(actor.clone(), to.clone())
            }
            OperatorActionKind::Silence { until } => {
                attention.silenced_until = Some(*until);
                What::Silenced(actor.clone(), *until)
            }
            OperatorActionKind::Link { url, title } => {
                attention.link(Link { url: url.clone(), title: title.clone(), by: actor.clone() });
                What::Linked(actor.clone(), url.clone(), title.clone())
            }
            _ => return,
        };
        if self.attention != before {
            self.attention.row_is_due = true;
            self.note(now, what);
        }
    }
}
