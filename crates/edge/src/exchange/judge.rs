//! What an attempt's end says of its node, and who is told: the call, the metrics, and of what changes something the pool. It
//! must never decide whom to ask next.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::flight::{Ending, Flight, Sent, Told};
use super::{Exchange, Seen};
use crate::core::pool::Input;
use crate::core::{AnswerKind, CallInput, Fault, Meaning, Millis, NodeId, ResponseKind, Transport, splice};
use crate::evidence::Ended;
use crate::redact::scrub_error;

/// Of successes the pool is told one in so long.
const TOLD_EVERY_MS: u64 = 1_000;
/// Of calls that wait for a node longer than usual the pool is told one in so long.
const OVERDUE_EVERY_MS: u64 = 20;

impl Exchange {
    pub(super) fn judge(&self, flight: &mut Flight, ending: Ending) -> CallInput {
        let Ending { attempt, was_sent, result } = ending;
        let (body, response) = match result {
            Ok(said) => said,
            Err(fault) => {
                // A node that was given all it may have did nothing wrong.
                if was_sent {
                    self.attempt_failed(flight, attempt, fault);
                    flight.record.ended(attempt, Ended::Failed(fault));
                }
                return CallInput::Failed { attempt, fault };
            }
        };
        let answer = AnswerKind::of(&flight.asked.route, &body, &response.kind);
        let is_good = !matches!(answer, AnswerKind::Error(Meaning::NodeFault(_)));
        self.showed_life(flight.sent(attempt), flight.at);
        if let AnswerKind::Error(Meaning::NodeFault(fault)) = answer {
            self.attempt_failed(flight, attempt, fault);
            flight.record.ended(attempt, Ended::Failed(fault));
        } else {
            if let Some(sent) = flight.sent(attempt) {
                let took = flight.at.saturating_duration_since(sent.began);
                self.did_well(sent, (flight.at, took), body.len());
            }
            flight.record.ended(attempt, Ended::Answered);
        }
        let id = flight.asked.id();
        let body = match without_secrets(flight.sent(attempt), &body, &response.kind) {
            Some(error) => {
                let parts =
                    [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], id, b",\"error\":", error.as_bytes(), b"}"];
                parts.concat().into()
            }
            None if body.get(response.id_range.clone()) == Some(id) => body,
            None => splice(&body, response.id_range, id).into(),
        };
        flight.answers.push(Told { attempt, is_good, body });
        CallInput::Answered { attempt, answer }
    }

    /// What a call alone could bring about counts only once another node did better.
    fn attempt_failed(&self, flight: &mut Flight, attempt: u32, fault: Fault) {
        let Some(sent) = flight.sent(attempt) else { return };
        match fault {
            Fault::Timeout => self.took_too_long(sent),
            Fault::NodeError | Fault::Malformed | Fault::Status(_) | Fault::Behind => {
                self.record.attempt_failed(sent.node, sent.via, fault);
                flight.suspicions.push((attempt, fault));
            }
            _ => {
                self.record.attempt_failed(sent.node, sent.via, fault);
                self.is_to_blame(sent, fault);
            }
        }
    }

    pub(super) fn blame(&self, flight: &Flight, answered: u32) {
        let by = flight.sent(answered).map(|sent| sent.node);
        for (attempt, fault) in &flight.suspicions {
            if let Some(sent) = flight.sent(*attempt).filter(|sent| Some(sent.node) != by) {
                self.is_to_blame(sent, *fault);
            }
        }
    }

    /// The node gave a sign of life; whoever waits for one hears of it at once.
    fn showed_life(&self, sent: Option<&Sent>, at: Instant) {
        let Some((sent, seen)) = sent.and_then(|sent| Some((sent, sent.seen()?))) else { return };
        seen.answered_ms.store(self.clock.at(at).0, Ordering::Relaxed);
        if seen.overdue_ms.load(Ordering::Relaxed) != 0 && seen.overdue_ms.swap(0, Ordering::Relaxed) != 0 {
            self.traffic(sent, Ok(()));
        }
    }

    /// A node that answered others in the meantime only takes its time.
    pub(super) fn is_overdue(&self, sent: &Sent) {
        let Some(seen) = sent.seen() else { return };
        let (now, told) = (self.now().0, seen.overdue_ms.load(Ordering::Relaxed));
        let is_owed = seen.answered_ms.load(Ordering::Relaxed) < sent.at.0;
        if is_owed && now >= told + OVERDUE_EVERY_MS && seen.overdue_ms.swap(now, Ordering::Relaxed) == told {
            self.tell_pool(Input::Overdue { node: sent.node, via: sent.via });
        }
    }

    /// A node that answered others in the meantime was asked for much.
    pub(super) fn took_too_long(&self, sent: &Sent) {
        self.record.attempt_failed(sent.node, sent.via, Fault::Timeout);
        if sent.seen().is_some_and(|seen| seen.answered_ms.load(Ordering::Relaxed) < sent.at.0) {
            self.is_to_blame(sent, Fault::Timeout);
        }
    }

    /// Who holds a node's WebSocket tells of its end; a pool that has too much to do hears of the next failure.
    fn is_to_blame(&self, sent: &Sent, fault: Fault) {
        if sent.via == Transport::Stream && fault == Fault::Closed {
            return;
        }
        if let Some(seen) = sent.seen() {
            seen.is_blamed.store(true, Ordering::Relaxed);
        }
        self.traffic(sent, Err(fault));
    }

    fn did_well(&self, sent: &Sent, (at, took): (Instant, Duration), bytes: usize) {
        self.record.attempt_answered(sent.node, sent.via, took, bytes);
        let Some(seen) = sent.seen() else { return };
        let (now, told) = (self.clock.at(at).0, seen.told_ms.load(Ordering::Relaxed));
        // What failed in a row is counted, so the end of a row is told at once.
        let ends_a_row =
            seen.is_blamed.load(Ordering::Relaxed) && seen.is_blamed.swap(false, Ordering::Relaxed);
        let is_due = now >= told + TOLD_EVERY_MS && seen.told_ms.swap(now, Ordering::Relaxed) == told;
        if ends_a_row || is_due {
            self.traffic(sent, Ok(()));
        }
    }

    // The same for requests that are no JSON-RPC, which travel over HTTP alone.

    pub(crate) fn answered(&self, node: NodeId) {
        self.showed_life(Some(&self.over_http(node, Millis(0))), Instant::now());
    }

    pub(crate) fn overdue(&self, (node, sent_at): (NodeId, Millis)) {
        self.is_overdue(&self.over_http(node, sent_at));
    }

    pub(crate) fn timed_out(&self, (node, sent_at): (NodeId, Millis)) {
        self.took_too_long(&self.over_http(node, sent_at));
    }

    pub(crate) fn failed(&self, node: NodeId, fault: Fault) {
        self.is_to_blame(&self.over_http(node, Millis(0)), fault);
    }

    pub(crate) fn worked(&self, node: NodeId, took: Duration, bytes: usize) {
        self.did_well(&self.over_http(node, Millis(0)), (Instant::now(), took), bytes);
    }

    fn over_http(&self, node: NodeId, at: Millis) -> Sent {
        Sent { node, via: Transport::Http, at, began: Instant::now(), reach: self.nodes.get(node) }
    }

    fn traffic(&self, sent: &Sent, result: Result<(), Fault>) {
        self.tell_pool(Input::Traffic { node: sent.node, transport: sent.via, result });
    }

    fn tell_pool(&self, input: Input) {
        if self.events.try_send(input).is_err() {
            self.record.inputs_full.inc();
        }
    }
}

/// An error that repeats what the node was sent beside the request.
fn without_secrets(sent: Option<&Sent>, body: &[u8], kind: &ResponseKind) -> Option<String> {
    let ResponseKind::Error { range, .. } = kind else { return None };
    scrub_error(body.get(range.clone())?, &sent?.reach.as_ref()?.secrets)
}

impl Sent {
    fn seen(&self) -> Option<&Seen> {
        Some(self.reach.as_ref()?.seen(self.via))
    }
}
