//! What one request has under way and in hand. It must never choose a node.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use serde::de::IgnoredAny;
use smallvec::SmallVec;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::shown::ask_readable;
use super::{Busy, Got, RestExchange};
use crate::core::rest::{Service, route};
use crate::core::{
    Again, AnswerKind, CallEffect, CallInput, Fault, Meaning, Millis, NodeId, Transport, View,
};
use crate::evidence::Ended;
use crate::record::CallRecord;
use crate::rules::Rules;
use crate::upstream::{NodeClient, RestClient, RestRequest, retry_after_ms};

/// Of an answer, so much is held before any of it is passed on.
pub(super) const HELD_BYTES_MAX: usize = 1 << 20;

type Attempt = Pin<Box<dyn Future<Output = (u32, Duration, Result<Got, Fault>)> + Send>>;

pub(super) struct Flight<'a> {
    exchange: &'a Arc<RestExchange>,
    /// Whoever holds them may speak of every node that was there.
    _rules: Arc<Rules>,
    request: RestRequest,
    again: Again,
    open: FuturesUnordered<Attempt>,
    /// Attempts that nobody waits for any more.
    abandoned: SmallVec<[u32; 2]>,
    /// Of each attempt.
    sent: SmallVec<[(NodeId, Millis); 3]>,
    answers: SmallVec<[(u32, Got); 1]>,
    /// Attempts that were made while another was under way.
    hedges: SmallVec<[u32; 1]>,
    /// What may be about the request or about the node.
    doubts: SmallVec<[(NodeId, Fault); 1]>,
    pub(super) record: CallRecord,
}

impl<'a> Flight<'a> {
    pub(super) fn new(
        exchange: &'a Arc<RestExchange>,
        rules: Arc<Rules>,
        (request, again): (RestRequest, Again),
        record: CallRecord,
    ) -> Self {
        Self {
            exchange,
            _rules: rules,
            request,
            again,
            open: FuturesUnordered::new(),
            abandoned: SmallVec::new(),
            sent: SmallVec::new(),
            answers: SmallVec::new(),
            hedges: SmallVec::new(),
            doubts: SmallVec::new(),
            record,
        }
    }

    /// Of effects that do not end the request.
    pub(super) fn carry_out(&mut self, effect: CallEffect) {
        match effect {
            CallEffect::Send { attempt, node, within_ms, .. } => {
                if attempt > 0 && self.open.len() > self.abandoned.len() {
                    self.hedges.push(attempt);
                    self.record.hedged();
                } else if attempt > 0 {
                    self.record.retried();
                }
                self.send(attempt, node, within_ms);
            }
            CallEffect::Abandon { attempt, fault } => {
                self.abandoned.push(attempt);
                self.record.ended(attempt, fault.map_or(Ended::GivenUp, Ended::Failed));
                if fault.is_some() {
                    self.timed_out(attempt);
                }
            }
            CallEffect::Overdue { attempt } => {
                if let Some((node, sent_at)) = self.sent.get(attempt as usize).copied() {
                    self.exchange.calls.overdue((node, sent_at));
                }
            }
            // Of transactions alone.
            _ => {}
        }
    }

    fn send(&mut self, attempt: u32, node: NodeId, within_ms: u64) {
        self.record.sent(attempt, node, Transport::Http, Instant::now());
        let sent = (node, self.exchange.calls.now());
        self.sent.resize((attempt as usize + 1).max(self.sent.len()), sent);
        self.sent[attempt as usize] = sent;
        let Some(reach) = self.exchange.calls.nodes.get(node) else {
            return self.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(Fault::Refused)) }));
        };
        let Ok(place) = Arc::clone(&reach.places).try_acquire_owned() else {
            let full = Fault::RateLimited { retry_after_ms: None };
            return self.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(full)) }));
        };
        let busy = Busy {
            _place: place,
            _record: self.exchange.calls.record.attempt(node, self.request.body.len()),
        };
        let within = Duration::from_millis(within_ms);
        let NodeClient::Rest(client) = reach.client.clone() else {
            return self.open.push(Box::pin(async move { (attempt, Duration::ZERO, Err(Fault::Refused)) }));
        };
        let mut request = self.request.clone();
        if !reach.secrets.is_empty() {
            ask_readable(&mut request.headers);
        }
        self.open.push(Box::pin(async move {
            let began = Instant::now();
            let result = ask(&client, &request, within, busy).await;
            (attempt, began.elapsed(), result)
        }));
    }

    pub(super) async fn next(
        &mut self,
        view: &mut watch::Receiver<Arc<View>>,
        wake_at: Option<Millis>,
    ) -> CallInput {
        let now = self.exchange.calls.now();
        let wake = wake_at.map_or(Duration::from_secs(1), |at| Duration::from_millis(at.since(now)));
        let wake = sleep_until(Instant::now() + wake);
        tokio::pin!(wake);
        loop {
            tokio::select! {
                Some((attempt, took, result)) = self.open.next() => {
                    match self.abandoned.iter().position(|of| *of == attempt) {
                        Some(at) => drop(self.abandoned.swap_remove(at)),
                        None => return self.judge(attempt, took, result),
                    }
                }
                changed = view.changed() => match changed {
                    Ok(()) => return CallInput::ViewChanged,
                    // The pool is gone; what is under way goes on.
                    Err(_) => {
                        wake.as_mut().await;
                        return CallInput::Time;
                    }
                },
                () = &mut wake => return CallInput::Time,
            }
        }
    }

    fn judge(&mut self, attempt: u32, took: Duration, result: Result<Got, Fault>) -> CallInput {
        let node = self.node_of(attempt);
        let read = result.and_then(|got| match kind(self.exchange.service, self.again, &got) {
            Some(kind) => Ok((got, kind)),
            None => Err(Fault::Malformed),
        });
        let (got, answer) = match read {
            Ok(read) => read,
            Err(fault) => {
                // A node that was given all it may have did nothing wrong.
                if took > Duration::ZERO {
                    self.failed(attempt, fault);
                    self.record.ended(attempt, Ended::Failed(fault));
                }
                return CallInput::Failed { attempt, fault };
            }
        };
        self.exchange.calls.answered(node);
        self.record.ended(
            attempt,
            match answer {
                AnswerKind::Error(Meaning::NodeFault(fault)) => Ended::Failed(fault),
                _ => Ended::Answered,
            },
        );
        match answer {
            AnswerKind::Error(Meaning::NodeFault(fault)) => self.failed(attempt, fault),
            _ => self.exchange.calls.worked(node, took, got.held.iter().map(Bytes::len).sum()),
        }
        self.answers.push((attempt, got));
        CallInput::Answered { attempt, answer }
    }

    /// What that attempt was answered, and by whom.
    pub(super) fn take(&mut self, attempt: u32) -> Option<(NodeId, Got)> {
        if self.hedges.contains(&attempt) {
            self.record.hedge_won();
        }
        let at = self.answers.iter().position(|(of, _)| *of == attempt)?;
        let (_, got) = self.answers.swap_remove(at);
        Some((self.node_of(attempt), got))
    }

    fn node_of(&self, attempt: u32) -> NodeId {
        self.sent.get(attempt as usize).map_or(NodeId(0), |(node, _)| *node)
    }

    /// What the request alone could bring about counts only once another node did better. Where none may be asked, a status
    /// that speaks of the node is believed.
    fn failed(&mut self, attempt: u32, fault: Fault) {
        let node = self.node_of(attempt);
        let is_believed = match fault {
            Fault::Timeout => return self.timed_out(attempt),
            Fault::Status(status) => self.again == Again::IfUnsent && route::is_of_the_node(status),
            Fault::NodeError | Fault::Malformed | Fault::Behind => false,
            _ => true,
        };
        self.exchange.calls.record.attempt_failed(node, Transport::Http, fault);
        if is_believed {
            self.exchange.calls.failed(node, fault);
        } else {
            self.doubts.push((node, fault));
        }
    }

    fn timed_out(&self, attempt: u32) {
        self.sent.get(attempt as usize).into_iter().for_each(|sent| self.exchange.calls.timed_out(*sent));
    }

    /// Where another node could answer, it was not about the request.
    pub(super) fn settle_doubts(&self, told: StatusCode, by: NodeId) {
        if !told.is_server_error() {
            for (node, fault) in self.doubts.iter().filter(|(node, _)| *node != by) {
                self.exchange.calls.failed(*node, *fault);
            }
        }
    }
}

/// `None` for what no node means to say.
fn kind(service: Service, again: Again, got: &Got) -> Option<AnswerKind> {
    let status = got.head.status.as_u16();
    let kind = route::answer_kind(service, again, status, retry_after_ms(&got.head.headers));
    if service != Service::Beacon || status != 200 || got.rest.is_some() || !is_plain_json(&got.head) {
        return Some(kind);
    }
    let whole = got.held.concat();
    match &*whole {
        b"null" => Some(AnswerKind::Null),
        // To HEAD.
        b"" => Some(kind),
        whole => serde_json::from_slice::<IgnoredAny>(whole).is_ok().then_some(kind),
    }
}

fn is_plain_json(head: &Parts) -> bool {
    is_of_type(&head.headers, "application/json") && !head.headers.contains_key(CONTENT_ENCODING)
}

pub(super) fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().is_some_and(|said| said.trim().eq_ignore_ascii_case(expected))
}

/// All of an answer, or its beginning where it is too long, or still coming when half of the time is over. What stops in the
/// middle is no answer.
async fn ask(client: &RestClient, request: &RestRequest, within: Duration, busy: Busy) -> Result<Got, Fault> {
    let began = Instant::now();
    let until = began + within;
    let late = |_| Fault::Timeout;
    let response = timeout_at(until, client.send(request)).await.map_err(late)??;
    let (head, mut body) = response.into_parts();
    let mut held = Vec::new();
    if is_of_type(&head.headers, "text/event-stream") {
        return Ok(Got { head, held, rest: Some(body), busy });
    }
    let mut bytes = 0;
    loop {
        match timeout_at(until, body.frame()).await.map_err(late)? {
            None => return Ok(Got { head, held, rest: None, busy }),
            Some(Err(_)) => return Err(Fault::Reset),
            Some(Ok(frame)) => {
                let Ok(piece) = frame.into_data() else { continue };
                bytes += piece.len();
                held.push(piece);
            }
        }
        if bytes >= HELD_BYTES_MAX || began.elapsed() >= within / 2 {
            return Ok(Got { head, held, rest: Some(body), busy });
        }
    }
}
