//! What an attempt's end says of its node, and what the pool is told of it, as the edge's exchange tells it. It must never
//! decide whom to ask next.

use edge::core::pool::Input;
use edge::core::{AnswerKind, CallInput, Fault, Meaning, NodeId, Response, Transport, scan_response, splice};

use super::super::Event;
use super::{Stage, Told};

/// Of successes the pool is told one in so long.
const TOLD_EVERY_MS: u64 = 1_000;
/// Of calls that wait for a node longer than usual the pool is told one in so long.
const OVERDUE_EVERY_MS: u64 = 20;

/// What calls saw of a node by one way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    told_ms: u64,
    answered_ms: u64,
    /// When the pool was told that it owes an answer; 0 once it gave one.
    overdue_ms: u64,
    /// The pool was told a failure of it, and no success since.
    is_blamed: bool,
}

/// Of an attempt: whom, by which way, and when.
type Asked = (NodeId, Transport, u64);

impl Stage {
    /// The node has this id from now on.
    pub(in super::super) fn is_seated(&mut self, node: NodeId) {
        self.calls.pace.latencies.forget(node);
        for via in [Transport::Http, Transport::Stream] {
            self.calls.seen.remove(&(node, via));
        }
    }

    pub(super) fn ends(
        &mut self,
        (call, attempt): (u64, u32),
        life: u64,
        was_sent: bool,
        result: Result<Vec<u8>, Fault>,
    ) {
        let lives = &self.net.lives;
        let Some(sent) = self.calls.sent(call, attempt) else { return };
        if lives[sent.node] != life {
            // Nothing comes of a process that is gone; its end was told already.
            return;
        }
        let was_waited_for = std::mem::replace(&mut sent.is_waited_for, false);
        let said = result.and_then(|body| {
            let response = scan_response(&body).ok_or(Fault::Malformed)?;
            Ok((body, response))
        });
        let input = if was_waited_for {
            self.judged(call, attempt, was_sent, said)
        } else {
            self.tally.late += 1;
            self.late(call, attempt, said)
        };
        if let Some(input) = input {
            self.step_call(call, input);
        }
    }

    /// The core is told all the same: it has to know by itself whom nobody waits for.
    fn late(&self, call: u64, attempt: u32, said: Result<(Vec<u8>, Response), Fault>) -> Option<CallInput> {
        let route = self.calls.flights.get(&call)?.route;
        Some(match said {
            Ok((body, response)) => {
                CallInput::Answered { attempt, answer: AnswerKind::of(&route, &body, &response.kind) }
            }
            Err(fault) => CallInput::Failed { attempt, fault },
        })
    }

    fn judged(
        &mut self,
        call: u64,
        attempt: u32,
        was_sent: bool,
        said: Result<(Vec<u8>, Response), Fault>,
    ) -> Option<CallInput> {
        let (body, response) = match said {
            Ok(said) => said,
            Err(fault) => {
                // A node that was sent nothing did nothing wrong.
                if was_sent {
                    self.attempt_failed(call, attempt, fault);
                }
                return Some(CallInput::Failed { attempt, fault });
            }
        };
        let flight = self.calls.flights.get_mut(&call)?;
        let answer = AnswerKind::of(&flight.route, &body, &response.kind);
        let is_good = !matches!(answer, AnswerKind::Error(Meaning::NodeFault(_)));
        let id = flight.request.id.as_bytes();
        let is_under_id = body.get(response.id_range.clone()) == Some(id);
        let body = if is_under_id { body } else { splice(&body, response.id_range, id) };
        let said = flight.request.said(&body);
        flight.is_reverted |= said.as_ref().is_ok_and(|said| flight.request.is_reverted(said));
        flight.answers.push(Told { attempt, is_good, body });
        if let Err(what) = said {
            self.is_wrong(call, &what);
        }
        self.showed_life(call, attempt);
        match answer {
            AnswerKind::Error(Meaning::NodeFault(fault)) => self.attempt_failed(call, attempt, fault),
            _ => self.did_well(call, attempt),
        }
        Some(CallInput::Answered { attempt, answer })
    }

    /// What a call alone could bring about counts only once another node did better.
    fn attempt_failed(&mut self, call: u64, attempt: u32, fault: Fault) {
        match fault {
            Fault::Timeout => self.took_too_long(call, attempt),
            Fault::NodeError | Fault::Malformed | Fault::Status(_) | Fault::Behind => {
                if let Some(flight) = self.calls.flights.get_mut(&call) {
                    flight.suspicions.push((attempt, fault));
                }
            }
            _ => self.is_to_blame(call, attempt, fault),
        }
    }

    pub(super) fn blame(&mut self, call: u64, answered: u32) {
        let Some(flight) = self.calls.flights.get(&call) else { return };
        let by = flight.sent.get(answered as usize).map(|sent| sent.id);
        for (attempt, fault) in flight.suspicions.clone() {
            if self.calls.sent(call, attempt).is_some_and(|sent| Some(sent.id) != by) {
                self.is_to_blame(call, attempt, fault);
            }
        }
    }

    fn showed_life(&mut self, call: u64, attempt: u32) {
        let now = self.now;
        let Some((asked, seen)) = self.seen_of(call, attempt) else { return };
        seen.answered_ms = now;
        if std::mem::take(&mut seen.overdue_ms) != 0 {
            self.traffic(asked, Ok(()));
        }
    }

    /// A node that answered others in the meantime only takes its time.
    pub(super) fn is_overdue(&mut self, call: u64, attempt: u32) {
        let now = self.now;
        let Some(((node, via, at), seen)) = self.seen_of(call, attempt) else { return };
        if seen.answered_ms < at && now >= seen.overdue_ms + OVERDUE_EVERY_MS {
            seen.overdue_ms = now;
            self.at(now, Event::Say(Input::Overdue { node, via }));
        }
    }

    pub(super) fn took_too_long(&mut self, call: u64, attempt: u32) {
        let Some(((_, _, at), seen)) = self.seen_of(call, attempt) else { return };
        if seen.answered_ms < at {
            self.is_to_blame(call, attempt, Fault::Timeout);
        }
    }

    /// Who holds a node's stream tells of its end.
    fn is_to_blame(&mut self, call: u64, attempt: u32, fault: Fault) {
        let Some((asked, seen)) = self.seen_of(call, attempt) else { return };
        if asked.1 == Transport::Stream && fault == Fault::Closed {
            return;
        }
        seen.is_blamed = true;
        self.traffic(asked, Err(fault));
    }

    /// What failed in a row is counted, so the end of a row is told at once.
    fn did_well(&mut self, call: u64, attempt: u32) {
        let now = self.now;
        let Some((asked, seen)) = self.seen_of(call, attempt) else { return };
        let is_due = now >= seen.told_ms + TOLD_EVERY_MS;
        if is_due {
            seen.told_ms = now;
        }
        if std::mem::take(&mut seen.is_blamed) || is_due {
            self.traffic(asked, Ok(()));
        }
    }

    fn seen_of(&mut self, call: u64, attempt: u32) -> Option<(Asked, &mut Seen)> {
        let sent = self.calls.sent(call, attempt)?;
        let asked = (sent.id, sent.via, sent.at);
        Some((asked, self.calls.seen.entry((asked.0, asked.1)).or_default()))
    }

    fn traffic(&mut self, (node, transport, _): Asked, result: Result<(), Fault>) {
        self.at(self.now, Event::Say(Input::Traffic { node, transport, result }));
    }
}
