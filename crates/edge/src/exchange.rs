//! Calls of one pool: the core says whom to ask and what to answer, this asks and answers. No call waits for another, nor for
//! the pool's loop. It must never decide anything about a call.

mod alarm;
mod asked;
mod batch;
mod clock;
mod flight;
mod judge;
mod reach;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::core::pool::Input;
use crate::core::{
    Again, Call, CallEffect, CallInput, Class, Fault, Millis, NodeId, Pace, Refusal, Transport, View,
    error_response, result_response,
};
use crate::evidence::Ended;
use crate::filters::{Filters, Taken};
use crate::metrics::{Limit, Outcome};
use crate::record::{CallRecord, PoolRecord};
use crate::rules::Rules;
use crate::upstream::{NodeClient, Share, Unasked};
use alarm::Alarm;
use asked::look_up;
use flight::{Attempt, Flight, Sent, Way};
use reach::Seen;

pub(crate) use alarm::Alarms;
pub(crate) use asked::Asked;
pub(crate) use batch::{BATCH_CALLS_AT_ONCE, BatchRoom};
pub(crate) use clock::Clock;
pub(crate) use reach::{Reach, Reaches};

/// A call that does not say when it is to be looked at is looked at after so long.
const AGAIN_MS: u64 = 1_000;

/// What all calls of a pool share.
pub(crate) struct Exchange {
    pub(crate) nodes: Reaches,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) pace: Mutex<Pace>,
    /// Whoever holds them may still speak of every node that was there when they were made.
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) events: mpsc::Sender<Input>,
    pub(crate) clock: Clock,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) record: Arc<PoolRecord>,
    pub(crate) filters: Arc<Filters>,
}

impl Exchange {
    /// What counts now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The one answer of a request, under its id. `room` is that of its batch.
    pub(crate) async fn answer(&self, asked: Asked, room: Option<&BatchRoom>) -> Bytes {
        let record = CallRecord::begin(&self.record, asked.route.class, asked.whole().len(), asked.came);
        let asked = match asked.route.class {
            // Beside the others, so that every call does not carry the room that these need.
            Class::StatefulFilter => match Box::pin(self.filters.take(asked, room)).await {
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
        let mut call = Call::new(self.clock.at(record.began), asked.route, rules.limits, asked.ways);
        let (mut flight, mut alarm) = (Flight::new(asked, record), self.alarms.alarm());
        let mut input = CallInput::Start;
        loop {
            let seen = Arc::clone(&self.view.borrow());
            let effects = {
                let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
                call.step(self.clock.at(flight.at), &seen, &mut pace, input)
            };
            for effect in effects {
                if let Some((outcome, answer)) = self.carry_out(&mut flight, effect) {
                    let is_broadcast = flight.asked.route.again == Again::ByHash;
                    if is_broadcast && flight.is_waiting() {
                        // The transaction is to arrive at those as well. Each attempt has its time, and its place at the node.
                        tokio::spawn(Flight::run_out(std::mem::take(&mut flight.open)));
                    }
                    flight.record.over_at(flight.at, outcome, answer.len());
                    return answer;
                }
            }
            input = self.next(&mut flight, &mut alarm, &seen, call.wake_at()).await;
        }
    }

    fn head_answer(&self, asked: &Asked) -> Option<Bytes> {
        let height = if asked.asks_for_head { self.view.borrow().height() } else { None };
        Some(result_response(asked.id(), format!("\"{:#x}\"", height?).as_bytes()).into())
    }

    /// The answer and what it is, when there is one.
    fn carry_out(&self, flight: &mut Flight, effect: CallEffect) -> Option<(Outcome, Bytes)> {
        match effect {
            CallEffect::Send { attempt, node, via, within_ms } => {
                let is_beside = attempt > 0 && flight.is_waiting();
                if is_beside && flight.asked.route.again == Again::ByHash {
                    // A broadcast; it is no guess at which node is the faster.
                } else if is_beside {
                    flight.hedges.push(attempt);
                    flight.record.hedged();
                } else if attempt > 0 {
                    flight.record.retried();
                }
                self.send(flight, (attempt, node, via), None, within_ms);
            }
            CallEffect::LookUp { attempt, node, hash, within_ms, .. } => {
                self.send(flight, (attempt, node, Transport::Http), Some(look_up(hash)), within_ms);
            }
            CallEffect::Overdue { attempt } => {
                flight.sent(attempt).into_iter().for_each(|sent| self.is_overdue(sent));
            }
            CallEffect::Abandon { attempt, fault } => {
                flight.abandon(attempt);
                flight.record.ended(attempt, fault.map_or(Ended::GivenUp, Ended::Failed));
                if fault.is_some() {
                    flight.sent(attempt).into_iter().for_each(|sent| self.took_too_long(sent));
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

    /// What is asked is the call itself, unless it is said what else.
    fn send(
        &self,
        flight: &mut Flight,
        (number, node, via): (u32, NodeId, Transport),
        other: Option<Bytes>,
        within_ms: u64,
    ) {
        let (began, reach) = (flight.at, self.nodes.get(node));
        let mut sent = Sent { node, via, at: self.clock.at(began), began, reach };
        let place = sent.reach.as_ref().map(|reach| Arc::clone(&reach.places).try_acquire_owned());
        let (way, held) = match (&sent.reach, place) {
            (Some(reach), Some(Ok(place))) => {
                let over_line = reach.line.as_ref().filter(|_| via == Transport::Stream && other.is_none());
                let way = match over_line.map(|line| line.ask(flight.asked.whole(), flight.asked.id_range()))
                {
                    Some(Ok(reply)) => Way::Line(reply, within_ms),
                    Some(Err(Unasked::Closed)) => Way::Unsent(Fault::Closed),
                    Some(Err(Unasked::Full)) | None => {
                        sent.via = Transport::Http;
                        let body = other.unwrap_or_else(|| flight.asked.whole().clone());
                        over_http(&reach.client, body, within_ms, flight.asked.share.clone())
                    }
                };
                let working = self.record.attempt(node, flight.asked.whole().len());
                (way, Some((place, working)))
            }
            (Some(_), _) => (Way::Unsent(Fault::RateLimited { retry_after_ms: None }), None),
            (None, _) => (Way::Unsent(Fault::Refused), None),
        };
        flight.record.sent(number, node, sent.via, began);
        flight.sent.resize((number as usize + 1).max(flight.sent.len()), sent.clone());
        flight.sent[number as usize] = sent;
        flight.open.push(Attempt { number, way, _held: held });
    }

    async fn next(
        &self,
        flight: &mut Flight,
        alarm: &mut Alarm<'_>,
        seen: &Arc<View>,
        wake_at: Option<Millis>,
    ) -> CallInput {
        let wake_at = wake_at.unwrap_or_else(|| self.clock.at(flight.at).plus(AGAIN_MS));
        let ended = std::future::poll_fn(|context| {
            if let Poll::Ready(ending) = flight.poll_ended(context) {
                return Poll::Ready(Ok(ending));
            }
            // Whatever changes after this wakes it.
            alarm.set(wake_at, context);
            if !Arc::ptr_eq(&self.view.borrow(), seen) {
                return Poll::Ready(Err(CallInput::ViewChanged));
            }
            match self.alarms.looked() >= wake_at {
                true => Poll::Ready(Err(CallInput::Time)),
                false => Poll::Pending,
            }
        })
        .await;
        flight.at = Instant::now();
        ended.map_or_else(|input| input, |ending| self.judge(flight, ending))
    }
}

fn over_http(client: &NodeClient, body: Bytes, within_ms: u64, share: Option<Arc<Share>>) -> Way {
    let NodeClient::Rpc(http) = client.clone() else { return Way::Unsent(Fault::Refused) };
    let within = Duration::from_millis(within_ms);
    Way::Http(Box::pin(async move { http.post_as(body, within, share.as_deref()).await }))
}

pub(crate) fn outcome_of(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Unsupported(_) | Refusal::RateLimited { .. } | Refusal::TooLarge => Outcome::Refused,
        Refusal::NoNode { .. } | Refusal::Late { .. } => Outcome::Deadline,
        Refusal::Failed { .. } | Refusal::FateUnknown { .. } | Refusal::NotRepeated { .. } => Outcome::Failed,
    }
}
