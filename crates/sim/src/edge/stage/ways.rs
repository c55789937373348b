//! The way to the nodes and back: dials, frames and requests that are under way, and what they come to. It must never know what
//! the edge makes of them.

use devnet::network::Pushed;
use devnet::node::{Action, ConnectionId, Face, Gate};
use edge::core::chain::Fetched;
use edge::core::pool::Input;
use edge::core::{Fault, NodeId, wire};

use super::super::link;
use super::super::net::{Response, is_end};
use super::{ATTEMPT_MS, DIAL_MS, Event, Purpose, REDIAL_MS, Stage};

impl Stage {
    pub(super) fn dial(&mut self, node: usize) {
        let link = &mut self.links[node];
        link.attempt += 1;
        (link.connection, link.subscription) = (None, None);
        let attempt = link.attempt;
        let way = self.way_ms(node);
        self.at(self.now + way, Event::Arrive { node, attempt });
    }

    pub(super) fn arrive(&mut self, node: usize, attempt: u64) {
        if self.links[node].attempt != attempt {
            return;
        }
        let back = self.now + self.way_ms(node);
        let fault = match self.net.gate(node) {
            Gate::Closed => Some((back, Fault::Refused)),
            Gate::Hanging | Gate::Frozen => Some((self.now + DIAL_MS, Fault::DialTimeout)),
            Gate::Open => None,
        };
        if let Some((at, fault)) = fault {
            return self.at(at, Event::Lost { node, attempt, fault });
        }
        match self.net.network.open(node) {
            Err(status) => self.at(back, Event::Lost { node, attempt, fault: Fault::Status(status) }),
            Ok(connection) => self.subscribe(node, attempt, connection, back),
        }
    }

    fn subscribe(&mut self, node: usize, attempt: u64, connection: ConnectionId, back: u64) {
        self.links[node].connection = Some(connection);
        self.links[node].last_frame_ms = back;
        let request = br#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
        let pushed = self.net.network.frame(node, connection, request, self.now);
        self.push(pushed);
        // Until it is answered; the attempt is another one then.
        self.at(self.now + ATTEMPT_MS, Event::Lost { node, attempt, fault: Fault::Timeout });
    }

    /// Things that nodes do by themselves are under way.
    pub(super) fn push(&mut self, pushed: Vec<Pushed>) {
        for Pushed { node, push } in pushed.into_iter().filter(|pushed| pushed.push.face == Face::Execution) {
            let way = self.way_ms(node);
            let link = &mut self.links[node];
            let at = (push.at_ms.max(self.now) + way).max(link.last_frame_ms);
            link.last_frame_ms = at;
            self.at(at, Event::Frame { node, connection: push.connection, action: push.action });
        }
    }

    pub(super) fn frame(&mut self, node: usize, connection: ConnectionId, action: Action) {
        if self.links[node].connection != Some(connection) {
            return;
        }
        if is_end(&action) {
            let fault = if matches!(action, Action::Reset) { Fault::Reset } else { Fault::Closed };
            return self.lost(node, fault);
        }
        let Action::Send(frame) = action else { return };
        if self.answered_over_line(node, &frame) {
            return;
        }
        match link::frame(&frame) {
            Some(link::Frame::Notification { subscription, raw }) => self.notified(node, &subscription, &raw),
            Some(link::Frame::Answer { id: 1, result }) if self.links[node].subscription.is_none() => {
                match result {
                    Ok(subscription) => {
                        self.links[node].attempt += 1;
                        self.links[node].subscription = Some(subscription);
                        self.say(Input::Connected { node: self.members.id(node) });
                    }
                    Err(fault) => self.lost(node, fault),
                }
            }
            _ => {}
        }
    }

    fn notified(&mut self, node: usize, subscription: &str, raw: &[u8]) {
        if self.links[node].subscription.as_deref() != Some(subscription) {
            return;
        }
        match wire::block(raw) {
            Some(block) => {
                let block = self.net.numbered(block);
                self.say(Input::Head { node: self.members.id(node), block });
            }
            None => self.wrong = Some("a head cannot be read".to_owned()),
        }
    }

    pub(super) fn lost(&mut self, node: usize, fault: Fault) {
        self.hang_up(node);
        let attempt = self.links[node].attempt;
        self.at(self.now + REDIAL_MS, Event::Dial { node, attempt });
        self.say(Input::Lost { node: self.members.id(node), fault });
    }

    pub(super) fn hang_up(&mut self, node: usize) {
        let link = &mut self.links[node];
        link.attempt += 1;
        link.subscription = None;
        if let Some(connection) = link.connection.take() {
            self.net.network.closed(node, Face::Execution, connection);
        }
        self.line_closed(node);
    }

    pub(super) fn ask(&mut self, node: usize, id: NodeId, purpose: Purpose) {
        let body = match purpose {
            Purpose::Probe => r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#.to_owned(),
            Purpose::Poll => {
                r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",false]}"#
                    .to_owned()
            }
            Purpose::Block(hash) => {
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByHash","params":["{hash}",false]}}"#
                )
            }
            Purpose::Logs(hash) => {
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{{"blockHash":"{hash}"}}]}}"#
                )
            }
        };
        let response = self.request(node, &body);
        let syncing = r#"{"jsonrpc":"2.0","id":1,"method":"eth_syncing","params":[]}"#;
        let syncing = (purpose == Purpose::Probe).then(|| self.request(node, syncing));
        let sent = |response: &Response, now: u64| match response {
            Response::Refused => now,
            Response::Nothing => now + ATTEMPT_MS,
            Response::Reset { at_ms } | Response::Answer { at_ms, .. } => (*at_ms).max(now),
        };
        let at = sent(&response, self.now).max(syncing.as_ref().map_or(0, |other| sent(other, self.now)));
        let at = at + self.way_ms(node);
        let life = self.net.lives[node];
        self.at(at, Event::Come { node, id, life, purpose, response, syncing });
    }

    pub(super) fn request(&mut self, node: usize, body: &str) -> Response {
        let (response, pushed) = self.net.request(node, body.as_bytes(), self.now);
        self.push(pushed);
        response
    }

    pub(super) fn come(
        &mut self,
        node: NodeId,
        purpose: Purpose,
        response: &Response,
        syncing: Option<&Response>,
    ) {
        let result = link::result(response);
        let input = match purpose {
            Purpose::Probe => {
                let syncing = syncing.map_or(Err(Fault::Malformed), link::result);
                Input::Probed { node, result: link::probe(result, syncing) }
            }
            Purpose::Poll => match link::block(result) {
                Ok(block) => Input::Polled { node, block: self.net.numbered(block) },
                Err(fault) => Input::PollFailed { node, fault },
            },
            Purpose::Block(hash) => {
                let result = match link::fetched(result) {
                    Fetched::Found(block) => Fetched::Found(self.net.numbered(block)),
                    other => other,
                };
                Input::Fetched { node, hash, result }
            }
            Purpose::Logs(hash) => {
                // A node may answer before it has indexed the block.
                let is_early = self.rng.chance(1, 16);
                let result = link::logs(result, hash).map(|logs| if is_early { Vec::new() } else { logs });
                Input::LogsFetched { node, hash, result }
            }
        };
        self.say(input);
    }

    pub(super) fn ping(&mut self, node: usize) {
        // A frozen process answers nothing, however alive its host is.
        if matches!(self.net.gate(node), Gate::Open | Gate::Hanging) {
            let attempt = self.links[node].attempt;
            let at = self.now + 2 * self.way_ms(node);
            self.at(at, Event::Pong { node, attempt });
        }
    }
}
