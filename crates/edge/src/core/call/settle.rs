//! The end of a call that nobody answered as it was hoped: what became of a transaction, and which of the answers that
//! were kept is told. It must never say that a transaction failed while a node may have taken it.

use super::{AnswerKind, Call, CallEffect, Moment, Refusal, Worth};
use crate::core::{Again, Fault, NodeId, Transport, View};

/// Nodes that are asked what became of one transaction.
const LOOK_UPS_MAX: usize = 3;

impl Call {
    /// Nobody is left to be asked. What is under way may still answer.
    pub(super) fn conclude(&mut self, moment: &mut Moment<'_>) {
        if !self.is_open() && !self.look_up(moment) {
            self.end(moment);
        }
    }

    pub(super) fn looked_up(&mut self, node: NodeId, answer: AnswerKind, moment: &mut Moment<'_>) {
        match (answer, self.route.transaction) {
            (AnswerKind::Value, Some(hash)) => self.finish(CallEffect::AnswerAlreadyKnown(hash), moment),
            (AnswerKind::Null, _) => self.not_found.insert(node),
            (AnswerKind::Value | AnswerKind::Error(_), _) => {}
        }
    }

    /// Whatever is known now is told.
    pub(super) fn end(&mut self, moment: &mut Moment<'_>) {
        let told = match self.kept {
            Some(kept) if !self.may_be_accepted() => CallEffect::Answer { attempt: kept.attempt },
            _ => CallEffect::Refuse(self.refusal(moment)),
        };
        self.finish(told, moment);
    }

    /// Whether a node was asked what became of the transaction.
    fn look_up(&mut self, moment: &mut Moment<'_>) -> bool {
        let is_of_interest = self.may_be_accepted() || self.nonce_is_taken_by_another() == Some(false);
        let Some(hash) = self.route.transaction.filter(|_| is_of_interest) else { return false };
        let Some((node, via)) = self.who_may_know(moment.view) else { return false };
        self.looked_at.insert(node);
        let left_ms = self.deadline.since(moment.now);
        let within_ms = self.attempt_ms(node, moment.view).min(left_ms);
        let attempt = self.open(node, via, within_ms, true, moment.now);
        moment.effects.push(CallEffect::LookUp { attempt, node, via, hash, within_ms });
        true
    }

    /// First who refused it, then those who may have taken it, then anyone: transactions travel.
    fn who_may_know(&self, view: &View) -> Option<(NodeId, Transport)> {
        if self.looked_at.len() >= LOOK_UPS_MAX {
            return None;
        }
        let refused_by = self.kept.and_then(|kept| self.attempts.get(kept.attempt as usize));
        let first = refused_by.map(|attempt| attempt.node).into_iter();
        let nodes = first.chain(self.unknown.iter()).chain(view.nodes.iter().map(|node| node.id));
        nodes.filter(|node| !self.looked_at.contains(*node)).find_map(|node| {
            let (_, via) = self.usable_ways(view.node(node)?).next()?;
            Some((node, via))
        })
    }

    /// A node may have taken the transaction, and nothing that is known speaks against it.
    fn may_be_accepted(&self) -> bool {
        let is_denied_by_all = self.unknown.iter().all(|node| self.not_found.contains(node));
        self.route.again == Again::ByHash
            && !is_denied_by_all
            && self.nonce_is_taken_by_another() != Some(true)
    }

    /// Where a node says that the nonce is taken: whether by another transaction, because it does not know this one.
    fn nonce_is_taken_by_another(&self) -> Option<bool> {
        let kept = self.kept.filter(|kept| kept.worth == Worth::NonceTooLow)?;
        let said_by = self.attempts.get(kept.attempt as usize)?.node;
        Some(self.not_found.contains(said_by))
    }

    fn refusal(&self, moment: &Moment<'_>) -> Refusal {
        let waited_ms = moment.now.since(self.came);
        match self.last_fault {
            _ if self.may_be_accepted() => Refusal::FateUnknown { transaction: self.route.transaction },
            None => Refusal::NoNode { waited_ms },
            Some(Fault::RateLimited { retry_after_ms }) => Refusal::RateLimited { retry_after_ms },
            Some(fault) if moment.now >= self.deadline => Refusal::Late { waited_ms, fault },
            Some(fault) => Refusal::Failed { attempts: self.sends, fault },
        }
    }
}
