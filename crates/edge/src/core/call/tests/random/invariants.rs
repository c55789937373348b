//! One call under watch: after every step, what must hold of it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;

pub(super) struct Watched {
    pub(super) call: Call,
    pub(super) is_begun: bool,
    pub(super) hedges: u64,
    /// When it was last asked to be woken.
    pub(super) woken_at: Option<Millis>,
    /// The answer that was told.
    pub(super) told: Option<AnswerKind>,
    name: String,
    route: Route,
    limits: CallLimits,
    deadline: Millis,
    /// Attempts that nobody has heard of yet, and who has them.
    open: BTreeMap<u32, (NodeId, Transport)>,
    /// What was answered, by attempt; look-ups are not among them.
    answers: BTreeMap<u32, AnswerKind>,
    look_ups: BTreeSet<u32>,
    overdue: BTreeSet<u32>,
    sends: u32,
    ends: u32,
    may_have_acted: bool,
}

impl Watched {
    pub(super) fn new(
        seed: u64,
        at: usize,
        begins: Millis,
        route: Route,
        limits: CallLimits,
        ways: Ways,
    ) -> Self {
        Self {
            call: Call::new(begins, route, limits, ways),
            is_begun: false,
            hedges: 0,
            woken_at: None,
            told: None,
            name: format!("seed {seed} call {at} {route:?} {limits:?} {ways:?}"),
            route,
            limits,
            deadline: begins.plus(limits.deadline_ms),
            open: BTreeMap::new(),
            answers: BTreeMap::new(),
            look_ups: BTreeSet::new(),
            overdue: BTreeSet::new(),
            sends: 0,
            ends: 0,
            may_have_acted: false,
        }
    }

    pub(super) fn is_transaction(&self) -> bool {
        self.route.again == Again::ByHash
    }

    pub(super) fn step(
        &mut self,
        now: Millis,
        view: &View,
        pace: &mut Pace,
        input: CallInput,
        taken_by: NodeSet,
    ) -> CallEffects {
        self.is_begun |= input == CallInput::Start;
        let (kept, was_done) = (self.call.kept(), self.call.is_done());
        self.hear(input);
        let effects = self.call.step(now, view, pace, input);
        assert!(!was_done || effects.is_empty(), "{}: something after the end", self.name);
        for effect in &effects {
            self.see(*effect, now, view, input, kept, taken_by);
        }
        self.check_after(now);
        effects
    }

    fn hear(&mut self, input: CallInput) {
        let attempt = match input {
            CallInput::Failed { attempt, fault } if self.open.contains_key(&attempt) => {
                self.may_have_acted |= may_have_acted(fault);
                attempt
            }
            CallInput::Answered { attempt, answer } if self.open.contains_key(&attempt) => {
                if !self.look_ups.contains(&attempt) {
                    self.answers.insert(attempt, answer);
                }
                attempt
            }
            _ => return,
        };
        self.open.remove(&attempt);
    }

    fn see(
        &mut self,
        effect: CallEffect,
        now: Millis,
        view: &View,
        input: CallInput,
        kept: Option<u32>,
        taken_by: NodeSet,
    ) {
        let name = &self.name;
        let is_abandon = matches!(effect, CallEffect::Abandon { .. });
        assert!(self.ends == 0 || is_abandon, "{name}: {effect:?} after the answer");
        match effect {
            CallEffect::Send { attempt, node, via, within_ms } => {
                self.sends += 1;
                self.check_send(node, via, now, view);
                let is_under_way = self
                    .open
                    .values()
                    .any(|(node, via)| view.node(*node).unwrap().standing(*via) < Standing::Silent);
                self.hedges += u64::from(is_under_way && !self.is_transaction());
                assert!(within_ms > 0 && now.plus(within_ms) <= self.deadline, "{}: too long", self.name);
                assert_eq!(self.open.insert(attempt, (node, via)), None);
            }
            CallEffect::LookUp { attempt, node, via, .. } => {
                assert!(self.is_transaction() && self.open.is_empty(), "{name}: looked up too early");
                self.look_ups.insert(attempt);
                self.open.insert(attempt, (node, via));
            }
            CallEffect::Overdue { attempt } => {
                assert!(self.open.contains_key(&attempt), "{name}: {attempt} is over");
                assert!(self.overdue.insert(attempt), "{name}: {attempt} was overdue before");
            }
            CallEffect::Abandon { attempt, .. } => {
                assert!(self.open.remove(&attempt).is_some(), "{name}: {attempt} was not under way");
                self.may_have_acted = true;
            }
            CallEffect::Answer { attempt } => {
                self.ends += 1;
                let is_new = matches!(input, CallInput::Answered { attempt: new, .. } if new == attempt);
                assert!(is_new || kept == Some(attempt), "{}: {attempt} was not kept", self.name);
                self.check_answer(attempt, taken_by);
                self.told = self.answers.get(&attempt).copied();
            }
            CallEffect::AnswerAlreadyKnown(hash) => {
                self.ends += 1;
                assert_eq!(self.route.transaction, Some(hash));
                assert!(!taken_by.is_empty(), "{}: nobody has it", self.name);
            }
            CallEffect::Refuse(refusal) => {
                self.ends += 1;
                let is_uncertain = matches!(refusal, Refusal::FateUnknown { .. });
                assert!(
                    is_uncertain || taken_by.is_empty(),
                    "{}: {refusal:?} of a taken transaction",
                    self.name
                );
                let has_answer = self.answers.values().any(|answer| *answer == AnswerKind::Value);
                assert!(!has_answer, "{}: refused though answered", self.name);
            }
        }
    }

    fn check_send(&self, node: NodeId, via: Transport, now: Millis, view: &View) {
        let name = &self.name;
        assert!(now < self.deadline, "{name}: sent too late");
        assert!(self.sends <= self.limits.attempts_max, "{name}: too many attempts");
        assert!(!self.open.values().any(|(other, _)| *other == node), "{name}: twice at once");
        let is_lost = self.route.again == Again::IfUnsent && (self.may_have_acted || !self.open.is_empty());
        assert!(!is_lost, "{name}: sent again");
        let seen = view.node(node).unwrap();
        assert_ne!(seen.standing(via), Standing::Out, "{name}: to a node that is out");
        let is_free = self.is_transaction();
        let needed = match self.route.needs {
            Needs::Head => HEAD,
            Needs::Number(number) => number.min(HEAD),
            Needs::Nothing | Needs::Block(_) => 0,
        };
        assert!(is_free || seen.head >= needed, "{name}: to a node that has it not");
    }

    /// An error is told only where it is the truth.
    fn check_answer(&self, attempt: u32, taken_by: NodeSet) {
        let answer = self.answers[&attempt];
        let is_error = matches!(answer, AnswerKind::Error(_));
        assert!(
            !self.is_transaction() || !is_error || taken_by.is_empty(),
            "{}: {answer:?} of a transaction that {taken_by:?} took",
            self.name
        );
        let others = self.answers.iter().filter(|(other, _)| **other != attempt);
        let better = others.filter(|(_, answer)| **answer == AnswerKind::Value).count();
        assert_eq!(better, 0, "{}: there was a better answer", self.name);
    }

    fn check_after(&mut self, now: Millis) {
        let name = &self.name;
        assert_eq!(self.call.is_done(), self.ends == 1, "{name}: {} ends", self.ends);
        assert!(self.look_ups.len() <= 3, "{name}: too many look-ups");
        match self.call.wake_at() {
            Some(at) => assert!(at > now && at <= self.deadline, "{name}: wakes at {at:?} at {now:?}"),
            None => assert!(self.call.is_done() || !self.is_begun, "{name}: sleeps for ever"),
        }
        assert!(self.call.is_done() || now < self.deadline || !self.is_begun, "{name}: too late");
    }
}
