//! Calls of clients, driven in the order in which the edge's exchange drives them: the core says whom to ask and what to
//! answer. It must never decide anything about a call.

mod asking;
mod judge;
mod traffic;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use devnet::chain::Hash;
use devnet::node::ConnectionId;
use edge::core::{
    Budget, Call, CallEffect, CallInput, Fault, Head, HedgeDelay, Millis, NodeId, Pace, Refusal, Route,
    Transport, batch_response, error_response, result_response,
};

use super::super::plan::Plan;
use super::super::request::Request;
use super::{Event, Stage};
use crate::Rng;
use traffic::Seen;

/// As the edge has it: of a thousand calls so many are tried again, and so many a second however few there are.
const RETRIES_PERMILLE: u64 = 200;
const RETRIES_FLOOR: u64 = 50;
/// Of a thousand calls so many are asked of a second node before the first has failed.
const HEDGES_PERMILLE: u64 = 50;
const SAVED_MAX: u64 = 500;
const HEDGE_MS_MIN: u64 = 20;
const HALF_LIFE_MS: u64 = 30_000;

/// What happens on the way of a call.
#[derive(Debug, Clone)]
pub(super) enum OfCall {
    /// An attempt is at its node.
    Arrives {
        call: u64,
        attempt: u32,
    },
    /// What comes of it is at the edge.
    Ends {
        call: u64,
        attempt: u32,
        life: u64,
        was_sent: bool,
        result: Result<Vec<u8>, Fault>,
    },
    Wakes {
        call: u64,
    },
}

/// What all calls share.
pub(super) struct Calls {
    rng: Rng,
    plan: Plan,
    pace: Pace,
    flights: BTreeMap<u64, Flight>,
    /// Whose clients wait.
    open: BTreeSet<u64>,
    made: u64,
    /// Those that were given to the core, and hedges of them.
    begun: u64,
    hedges: u64,
    seen: BTreeMap<(NodeId, Transport), Seen>,
    /// What a process that stands still was sent.
    unread: Vec<Unread>,
    sent_transactions: Vec<(u64, Hash)>,
    taken_transactions: BTreeSet<Hash>,
    /// Another one was sent in the place of these.
    rivalled: BTreeSet<Hash>,
    /// Messages of several requests, by the first, and the answers that are there.
    batches: BTreeMap<u64, Vec<Member>>,
}

type Member = (u64, Request, Option<Vec<u8>>);

#[derive(Debug, Clone, Copy)]
struct Unread {
    call: u64,
    attempt: u32,
    node: usize,
    life: u64,
}

struct Flight {
    request: Request,
    whole: Vec<u8>,
    id_range: Range<usize>,
    route: Route,
    call: Call,
    came: u64,
    deadline: u64,
    /// The head that clients were told before it came, if it stood.
    told: Option<Head>,
    /// What it is about was there for good when it came.
    was_settled: bool,
    /// The first request of the message that it came in, where there are several.
    batch: Option<u64>,
    /// By attempt.
    sent: Vec<Sent>,
    answers: Vec<Told>,
    suspicions: Vec<(u32, Fault)>,
    woken_at: Option<u64>,
    is_over: bool,
    /// Its client was told that nothing came of it.
    is_told_failed: bool,
    /// A node took the transaction.
    is_taken: bool,
    /// Nodes that may have done what it asks for.
    acted: u32,
    /// A node said that it reverts.
    is_reverted: bool,
    sends: u32,
}

#[derive(Debug, Clone)]
struct Sent {
    node: usize,
    id: NodeId,
    via: Transport,
    at: u64,
    until: u64,
    body: Vec<u8>,
    /// Over which stream, and under which id there.
    line: Option<(ConnectionId, u64)>,
    has_arrived: bool,
    is_waited_for: bool,
}

struct Told {
    attempt: u32,
    /// It says nothing against the node.
    is_good: bool,
    body: Vec<u8>,
}

impl Calls {
    pub(super) fn new(seed: u64, plan: &Plan) -> Self {
        let delay =
            HedgeDelay { min_ms: HEDGE_MS_MIN, max_ms: plan.hedge_after_ms, half_life_ms: HALF_LIFE_MS };
        let retries = Budget::new(RETRIES_PERMILLE, RETRIES_FLOOR, SAVED_MAX);
        Self {
            rng: Rng::new(seed ^ 0xca_1157),
            plan: plan.clone(),
            pace: Pace::new(retries, Budget::new(HEDGES_PERMILLE, 0, SAVED_MAX), delay),
            flights: BTreeMap::new(),
            open: BTreeSet::new(),
            made: 0,
            begun: 0,
            hedges: 0,
            seen: BTreeMap::new(),
            unread: Vec::new(),
            sent_transactions: Vec::new(),
            taken_transactions: BTreeSet::new(),
            rivalled: BTreeSet::new(),
            batches: BTreeMap::new(),
        }
    }

    fn sent(&mut self, call: u64, attempt: u32) -> Option<&mut Sent> {
        self.flights.get_mut(&call)?.sent.get_mut(attempt as usize)
    }
}

impl Stage {
    pub(super) fn happen_to_call(&mut self, happening: OfCall) {
        match happening {
            OfCall::Arrives { call, attempt } => self.arrives(call, attempt),
            OfCall::Ends { call, attempt, life, was_sent, result } => {
                self.ends((call, attempt), life, was_sent, result);
            }
            OfCall::Wakes { call } => {
                let flight = self.calls.flights.get(&call);
                let wake_at = flight.and_then(|flight| flight.call.wake_at());
                if wake_at.is_some_and(|at| at <= Millis(self.now)) {
                    self.step_call(call, CallInput::Time);
                }
            }
        }
    }

    /// Whoever waits sees it at once.
    pub(super) fn view_changed(&mut self) {
        for call in self.calls.open.clone() {
            self.step_call(call, CallInput::ViewChanged);
        }
    }

    fn step_call(&mut self, call: u64, input: CallInput) {
        let view = Arc::clone(&self.published);
        let Calls { flights, pace, .. } = &mut self.calls;
        let Some(flight) = flights.get_mut(&call) else { return };
        let effects = flight.call.step(Millis(self.now), &view, pace, input);
        if flight.is_over {
            if let Some(effect) = effects.first() {
                self.is_wrong(call, &format!("{effect:?} after it was answered"));
            }
            return;
        }
        self.judge_ends(call, &effects);
        for effect in effects {
            self.note(format_args!("request {call}: {effect:?}"));
            self.judge_effect(call, &effect, &view);
            if let Some((answer, refusal)) = self.carry_out_of_call(call, effect) {
                return self.tell_client(call, &answer, refusal);
            }
        }
        self.wake_again(call);
    }

    fn wake_again(&mut self, call: u64) {
        let now = self.now;
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        match flight.call.wake_at() {
            None => self.is_wrong(call, "nobody will look at it again"),
            Some(Millis(at)) if at <= now || at > flight.deadline => {
                self.is_wrong(call, &format!("it is to be looked at at {at} ms"));
            }
            Some(Millis(at)) if flight.woken_at == Some(at) => {}
            Some(Millis(at)) => {
                flight.woken_at = Some(at);
                self.at(at, Event::OfCall(OfCall::Wakes { call }));
            }
        }
    }

    /// The client's answer, when there is one, and why it is none of a node.
    fn carry_out_of_call(&mut self, call: u64, effect: CallEffect) -> Option<(Vec<u8>, Option<Refusal>)> {
        let id = self.calls.flights.get(&call)?.request.id.clone().into_bytes();
        match effect {
            CallEffect::Send { attempt, node, via, within_ms } => {
                self.send((call, attempt), (node, via), None, within_ms);
            }
            CallEffect::LookUp { attempt, node, hash, within_ms, .. } => {
                let text = format!(
                    r#"{{"jsonrpc":"2.0","id":0,"method":"eth_getTransactionByHash","params":["{hash}"]}}"#
                );
                self.send((call, attempt), (node, Transport::Http), Some(text.into_bytes()), within_ms);
            }
            CallEffect::Overdue { attempt } => self.is_overdue(call, attempt),
            CallEffect::Abandon { attempt, fault } => {
                self.abandon(call, attempt);
                if fault.is_some() {
                    self.took_too_long(call, attempt);
                }
            }
            CallEffect::Answer { attempt } => {
                let flight = self.calls.flights.get(&call)?;
                let told = flight.answers.iter().find(|told| told.attempt == attempt);
                let Some((is_good, body)) = told.map(|told| (told.is_good, told.body.clone())) else {
                    self.is_wrong(call, &format!("attempt {attempt} was given up, and is its answer"));
                    return None;
                };
                if is_good {
                    self.blame(call, attempt);
                }
                return Some((body, None));
            }
            CallEffect::AnswerAlreadyKnown(hash) => {
                return Some((result_response(&id, format!("\"{hash}\"").as_bytes()), None));
            }
            CallEffect::Refuse(refusal) => {
                let answer = error_response(&id, refusal.code(), &refusal.to_string());
                return Some((answer, Some(refusal)));
            }
        }
        None
    }

    /// Nobody waits for the others any more; what they were sent is at their nodes.
    fn tell_client(&mut self, call: u64, answer: &[u8], refusal: Option<Refusal>) {
        self.calls.open.remove(&call);
        self.tally.refused += u64::from(refusal.is_some());
        self.judge_answer(call, answer, refusal);
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        flight.is_over = true;
        flight.answers = Vec::new();
        let batch = flight.batch;
        for attempt in 0..flight.sent.len() as u32 {
            self.abandon(call, attempt);
        }
        if let Some(batch) = batch {
            self.told_in_batch(batch, call, answer);
        }
    }

    /// The client gets all of them in one message, in the order in which it asked.
    fn told_in_batch(&mut self, batch: u64, call: u64, answer: &[u8]) {
        let Some(members) = self.calls.batches.get_mut(&batch) else { return };
        for (_, _, told) in members.iter_mut().filter(|(member, ..)| *member == call) {
            *told = Some(answer.to_vec());
        }
        let told: Vec<&Vec<u8>> = members.iter().filter_map(|(_, _, told)| told.as_ref()).collect();
        if told.len() < members.len() {
            return;
        }
        let whole = batch_response(&told).unwrap_or_default();
        let judged = judge::batch(&whole, members);
        self.calls.batches.remove(&batch);
        if let Err(what) = judged {
            self.is_wrong(batch, &what);
        }
    }
}
