//! What people say of an incident, and what it changes.

use std::collections::BTreeSet;

use model::{AcceptBaseline, Effect, OperatorAction, OperatorActionKind};

use super::Core;
use crate::case::What;
use crate::window::OperationKey;

impl Core {
    /// What was seen up to an instant is normal. What came since the last tick stands in no window yet and is not meant.
    pub(super) fn accept_baseline(&mut self, accepted: &AcceptBaseline) {
        let until = accepted.until.0 / self.config.tick_ns();
        let env = |key: &OperationKey| accepted.env.as_ref().is_none_or(|env| *env == key.env);
        let service = |key: &OperationKey| accepted.service.as_ref().is_none_or(|s| *s == key.service);
        self.window.accept(until, |key| env(key) && service(key), &self.config);
    }

    /// An operator's word counts from the last tick on, the time that reports speak of.
    pub(super) fn act(&mut self, action: &OperatorAction) -> Vec<Effect> {
        let now = self.tick;
        let Some(case) = self.cases.get_mut(&action.incident) else { return Vec::new() };
        match &action.kind {
            OperatorActionKind::Acknowledge => case.note(now, What::Acknowledged(action.actor.clone())),
            OperatorActionKind::Comment(text) => {
                case.note(now, What::Comment(action.actor.clone(), text.clone()))
            }
            OperatorActionKind::Resolve => {
                case.resolve_by(&action.actor, now, &mut self.window, &self.config)
            }
            OperatorActionKind::Assign(_)
            | OperatorActionKind::Merge { .. }
            | OperatorActionKind::Split { .. }
            | OperatorActionKind::Silence { .. }
            | OperatorActionKind::AcceptBaseline
            | OperatorActionKind::Link { .. } => {}
        }
        self.publish(&BTreeSet::from([action.incident]))
    }
}
