//! One call, from a client's request to the one answer it gets: which node is asked, when another is, and what is told
//! when none can. It must never know a byte of what is asked or answered.

mod asked;
mod choose;
mod effect;
mod pace;
mod refusal;
mod settle;

use smallvec::SmallVec;

use super::{
    Again, Class, Fault, Meaning, Millis, Needs, NodeId, NodeSet, OnNull, Route, Standing, Transport, View,
};
use asked::Asked;
use choose::{Candidate, Choice, Whom};

pub use effect::{AnswerKind, CallEffect, CallEffects, CallInput, CallLimits, Ways};
pub use pace::Pace;
pub use refusal::Refusal;

/// Attempts of one call, whatever the configuration says.
const ATTEMPTS_MAX: u32 = 64;
/// Nodes that a transaction is broadcast to at once.
const BROADCAST_NODES_MAX: u32 = 3;
/// Where the budget has nothing left, it is looked at again after this.
const BUDGET_WAIT_MS: u64 = 100;
/// Since the call began: nodes that may have what it needs in a moment are waited for, before a node's trouble is told, or that
/// there is no block that was told.
const CATCH_UP_MS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Attempt {
    node: NodeId,
    via: Transport,
    sent_at: Millis,
    until: Millis,
    /// When it takes longer than its node usually does; `None` once that was said.
    overdue_at: Option<Millis>,
    is_open: bool,
    is_look_up: bool,
}

/// An answer that is told if nobody has a better one. The better, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// The node's own trouble, in its own words.
    NodeError,
    MethodMissing,
    Null,
    /// A node refused the transaction.
    Rejection,
    NonceTooLow,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    attempt: u32,
    worth: Worth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Open,
    Done,
}

#[derive(Debug, Clone)]
pub struct Call {
    route: Route,
    limits: CallLimits,
    ways: Ways,
    /// Its client waits since then.
    came: Millis,
    /// When its turn came: one of a batch may have waited for others.
    began: Millis,
    deadline: Millis,
    phase: Phase,
    /// Their places are their numbers.
    attempts: SmallVec<[Attempt; 3]>,
    asked: Asked,
    sends: u32,
    hedge_at: Option<Millis>,
    resume_at: Option<Millis>,
    kept: Option<Kept>,
    last_fault: Option<Fault>,
    /// Nodes that may have done what was asked, though they did not say so.
    unknown: NodeSet,
    looked_at: NodeSet,
    /// Nodes that do not know the transaction.
    not_found: NodeSet,
}

/// What a step looks at and writes to.
struct Moment<'a> {
    now: Millis,
    view: &'a View,
    pace: &'a mut Pace,
    effects: CallEffects,
}

impl Call {
    pub fn new(came: Millis, route: Route, limits: CallLimits, ways: Ways) -> Self {
        let limits = CallLimits { attempts_max: limits.attempts_max.clamp(1, ATTEMPTS_MAX), ..limits };
        Self {
            route,
            limits,
            ways,
            came,
            began: came,
            deadline: came.plus(limits.deadline_ms),
            phase: Phase::New,
            attempts: SmallVec::new(),
            asked: Asked::default(),
            sends: 0,
            hedge_at: None,
            resume_at: None,
            kept: None,
            last_fault: None,
            unknown: NodeSet::EMPTY,
            looked_at: NodeSet::EMPTY,
            not_found: NodeSet::EMPTY,
        }
    }

    /// What concerns an attempt that is over changes nothing.
    pub fn step(&mut self, now: Millis, view: &View, pace: &mut Pace, input: CallInput) -> CallEffects {
        let mut moment = Moment { now, view, pace, effects: CallEffects::new() };
        if self.phase != Phase::Done {
            self.take(input, &mut moment);
            self.close_late(&mut moment);
            self.go_on(&mut moment);
            self.tell_overdue(&mut moment);
        }
        moment.effects
    }

    /// When something is to be done that nobody else will say. `None` before the beginning and after the end.
    pub fn wake_at(&self) -> Option<Millis> {
        if self.phase != Phase::Open {
            return None;
        }
        let open = self.attempts.iter().filter(|attempt| attempt.is_open);
        let open = open.map(|attempt| attempt.overdue_at.unwrap_or(attempt.until).min(attempt.until));
        let others = [self.hedge_at, self.resume_at].into_iter().flatten();
        Some(open.chain(others).fold(self.deadline, Millis::min))
    }

    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The attempt whose answer may yet be the client's. Answers of others that were not it need not be kept.
    pub fn kept(&self) -> Option<u32> {
        self.kept.map(|kept| kept.attempt)
    }

    fn take(&mut self, input: CallInput, moment: &mut Moment<'_>) {
        match input {
            CallInput::Start if self.phase == Phase::New => {
                self.phase = Phase::Open;
                self.began = moment.now;
                moment.pace.retries.earn();
                moment.pace.hedges.earn();
                if let Some(why) = self.route.refused {
                    self.finish(CallEffect::Refuse(Refusal::Unsupported(why)), moment);
                }
            }
            CallInput::Failed { attempt, fault } => {
                if let Some(over) = self.close(attempt) {
                    self.failed(over, fault, moment);
                }
            }
            CallInput::Answered { attempt, answer } => {
                if let Some(over) = self.close(attempt) {
                    self.answered(attempt, over, answer, moment);
                }
            }
            CallInput::Start | CallInput::ViewChanged | CallInput::Time => {}
        }
    }

    fn close(&mut self, attempt: u32) -> Option<Attempt> {
        let open = self.attempts.get_mut(attempt as usize).filter(|attempt| attempt.is_open)?;
        open.is_open = false;
        Some(*open)
    }

    fn close_late(&mut self, moment: &mut Moment<'_>) {
        for attempt in 0..self.attempts.len() as u32 {
            let is_late = self.attempts[attempt as usize].until <= moment.now;
            let Some(over) = (is_late && self.phase == Phase::Open).then(|| self.close(attempt)).flatten()
            else {
                continue;
            };
            let took_ms = moment.now.since(over.sent_at);
            let fault = (took_ms >= self.attempt_ms(over.node, moment.view)).then_some(Fault::Timeout);
            moment.effects.push(CallEffect::Abandon { attempt, fault });
            moment.pace.latencies.add(moment.now, over.node, self.route.class, took_ms);
            self.failed(over, Fault::Timeout, moment);
        }
    }

    fn tell_overdue(&mut self, moment: &mut Moment<'_>) {
        let is_waited_for = self.phase == Phase::Open;
        for (at, attempt) in self.attempts.iter_mut().enumerate().filter(|_| is_waited_for) {
            if attempt.is_open && attempt.overdue_at.is_some_and(|at| at <= moment.now) {
                attempt.overdue_at = None;
                moment.effects.push(CallEffect::Overdue { attempt: at as u32 });
            }
        }
    }

    fn failed(&mut self, over: Attempt, fault: Fault, moment: &mut Moment<'_>) {
        self.last_fault = Some(fault);
        if over.is_look_up {
            return;
        }
        self.asked.failed(over.node, over.via, fault, moment.now);
        if may_have_acted(fault) {
            self.unknown.insert(over.node);
        }
        if fault == Fault::TooLarge {
            self.finish(CallEffect::Refuse(Refusal::TooLarge), moment);
        } else if self.route.again == Again::IfUnsent && may_have_acted(fault) {
            self.finish(CallEffect::Refuse(Refusal::NotRepeated { fault }), moment);
        }
    }

    fn answered(&mut self, attempt: u32, over: Attempt, answer: AnswerKind, moment: &mut Moment<'_>) {
        if over.is_look_up {
            return self.looked_up(over.node, answer, moment);
        }
        let took_ms = moment.now.since(over.sent_at);
        moment.pace.latencies.add(moment.now, over.node, self.route.class, took_ms);
        match answer {
            AnswerKind::Error(meaning) => self.answered_error(attempt, over, meaning, moment),
            // Who takes a transaction says its hash. What became of this one nobody knows.
            AnswerKind::Null if self.route.again == Again::ByHash => {
                self.failed(over, Fault::Malformed, moment);
            }
            AnswerKind::Null if !self.null_is_the_answer(moment.view) => self.keep(attempt, Worth::Null),
            AnswerKind::Null | AnswerKind::Value => self.finish(CallEffect::Answer { attempt }, moment),
        }
    }

    fn answered_error(&mut self, attempt: u32, over: Attempt, meaning: Meaning, moment: &mut Moment<'_>) {
        let is_by_hash = self.route.again == Again::ByHash;
        match (meaning, self.route.transaction) {
            (Meaning::AlreadyKnown, Some(hash)) if is_by_hash => {
                self.finish(CallEffect::AnswerAlreadyKnown(hash), moment);
            }
            (Meaning::NonceTooLow, Some(_)) if is_by_hash => self.keep(attempt, Worth::NonceTooLow),
            (Meaning::Answer, Some(_)) if is_by_hash => self.keep(attempt, Worth::Rejection),
            (Meaning::Answer | Meaning::AlreadyKnown | Meaning::NonceTooLow, _) => {
                self.finish(CallEffect::Answer { attempt }, moment);
            }
            (Meaning::MethodMissing, _) => self.keep(attempt, Worth::MethodMissing),
            (Meaning::NodeFault(fault), _)
                if self.route.again == Again::IfUnsent && may_have_acted(fault) =>
            {
                self.finish(CallEffect::Answer { attempt }, moment);
            }
            // It may be asked again when its pause is over.
            (Meaning::NodeFault(fault @ Fault::RateLimited { .. }), _) => self.failed(over, fault, moment),
            (Meaning::NodeFault(fault), _) => {
                self.keep(attempt, Worth::NodeError);
                self.failed(over, fault, moment);
            }
        }
    }

    /// Once there is something to tell, only nodes that were not asked are: see [`Self::go_on`].
    fn keep(&mut self, attempt: u32, worth: Worth) {
        if self.kept.is_none_or(|kept| kept.worth < worth) {
            self.kept = Some(Kept { attempt, worth });
        }
    }

    /// Nobody has what is above the head; to ask around would be to ask in vain.
    fn null_is_the_answer(&self, view: &View) -> bool {
        let is_above = match (self.route.needs, view.served) {
            (Needs::Number(number), Some(head)) => number > head.number,
            _ => false,
        };
        self.route.on_null == OnNull::Answer || is_above
    }

    /// Sends where something has to be sent, and ends the call where nothing is left to wait for.
    fn go_on(&mut self, moment: &mut Moment<'_>) {
        if self.phase != Phase::Open {
            return;
        }
        self.resume_at = None;
        if moment.now >= self.deadline {
            return self.end(moment);
        }
        if self.is_under_way(moment.view) {
            return self.hedge(moment);
        }
        self.hedge_at = None;
        if self.is_open() && self.route.again == Again::IfUnsent {
            return;
        }
        let is_rejected = self.kept.is_some_and(|kept| kept.worth >= Worth::Rejection);
        if is_rejected || self.sends >= self.limits.attempts_max {
            return self.conclude(moment);
        }
        // What is known may be the answer, so only those who were not asked could have a better one.
        let whom = if self.kept.is_some() { Whom::Fresh } else { Whom::Anyone };
        match self.choose(whom, moment.now, moment.view, moment.pace) {
            Choice::Ready(candidate) => self.send_if_it_may_be(candidate, moment),
            Choice::Later(at) if at < self.deadline => self.resume_at = Some(at),
            Choice::WhenTheViewChanges if self.kept.is_none() => self.resume_at = self.relaxes_at(moment.now),
            Choice::WhenTheViewChanges if self.waits_for_the_others(moment) => {
                self.resume_at = Some(self.began.plus(CATCH_UP_MS));
            }
            Choice::Later(_) | Choice::WhenTheViewChanges | Choice::Nobody => self.conclude(moment),
        }
    }

    fn waits_for_the_others(&self, moment: &Moment<'_>) -> bool {
        let is_wrong = self.kept.is_some_and(|kept| match kept.worth {
            Worth::NodeError => true,
            Worth::Null => self.was_told(moment.view),
            Worth::MethodMissing | Worth::Rejection | Worth::NonceTooLow => false,
        });
        let until = self.began.plus(CATCH_UP_MS);
        is_wrong && moment.now < until && until < self.deadline
    }

    /// Whether it asks for a block that clients were told lately, so that there is one.
    fn was_told(&self, view: &View) -> bool {
        let is_late = |number: u64, head: u64| head.saturating_sub(number) < view.recent.holders.len() as u64;
        let is_told = match self.route.needs {
            Needs::Nothing => false,
            Needs::Head => view.served.is_some(),
            Needs::Number(number) => view.served.is_some_and(|head| is_late(number, head.number)),
            Needs::Block(hash) => view.recent.holders.contains_key(&hash),
        };
        is_told && self.route.on_null == OnNull::NoSuchBlock
    }

    fn is_open(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.is_open)
    }

    /// An answer may come: a node that is not given up on has been asked.
    fn is_under_way(&self, view: &View) -> bool {
        self.attempts.iter().filter(|attempt| attempt.is_open).any(|attempt| {
            let standing = view.node(attempt.node).map_or(Standing::Out, |node| node.standing(attempt.via));
            standing < Standing::Silent
        })
    }

    /// The first other node is asked whatever the budget says, because one node's failure is no client's. Whatever comes
    /// then waits for the budget, so that many failures do not become many times as many requests. Null is no failure:
    /// it is asked around only where the budget has something left.
    fn send_if_it_may_be(&mut self, candidate: Candidate, moment: &mut Moment<'_>) {
        let has_null = self.kept.is_some_and(|kept| kept.worth == Worth::Null);
        if self.sends == 1 && !has_null {
            moment.pace.retries.spend_anyway(moment.now);
        } else if self.sends > 0 && !moment.pace.retries.spend(moment.now) {
            if has_null {
                return self.conclude(moment);
            }
            self.resume_at = Some(moment.now.plus(BUDGET_WAIT_MS));
            return;
        }
        self.send(candidate, moment);
        if self.limits.broadcast && self.route.again == Again::ByHash {
            self.broadcast(moment);
        }
    }

    fn broadcast(&mut self, moment: &mut Moment<'_>) {
        let most = self.limits.attempts_max.min(BROADCAST_NODES_MAX);
        while self.sends < most {
            match self.choose(Whom::Fresh, moment.now, moment.view, moment.pace) {
                Choice::Ready(candidate) if candidate.standing == Standing::Serving => {
                    self.send(candidate, moment)
                }
                _ => return,
            }
        }
    }

    fn hedge(&mut self, moment: &mut Moment<'_>) {
        if self.hedge_at.is_none_or(|at| moment.now < at) {
            return;
        }
        self.hedge_at = None;
        let tier = self.attempts.first().and_then(|first| moment.view.node(first.node)).map(|node| node.tier);
        let Some(tier) = tier.filter(|_| self.limits.attempts_max > 1) else { return };
        if let Choice::Ready(candidate) = self.choose(Whom::Twin(tier), moment.now, moment.view, moment.pace)
            && moment.pace.hedges.spend(moment.now)
        {
            self.send(candidate, moment);
        }
    }

    fn send(&mut self, candidate: Candidate, moment: &mut Moment<'_>) {
        let Candidate { node, via, .. } = candidate;
        let within_ms = self.within_ms(node, moment);
        let attempt = self.open(node, via, within_ms, false, moment.now);
        self.asked.sent(node, via);
        self.sends += 1;
        let usual_ms = moment.pace.latencies.hedge_after_ms(node, self.route.class);
        let overdue_at = Some(moment.now.plus(usual_ms)).filter(|_| usual_ms < within_ms);
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.overdue_at = overdue_at;
        }
        if self.sends == 1 && self.limits.hedge && self.is_hedged() {
            self.hedge_at = overdue_at;
        }
        moment.effects.push(CallEffect::Send { attempt, node, via, within_ms });
    }

    fn is_hedged(&self) -> bool {
        let is_read = matches!(self.route.class, Class::ReadAtTag | Class::ImmutableRead);
        is_read && self.route.again == Again::Freely
    }

    /// Cutting an attempt short is for asking another node. Where there is none, the same may be asked once more, so it
    /// has half of what is left; and all of it, where it may not.
    fn within_ms(&self, node: NodeId, moment: &Moment<'_>) -> u64 {
        let left_ms = self.deadline.since(moment.now);
        let attempt_ms = self.attempt_ms(node, moment.view);
        if self.route.again == Again::IfUnsent {
            return left_ms;
        }
        if self.has_fresh_besides(node, moment.now, moment.view) {
            attempt_ms.min(left_ms)
        } else {
            attempt_ms.max(left_ms / 2).min(left_ms)
        }
    }

    fn attempt_ms(&self, node: NodeId, view: &View) -> u64 {
        let of_node = view.node(node).map_or(u64::MAX, |node| node.attempt_ms);
        self.limits.attempt_ms.min(of_node).max(1)
    }

    fn open(&mut self, node: NodeId, via: Transport, within_ms: u64, is_look_up: bool, now: Millis) -> u32 {
        let attempt = self.attempts.len() as u32;
        let until = now.plus(within_ms);
        let overdue_at = None;
        self.attempts.push(Attempt { node, via, sent_at: now, until, overdue_at, is_open: true, is_look_up });
        attempt
    }

    /// A transaction that is on its way to further nodes is left to arrive there.
    fn finish(&mut self, told: CallEffect, moment: &mut Moment<'_>) {
        self.phase = Phase::Done;
        moment.effects.push(told);
        let is_success = !matches!(told, CallEffect::Refuse(_));
        if is_success && self.limits.broadcast && self.route.again == Again::ByHash {
            return;
        }
        for (attempt, over) in self.attempts.iter().enumerate().filter(|(_, attempt)| attempt.is_open) {
            let took_ms = moment.now.since(over.sent_at);
            moment.pace.latencies.add(moment.now, over.node, self.route.class, took_ms);
            moment.effects.push(CallEffect::Abandon { attempt: attempt as u32, fault: None });
        }
    }
}

/// Unless the request surely reached nobody who would act on it.
fn may_have_acted(fault: Fault) -> bool {
    !matches!(
        fault,
        Fault::Refused
            | Fault::DialTimeout
            | Fault::RateLimited { .. }
            | Fault::Status(400..=499)
            | Fault::Behind
    )
}

#[cfg(test)]
mod tests;
