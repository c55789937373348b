//! Calls of one pool: the core says whom to ask and what to answer, this asks and answers. No call waits for another, nor for
//! the pool's loop. It must never decide anything about a call.

mod asked;
mod batch;
mod reach;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use smallvec::SmallVec;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::core::pool::Input;
use crate::core::{
    Again, AnswerKind, Call, CallEffect, CallInput, Class, Fault, Hash, Meaning, Millis, NodeId, NodeView,
    Pace, Refusal, ResponseKind, Standing, Transport, View, Ways, error_meaning, error_response,
    result_response, scan_response, splice,
};
use crate::evidence::Ended;
use crate::filters::{Filters, Taken};
use crate::metrics::{Limit, Outcome};
use crate::record::{CallRecord, PoolRecord};
use crate::redact::scrub_error;
use crate::rules::Rules;
use crate::upstream::NodeClient;

pub(crate) use asked::Asked;
pub(crate) use batch::{BATCH_CALLS_AT_ONCE, BatchRoom};
pub(crate) use reach::{Reach, Reaches};

/// Of successes the pool is told one in so long.
const TOLD_EVERY_MS: u64 = 1_000;
/// Of calls that wait for a node longer than usual the pool is told one in so long.
const OVERDUE_EVERY_MS: u64 = 20;

/// What all calls of a pool share.
pub(crate) struct Exchange {
    pub(crate) nodes: Reaches,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) pace: Mutex<Pace>,
    /// Whoever holds them may still speak of every node that was there when they were made.
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) events: mpsc::Sender<Input>,
    pub(crate) began: Instant,
    pub(crate) record: Arc<PoolRecord>,
    pub(crate) filters: Arc<Filters>,
}

type Attempt = Pin<Box<dyn Future<Output = (u32, Duration, Result<Bytes, Fault>)> + Send>>;

/// What a node answered.
struct Told {
    attempt: u32,
    /// It says nothing against the node.
    is_good: bool,
    body: Bytes,
}

/// What one call has under way and in hand.
struct Flight {
    asked: Asked,
    open: FuturesUnordered<Attempt>,
    /// Attempts that nobody waits for any more.
    abandoned: SmallVec<[u32; 2]>,
    /// Of each attempt.
    sent: SmallVec<[(NodeId, Millis); 3]>,
    answers: SmallVec<[Told; 1]>,
    /// What speaks against nodes if another node answers: else it may be the call's own fault.
    suspicions: SmallVec<[(NodeId, Fault); 1]>,
    /// Attempts that were made while another was under way.
    hedges: SmallVec<[u32; 1]>,
    record: CallRecord,
}

impl Exchange {
    /// What counts now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The one answer of a request, under its id.
    pub(crate) async fn answer(&self, asked: Asked) -> Bytes {
        let record = CallRecord::begin(&self.record, asked.route.class, asked.whole.len());
        let asked = match asked.route.class {
            // Beside the others, so that every call does not carry the room that these need.
            Class::StatefulFilter => match Box::pin(self.filters.take(asked)).await {
                Taken::Call(asked) => asked,
                Taken::Answered(answer) => {
                    record.over(Outcome::Answered, answer.len());
                    return answer;
                }
            },
            _ => asked,
        };
        if let Some(answer) = self.head_answer(&asked) {
            record.over(Outcome::Answered, answer.len());
            return answer;
        }
        let rules = self.rules();
        let mut view = self.view.clone();
        let mut call = Call::new(self.now(), asked.route, rules.limits, Ways::Http, None);
        let mut flight = Flight {
            asked,
            open: FuturesUnordered::new(),
            abandoned: SmallVec::new(),
            sent: SmallVec::new(),
            answers: SmallVec::new(),
            suspicions: SmallVec::new(),
            hedges: SmallVec::new(),
            record,
        };
        let mut input = CallInput::Start;
        loop {
            let seen = Arc::clone(&view.borrow_and_update());
            let effects = {
                let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
                call.step(self.now(), &seen, &mut pace, input)
            };
            for effect in effects {
                if let Some((outcome, answer)) = self.carry_out(&mut flight, effect) {
                    let is_broadcast = flight.asked.route.again == Again::ByHash;
                    if is_broadcast && flight.open.len() > flight.abandoned.len() {
                        let mut open = std::mem::take(&mut flight.open);
                        // The transaction is to arrive at those as well. Each attempt has its time, and its place at the node.
                        tokio::spawn(async move { while open.next().await.is_some() {} });
                    }
                    flight.record.over(outcome, answer.len());
                    return answer;
                }
            }
            input = self.next(&mut flight, &mut view, call.wake_at()).await;
        }
    }

    /// The number of the head that clients were told, so that no two answers contradict each other; while some node has it.
    fn head_answer(&self, asked: &Asked) -> Option<Bytes> {
        let view = self.view.borrow();
        let head = view.served.filter(|_| asked.asks_for_head)?;
        let has_it =
            |node: &NodeView| node.head >= head.number && node.standing(Transport::Http) != Standing::Out;
        let number = format!("\"{:#x}\"", head.number);
        view.nodes.iter().any(has_it).then(|| result_response(asked.id(), number.as_bytes()).into())
    }

    /// The answer and what it is, when there is one.
    fn carry_out(&self, flight: &mut Flight, effect: CallEffect) -> Option<(Outcome, Bytes)> {
        match effect {
            CallEffect::Send { attempt, node, within_ms, .. } => {
                let body = flight.asked.whole.clone();
                let is_beside = attempt > 0 && flight.open.len() > flight.abandoned.len();
                if is_beside && flight.asked.route.again == Again::ByHash {
                    // A broadcast; it is no guess at which node is the faster.
                } else if is_beside {
                    flight.hedges.push(attempt);
                    flight.record.hedged();
                } else if attempt > 0 {
                    flight.record.retried();
                }
                self.send(flight, attempt, node, body, within_ms);
            }
            CallEffect::LookUp { attempt, node, hash, within_ms, .. } => {
                self.send(flight, attempt, node, look_up(hash), within_ms);
            }
            CallEffect::Overdue { attempt } => {
                flight.sent.get(attempt as usize).into_iter().for_each(|sent| self.overdue(*sent));
            }
            CallEffect::Abandon { attempt, fault } => {
                flight.abandoned.push(attempt);
                flight.record.ended(attempt, fault.map_or(Ended::GivenUp, Ended::Failed));
                if fault.is_some() {
                    self.attempt_timed_out(flight, attempt);
                }
            }
            CallEffect::Answer { attempt } => {
                if flight.hedges.contains(&attempt) {
                    flight.record.hedge_won();
                }
                let found = flight.answers.iter().find(|told| told.attempt == attempt);
                if found.is_some_and(|told| told.is_good) {
                    self.blame(flight, attempt);
                }
                let lost = || error_response(flight.asked.id(), -32603, "the answer is lost").into();
                return Some((Outcome::Answered, found.map_or_else(lost, |told| told.body.clone())));
            }
            CallEffect::AnswerAlreadyKnown(hash) => {
                let answer = result_response(flight.asked.id(), format!("\"{hash}\"").as_bytes());
                return Some((Outcome::Answered, answer.into()));
            }
            CallEffect::Refuse(refusal) => {
                if refusal == Refusal::TooLarge {
                    self.record.refused.of(Limit::FrameBytes).inc();
                }
                let answer = error_response(flight.asked.id(), refusal.code(), &refusal.to_string());
                return Some((outcome_of(&refusal), answer.into()));
            }
        }
        None
    }

    fn send(&self, flight: &mut Flight, attempt: u32, node: NodeId, body: Bytes, within_ms: u64) {
        let sent = (node, self.now());
        flight.sent.resize((attempt as usize + 1).max(flight.sent.len()), sent);
        flight.sent[attempt as usize] = sent;
        flight.record.sent(attempt, node);
        let Some(reach) = self.nodes.get(usize::from(node.0)) else {
            return flight.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(Fault::Refused)) }));
        };
        let Ok(place) = Arc::clone(&reach.places).try_acquire_owned() else {
            let full = Fault::RateLimited { retry_after_ms: None };
            return flight.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(full)) }));
        };
        let NodeClient::Rpc(http) = reach.client.clone() else {
            return flight.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(Fault::Refused)) }));
        };
        let working = self.record.attempt(node, body.len());
        let within = Duration::from_millis(within_ms);
        flight.open.push(Box::pin(async move {
            let began = Instant::now();
            let result = http.post(body, within).await;
            drop((working, place));
            (attempt, began.elapsed(), result)
        }));
    }

    async fn next(
        &self,
        flight: &mut Flight,
        view: &mut watch::Receiver<Arc<View>>,
        wake_at: Option<Millis>,
    ) -> CallInput {
        let wake = wake_at.map_or(Duration::from_secs(1), |at| Duration::from_millis(at.since(self.now())));
        let wake = sleep_until(Instant::now() + wake);
        tokio::pin!(wake);
        let mut is_pool_gone = false;
        loop {
            tokio::select! {
                Some((attempt, took, result)) = flight.open.next() => {
                    match flight.abandoned.iter().position(|of| *of == attempt) {
                        Some(at) => drop(flight.abandoned.swap_remove(at)),
                        None => return self.judge(flight, attempt, took, result),
                    }
                }
                changed = view.changed(), if !is_pool_gone => match changed {
                    Ok(()) => return CallInput::ViewChanged,
                    // The pool is gone; what is under way goes on.
                    Err(_) => is_pool_gone = true,
                },
                () = &mut wake => return CallInput::Time,
            }
        }
    }

    fn judge(
        &self,
        flight: &mut Flight,
        attempt: u32,
        took: Duration,
        result: Result<Bytes, Fault>,
    ) -> CallInput {
        let node = flight.sent.get(attempt as usize).map_or(NodeId(0), |(node, _)| *node);
        let read = result.and_then(|body| match scan_response(&body) {
            Some(response) => Ok((body, response)),
            None => Err(Fault::Malformed),
        });
        let (body, response) = match read {
            Ok(read) => read,
            Err(fault) => {
                // A node that was given all it may have did nothing wrong.
                if took > Duration::ZERO {
                    self.attempt_failed(flight, attempt, node, fault);
                    flight.record.ended(attempt, Ended::Failed(fault));
                }
                return CallInput::Failed { attempt, fault };
            }
        };
        let answer = match &response.kind {
            ResponseKind::Result { is_null: true, .. } => AnswerKind::null(&flight.asked.route),
            ResponseKind::Result { .. } => AnswerKind::Value,
            ResponseKind::Error { code, message, .. } => {
                AnswerKind::Error(error_meaning(*code, body.get(message.clone()).unwrap_or_default()))
            }
        };
        self.answered(node);
        let is_good = !matches!(answer, AnswerKind::Error(Meaning::NodeFault(_)));
        match answer {
            AnswerKind::Error(Meaning::NodeFault(fault)) => {
                self.attempt_failed(flight, attempt, node, fault);
                flight.record.ended(attempt, Ended::Failed(fault));
            }
            _ => {
                self.worked(node, took, body.len());
                flight.record.ended(attempt, Ended::Answered);
            }
        }
        let body = match self.without_secrets(node, &body, &response.kind) {
            Some(error) => [
                &b"{\"jsonrpc\":\"2.0\",\"id\":"[..],
                flight.asked.id(),
                b",\"error\":",
                error.as_bytes(),
                b"}",
            ]
            .concat()
            .into(),
            None if body.get(response.id_range.clone()) == Some(flight.asked.id()) => body,
            None => splice(&body, response.id_range, flight.asked.id()).into(),
        };
        flight.answers.push(Told { attempt, is_good, body });
        CallInput::Answered { attempt, answer }
    }

    /// The node gave a sign of life; whoever waits for one hears of it at once.
    pub(crate) fn answered(&self, node: NodeId) {
        let Some(reach) = self.nodes.get(usize::from(node.0)) else { return };
        reach.answered_ms.store(self.now().0, Ordering::Relaxed);
        if reach.overdue_ms.load(Ordering::Relaxed) != 0 && reach.overdue_ms.swap(0, Ordering::Relaxed) != 0 {
            self.tell_pool(Input::Traffic { node, transport: Transport::Http, result: Ok(()) });
        }
    }

    /// A node that answered others in the meantime only takes its time.
    pub(crate) fn overdue(&self, (node, sent_at): (NodeId, Millis)) {
        let Some(reach) = self.nodes.get(usize::from(node.0)) else { return };
        let (now, told) = (self.now().0, reach.overdue_ms.load(Ordering::Relaxed));
        let is_owed = reach.answered_ms.load(Ordering::Relaxed) < sent_at.0;
        if is_owed && now >= told + OVERDUE_EVERY_MS && reach.overdue_ms.swap(now, Ordering::Relaxed) == told
        {
            self.tell_pool(Input::Overdue { node });
        }
    }

    /// What a call alone could bring about counts only once another node did better.
    fn attempt_failed(&self, flight: &mut Flight, attempt: u32, node: NodeId, fault: Fault) {
        match fault {
            Fault::Timeout => self.attempt_timed_out(flight, attempt),
            Fault::NodeError | Fault::Malformed | Fault::Status(_) | Fault::Behind => {
                self.record.attempt_failed(node, fault);
                flight.suspicions.push((node, fault));
            }
            _ => {
                self.record.attempt_failed(node, fault);
                self.failed(node, fault);
            }
        }
    }

    fn attempt_timed_out(&self, flight: &Flight, attempt: u32) {
        flight.sent.get(attempt as usize).into_iter().for_each(|sent| self.timed_out(*sent));
    }

    /// A node that answered others in the meantime was asked for much.
    pub(crate) fn timed_out(&self, (node, sent_at): (NodeId, Millis)) {
        self.record.attempt_failed(node, Fault::Timeout);
        let is_mute = self
            .nodes
            .get(usize::from(node.0))
            .is_some_and(|reach| reach.answered_ms.load(Ordering::Relaxed) < sent_at.0);
        if is_mute {
            self.failed(node, Fault::Timeout);
        }
    }

    fn blame(&self, flight: &Flight, answered: u32) {
        let by = flight.sent.get(answered as usize).map(|(node, _)| *node);
        for (node, fault) in flight.suspicions.iter().filter(|(node, _)| Some(*node) != by) {
            self.failed(*node, *fault);
        }
    }

    /// An error that repeats what the node was sent beside the request.
    fn without_secrets(&self, node: NodeId, body: &[u8], kind: &ResponseKind) -> Option<String> {
        let ResponseKind::Error { range, .. } = kind else { return None };
        scrub_error(body.get(range.clone())?, &self.nodes.get(usize::from(node.0))?.secrets)
    }

    /// A pool that has too much to do hears of the next failure.
    pub(crate) fn failed(&self, node: NodeId, fault: Fault) {
        if let Some(reach) = self.nodes.get(usize::from(node.0)) {
            reach.is_blamed.store(true, Ordering::Relaxed);
        }
        self.tell_pool(Input::Traffic { node, transport: Transport::Http, result: Err(fault) });
    }

    pub(crate) fn worked(&self, node: NodeId, took: Duration, bytes: usize) {
        self.record.attempt_answered(node, took, bytes);
        let Some(reach) = self.nodes.get(usize::from(node.0)) else { return };
        let (now, told) = (self.now().0, reach.told_ms.load(Ordering::Relaxed));
        // What failed in a row is counted, so the end of a row is told at once.
        let ends_a_row =
            reach.is_blamed.load(Ordering::Relaxed) && reach.is_blamed.swap(false, Ordering::Relaxed);
        let is_due = now >= told + TOLD_EVERY_MS && reach.told_ms.swap(now, Ordering::Relaxed) == told;
        if ends_a_row || is_due {
            self.tell_pool(Input::Traffic { node, transport: Transport::Http, result: Ok(()) });
        }
    }

    fn tell_pool(&self, input: Input) {
        if self.events.try_send(input).is_err() {
            self.record.inputs_full.inc();
        }
    }
}

pub(crate) fn outcome_of(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Unsupported(_) | Refusal::RateLimited { .. } | Refusal::TooLarge => Outcome::Refused,
        Refusal::NoNode { .. } | Refusal::Late { .. } => Outcome::Deadline,
        Refusal::Failed { .. }
        | Refusal::FateUnknown { .. }
        | Refusal::NotRepeated { .. }
        | Refusal::FilterGone => Outcome::Failed,
    }
}

fn look_up(hash: Hash) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":0,"method":"eth_getTransactionByHash","params":["{hash}"]}}"#).into()
}
