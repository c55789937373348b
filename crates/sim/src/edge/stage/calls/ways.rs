//! Attempts on their way to a node and back: over HTTP, or under an id of their own over the node's stream. It must never
//! know what an answer means to its call.

use devnet::chain::Hash;
use devnet::node::Gate;
use edge::core::{Fault, NodeId, Transport, Upstream, scan_upstream, splice};

use super::super::super::link;
use super::super::super::net::Response;
use super::super::super::request::Wish;
use super::super::{DIAL_MS, Event};
use super::{OfCall, Sent, Stage, Unread};

/// Ids of calls on a stream. The connection's own requests have lower ones.
const FIRST_ID: u64 = 1 << 32;
/// Now and then a dial takes so much longer.
const SLOW_DIAL_MS_MAX: u64 = 400;
/// And now and then an answer comes twice, so much later.
const TWICE_MS_MAX: u64 = 3_000;

impl Stage {
    /// What is asked is the call itself, unless it is said what else.
    pub(super) fn send(
        &mut self,
        (call, attempt): (u64, u32),
        (id, via): (NodeId, Transport),
        other: Option<Vec<u8>>,
        within_ms: u64,
    ) {
        let Some(node) = self.members.node(id) else {
            return self.is_wrong(call, &format!("node {} is asked and is not there", id.0));
        };
        self.tally.attempts += 1;
        let is_over_stream = via == Transport::Stream && other.is_none();
        self.tally.over_streams += u64::from(is_over_stream);
        self.tally.look_ups += u64::from(other.is_some());
        let (at, until) = (self.now, self.now + within_ms);
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        let mut sent = Sent {
            node,
            id,
            via,
            at,
            until,
            body: other.unwrap_or_else(|| flight.whole.clone()),
            line: None,
            has_arrived: false,
            is_waited_for: true,
        };
        let link = &mut self.links[node];
        let line = link.connection.filter(|_| is_over_stream && link.subscription.is_some());
        if let Some(connection) = line {
            let own = FIRST_ID + link.asked;
            link.asked += 1;
            link.waiting.insert(own, (call, attempt));
            sent.body = splice(&sent.body, flight.id_range.clone(), own.to_string().as_bytes());
            sent.line = Some((connection, own));
        }
        let is_unsent = is_over_stream && sent.line.is_none();
        let is_in_turn = flight.sent.len() == attempt as usize;
        flight.sent.push(sent);
        if !is_in_turn {
            return self.is_wrong(call, &format!("attempt {attempt} is not the next"));
        }
        if is_unsent {
            return self.end_at(at, (call, attempt), false, Err(Fault::Closed));
        }
        let is_dialled = via == Transport::Http && self.calls.rng.chance(1, 20);
        let dial_ms = if is_dialled { self.calls.rng.below(SLOW_DIAL_MS_MAX) } else { 0 };
        let way = self.way_of_call_ms(node);
        self.at(at + way + dial_ms, Event::OfCall(OfCall::Arrives { call, attempt }));
    }

    pub(super) fn abandon(&mut self, call: u64, attempt: u32) {
        let Some(sent) = self.calls.sent(call, attempt) else { return };
        sent.is_waited_for = false;
        if let (node, Some((_, own))) = (sent.node, sent.line) {
            // What comes for it is nobody's.
            self.links[node].waiting.remove(&own);
        }
    }

    pub(super) fn arrives(&mut self, call: u64, attempt: u32) {
        let Some(sent) = self.calls.sent(call, attempt) else { return };
        sent.has_arrived = true;
        let (node, via, dialled_at) = (sent.node, sent.via, sent.at);
        let has_connection = via == Transport::Stream || self.calls.rng.chance(1, 2);
        match self.net.gate(node) {
            Gate::Closed if via == Transport::Stream => {}
            Gate::Closed => {
                let at = self.now + self.way_of_call_ms(node);
                self.end_at(at, (call, attempt), true, Err(Fault::Refused));
            }
            Gate::Hanging if !has_connection => {
                let at = self.now.max(dialled_at + DIAL_MS);
                self.end_at(at, (call, attempt), true, Err(Fault::DialTimeout));
            }
            Gate::Frozen => {
                self.may_have_acted(call);
                let life = self.net.lives[node];
                self.calls.unread.push(Unread { call, attempt, node, life });
            }
            Gate::Open | Gate::Hanging => self.is_read(call, attempt, true),
        }
    }

    /// A process that stood still goes on with what it was sent.
    pub(in super::super) fn goes_on(&mut self, node: usize) {
        let life = self.net.lives[node];
        let (read, unread): (Vec<Unread>, Vec<Unread>) =
            std::mem::take(&mut self.calls.unread).into_iter().partition(|unread| unread.node == node);
        self.calls.unread = unread;
        for Unread { call, attempt, .. } in read.into_iter().filter(|unread| unread.life == life) {
            self.is_read(call, attempt, false);
        }
    }

    /// Of a process that ended, whatever had been sent to it is reset.
    pub(in super::super) fn cut_calls(&mut self, node: usize) {
        let at = self.now + self.way_of_call_ms(node);
        let mut cut = Vec::new();
        for (call, flight) in &self.calls.flights {
            for (attempt, sent) in (0..).zip(&flight.sent) {
                if sent.node == node && sent.is_waited_for && sent.has_arrived && sent.via == Transport::Http
                {
                    cut.push((*call, attempt));
                }
            }
        }
        cut.into_iter().for_each(|which| self.end_at(at, which, true, Err(Fault::Reset)));
    }

    /// Whoever waits on a stream that ends is told so.
    pub(in super::super) fn line_closed(&mut self, node: usize) {
        let waiting = std::mem::take(&mut self.links[node].waiting);
        for which in waiting.into_values() {
            self.end_at(self.now, which, true, Err(Fault::Closed));
        }
    }

    /// Whether the frame is an answer to a call.
    pub(in super::super) fn answered_over_line(&mut self, node: usize, frame: &[u8]) -> bool {
        let Some(Upstream::Response(response)) = scan_upstream(frame) else { return false };
        let id = frame.get(response.id_range).and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let Some(own) = id.filter(|id: &u64| *id >= FIRST_ID) else { return false };
        match self.links[node].waiting.remove(&own) {
            Some(which) => self.ends(which, self.net.lives[node], true, Ok(frame.to_vec())),
            None => self.tally.late += 1,
        }
        true
    }

    fn is_read(&mut self, call: u64, attempt: u32, is_first: bool) {
        let Some(flight) = self.calls.flights.get(&call) else { return };
        let Some(sent) = flight.sent.get(attempt as usize).cloned() else { return };
        let transaction = match &flight.request.wish {
            Wish::Transaction { hash, .. } => Some(*hash),
            _ => None,
        };
        let knew = transaction.is_some_and(|hash| self.net.network.knows(sent.node, &hash, self.now));
        match sent.line {
            Some((connection, _)) if self.links[sent.node].connection == Some(connection) => {
                let pushed = self.net.network.frame(sent.node, connection, &sent.body, self.now);
                self.push(pushed);
            }
            Some(_) => {}
            None => self.is_posted((call, attempt), &sent, is_first),
        }
        if let Some(hash) = transaction.filter(|_| !knew) {
            self.is_taken(call, sent.node, hash);
        }
    }

    fn is_posted(&mut self, which: (u64, u32), sent: &Sent, is_first: bool) {
        let (response, pushed) = self.net.post(sent.node, &sent.body, self.now);
        self.push(pushed);
        let is_turned_away = matches!(response, Response::Answer { status: 400..=499, .. });
        if is_first && !is_turned_away {
            self.may_have_acted(which.0);
        }
        let back = self.way_of_call_ms(sent.node);
        let result = link::body(&response).map(<[u8]>::to_vec);
        let at = match response {
            Response::Refused => self.now + back,
            // Its time is over where it is waited for; or the core sees that by itself.
            Response::Nothing if self.calls.rng.chance(1, 2) => sent.until.max(self.now),
            Response::Nothing => return,
            Response::Reset { at_ms } | Response::Answer { at_ms, .. } => at_ms.max(self.now) + back,
        };
        if self.calls.rng.chance(1, 30) {
            let again = at + 1 + self.calls.rng.below(TWICE_MS_MAX);
            self.end_at(again, which, true, result.clone());
        }
        self.end_at(at, which, true, result);
    }

    fn is_taken(&mut self, call: u64, node: usize, hash: Hash) {
        if !self.net.network.knows(node, &hash, self.now) {
            return;
        }
        self.calls.taken_transactions.insert(hash);
        let Some(flight) = self.calls.flights.get_mut(&call) else { return };
        flight.is_taken = true;
        if flight.is_told_failed {
            self.is_wrong(call, &format!("node {node} took what was told to have failed"));
        }
    }

    fn end_at(
        &mut self,
        at: u64,
        (call, attempt): (u64, u32),
        was_sent: bool,
        result: Result<Vec<u8>, Fault>,
    ) {
        let Some(node) = self.calls.sent(call, attempt).map(|sent| sent.node) else { return };
        let life = self.net.lives[node];
        self.at(at, Event::OfCall(OfCall::Ends { call, attempt, life, was_sent, result }));
    }

    /// As [`Stage::way_ms`], without a say in when everything else comes.
    fn way_of_call_ms(&mut self, node: usize) -> u64 {
        let latency = self.plan.latency_ms[node];
        latency + self.calls.rng.below(latency / 4 + 1)
    }
}
