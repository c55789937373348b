//! What people say of an incident, and what it changes.

use std::collections::BTreeSet;

use model::{Effect, OperatorAction, OperatorActionKind};

use super::Core;
use crate::case::What;

impl Core {
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
