//! What has to hold of calls: of each step, of each answer, and of all of them. It must never change anything of a call.

use devnet::chain::Hash;
use edge::core::{Again, CallEffect, Head, NodeId, Refusal, Standing, Transport, View};
use serde_json::value::RawValue;

use super::super::super::request::{Verdict, Wish};
use super::{Member, Stage};

/// Of so many calls one may be asked of a second node while the first may answer.
const CALLS_OF_A_HEDGE: u64 = 20;

impl Stage {
    pub(super) fn is_wrong(&mut self, call: u64, what: &str) {
        let wish = self.calls.flights.get(&call).map(|flight| &flight.request.wish);
        let what = match wish {
            Some(Wish::Transaction { hash, .. }) => format!("request {call} (transaction {hash}): {what}"),
            Some(wish) => format!("request {call} ({wish:?}): {what}"),
            None => format!("request {call}: {what}"),
        };
        self.wrong.get_or_insert(what);
    }

    /// Of one step: nothing but what is given up comes with the answer or after it.
    pub(super) fn judge_ends(&mut self, call: u64, effects: &[CallEffect]) {
        let is_end = |effect: &CallEffect| {
            matches!(
                effect,
                CallEffect::Answer { .. } | CallEffect::AnswerAlreadyKnown(_) | CallEffect::Refuse(_)
            )
        };
        let Some(end) = effects.iter().position(is_end) else { return };
        let is_more =
            |effect: &&CallEffect| !matches!(effect, CallEffect::Abandon { .. } | CallEffect::Overdue { .. });
        if let Some(effect) = effects.iter().skip(end + 1).find(is_more) {
            self.is_wrong(call, &format!("{effect:?} after its answer"));
        }
    }

    /// Before it is carried out.
    pub(super) fn judge_effect(&mut self, call: u64, effect: &CallEffect, view: &View) {
        let (node, via, within_ms) = match effect {
            CallEffect::Send { node, via, within_ms, .. } => (*node, *via, *within_ms),
            CallEffect::LookUp { node, via, within_ms, .. } => (*node, *via, *within_ms),
            _ => return,
        };
        let standing =
            |node: NodeId, via: Transport| view.node(node).map_or(Standing::Out, |node| node.standing(via));
        let attempts_max = self.calls.plan.limits.attempts_max;
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        let is_look_up = matches!(effect, CallEffect::LookUp { .. });
        let is_beside = flight
            .sent
            .iter()
            .any(|sent| sent.is_waited_for && standing(sent.id, sent.via) < Standing::Silent);
        flight.sends += u32::from(!is_look_up);
        let sends = flight.sends;
        let wrong = if matches!(standing(node, via), Standing::Out | Standing::Leaving) {
            Some(format!("node {} is asked and is {:?}", node.0, standing(node, via)))
        } else if within_ms == 0 || self.now + within_ms > flight.deadline {
            Some(format!("{within_ms} ms are given to an attempt"))
        } else if flight.sent.iter().any(|sent| sent.is_waited_for && sent.id == node) {
            Some(format!("node {} is asked twice at once", node.0))
        } else if flight.is_reverted {
            Some(format!("it reverted, and node {} is asked as well", node.0))
        } else if sends > attempts_max {
            Some(format!("it is asked {sends} times"))
        } else {
            None
        };
        let is_hedge = is_beside && !is_look_up && flight.route.again != Again::ByHash;
        if let Some(wrong) = wrong {
            self.is_wrong(call, &wrong);
        }
        if is_hedge {
            self.judge_hedge(call);
        }
    }

    fn judge_hedge(&mut self, call: u64) {
        self.tally.hedges += 1;
        self.calls.hedges += 1;
        let (hedges, begun) = (self.calls.hedges, self.calls.begun);
        if hedges * CALLS_OF_A_HEDGE > begun {
            self.is_wrong(call, &format!("{hedges} hedges of {begun} calls are too many"));
        }
    }

    /// A node may have done what must not be done twice.
    pub(super) fn may_have_acted(&mut self, call: u64) {
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        flight.acted += u32::from(flight.request.wish == Wish::Once);
        if flight.acted > 1 {
            self.is_wrong(call, "it is done twice");
        }
    }

    pub(super) fn judge_answer(&mut self, call: u64, answer: &[u8], refusal: Option<Refusal>) {
        let Some(flight) = self.calls.flights.get(&call) else { return };
        let said = flight.request.said(answer);
        let verdict = said
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|said| flight.request.judged(said, self.floor(flight.told), &self.net));
        let verdict = match (verdict, self.now > flight.deadline) {
            (Err(what), _) => return self.is_wrong(call, &what),
            (Ok(_), true) => return self.is_wrong(call, "it is answered after its time"),
            (Ok(verdict), false) => verdict,
        };
        let told = match said {
            Ok(said) => format!("{said:?}"),
            Err(_) => String::new(),
        };
        match flight.request.wish {
            Wish::Transaction { .. } => self.judge_transaction(call, verdict, refusal, &told),
            Wish::Once => {}
            _ => self.judge_read(call, verdict, &told),
        }
    }

    /// The height that no answer about the head may be below. What was reorganised away while it was under way binds nobody: a node
    /// that is late is lower on the new branch.
    fn floor(&self, told: Option<Head>) -> u64 {
        told.filter(|head| self.stands(head)).map_or(0, |head| head.number)
    }

    /// While one node is well, no read fails, and what stands is found.
    fn judge_read(&mut self, call: u64, verdict: Verdict, told: &str) {
        let Some(flight) = self.calls.flights.get(&call) else { return };
        let Some(well) = self.watched.was_well(flight.came) else { return };
        match verdict {
            Verdict::Answered => {}
            Verdict::NotFound if !flight.was_settled || !self.is_settled(&flight.request.wish) => {}
            Verdict::NotFound => {
                self.is_wrong(call, &format!("it is not found, and node {well} was well all the time"));
            }
            Verdict::Failed => {
                self.is_wrong(call, &format!("it fails, and node {well} was well all the time: {told}"));
            }
        }
    }

    /// It is not told as failed when a node took it, nor as taken when none did.
    fn judge_transaction(&mut self, call: u64, verdict: Verdict, refusal: Option<Refusal>, told: &str) {
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        let Wish::Transaction { hash, is_new, .. } = flight.request.wish else { return };
        let is_uncertain = matches!(refusal, Some(Refusal::FateUnknown { .. }));
        let is_done = verdict == Verdict::Answered;
        flight.is_told_failed = !is_done && !is_uncertain;
        let (is_told_failed, is_taken, came) = (flight.is_told_failed, flight.is_taken, flight.came);
        let well = self.watched.was_well(came);
        let is_sure = is_new && !self.calls.rivalled.contains(&hash);
        if is_told_failed && is_taken && self.is_there(&hash) {
            self.is_wrong(call, &format!("a node took it, and it is told as failed: {told}"));
        } else if is_done && !self.calls.taken_transactions.contains(&hash) {
            self.is_wrong(call, "it is told as taken, and no node took it");
        } else if let (false, true, Some(well)) = (is_done, is_sure, well) {
            self.is_wrong(call, &format!("it fails, and node {well} was well all the time: {told}"));
        }
    }

    /// Whoever took it may have ended with it.
    fn is_there(&self, transaction: &Hash) -> bool {
        let network = &self.net.network;
        let mut nodes = 0..self.plan.nodes.len();
        nodes.any(|node| network.knows(node, transaction, self.now))
            || network.chain().with_transaction(transaction).next().is_some()
    }

    /// At the end.
    pub(in super::super) fn judge_calls(&self) -> Result<(), String> {
        match self.calls.open.first() {
            Some(call) => Err(format!("request {call} is never answered")),
            None => Ok(()),
        }
    }
}

/// Each request of a message has its answer at its place.
pub(super) fn batch(answer: &[u8], members: &[Member]) -> Result<(), String> {
    let read = serde_json::from_slice::<Vec<&RawValue>>(answer);
    let answers = read.map_err(|error| format!("the answers of its message cannot be read: {error}"))?;
    if answers.len() != members.len() {
        return Err(format!("{} answers come to {} requests in one message", answers.len(), members.len()));
    }
    let mut pairs = answers.iter().zip(members);
    pairs.try_for_each(|(answer, (_, request, _))| request.said(answer.get().as_bytes()).map(drop))
}
