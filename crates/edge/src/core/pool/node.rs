//! A node of a pool, by what was seen of it. It must never know its address, nor the other nodes.

use super::{Heads, NodeSettings, PoolSettings, Readiness};
use crate::core::health::{Health, HealthTimes};
use crate::core::{Fault, Millis, NodeId, Standing, Tier, Transport};

/// Why calls go to others though the node can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// Until it is well again, which nobody knows when.
    Down(Fault),
    /// For a moment.
    Doubted(Fault),
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) tier: Tier,
    pub(super) weight: u16,
    pub(super) attempt_ms: u64,
    pub(super) draining: bool,
    http: Health,
    stream: Health,
    /// Why its calls go to others while it is not down, as that was told last: over HTTP, and over its stream.
    told_aside: [Option<Aside>; 2],
    /// `None` until it was asked which chain it is of.
    pub(super) is_of_chain: Option<bool>,
    pub(super) readiness: Readiness,
    /// Whether the stream is up.
    pub(super) is_connected: bool,
    /// When the stream was heard of last.
    pub(super) heard: Millis,
    /// When it was asked whether it lives, and did not answer yet.
    pub(super) pinged: Option<Millis>,
    /// Since when its head is below the announced one.
    pub(super) behind_since: Option<Millis>,
    /// Since when it tells of nothing new while another is beyond what it told of. What is announced may stand still for it.
    pub(super) passed_since: Option<Millis>,
    pub(super) probe_at: Millis,
    pub(super) is_probing: bool,
    pub(super) probe_began: Millis,
    /// What the last probe that was answered took.
    pub(super) probe_took_ms: u64,
    /// When a sign of life that was asked for is due.
    pub(super) sign_due: Option<Millis>,
    /// The same of its stream.
    pub(super) stream_sign_due: Option<Millis>,
    pub(super) poll_at: Millis,
    pub(super) is_polling: bool,
}

impl Node {
    pub(super) fn new(settings: &NodeSettings, times: HealthTimes) -> Self {
        Self {
            id: settings.id,
            tier: settings.tier,
            weight: settings.weight.max(1),
            attempt_ms: settings.attempt_ms,
            draining: false,
            http: Health::new(times),
            stream: Health::new(times),
            told_aside: [None; 2],
            is_of_chain: None,
            readiness: Readiness::Ready,
            is_connected: false,
            heard: Millis(0),
            pinged: None,
            behind_since: None,
            passed_since: None,
            probe_at: Millis(0),
            is_probing: false,
            probe_began: Millis(0),
            probe_took_ms: 0,
            sign_due: None,
            stream_sign_due: None,
            poll_at: Millis(0),
            is_polling: false,
        }
    }

    /// What was said anew; what was seen stays.
    pub(super) fn take_over(&mut self, settings: &NodeSettings, times: HealthTimes) {
        self.tier = settings.tier;
        self.weight = settings.weight.max(1);
        self.attempt_ms = settings.attempt_ms;
        self.http.set_times(times);
        self.stream.set_times(times);
    }

    pub(super) fn health(&self, transport: Transport) -> &Health {
        match transport {
            Transport::Http => &self.http,
            Transport::Stream => &self.stream,
        }
    }

    pub(super) fn health_mut(&mut self, transport: Transport) -> &mut Health {
        match transport {
            Transport::Http => &mut self.http,
            Transport::Stream => &mut self.stream,
        }
    }

    pub(super) fn standing(&self, now: Millis, transport: Transport) -> Standing {
        let is_there = transport == Transport::Http || self.is_connected;
        if self.is_of_chain != Some(true) || self.readiness == Readiness::Syncing || !is_there {
            return Standing::Out;
        }
        match self.health(transport).standing(now) {
            Standing::Out => Standing::Out,
            _ if self.draining => Standing::Draining,
            Standing::Serving if self.readiness == Readiness::Impaired => Standing::Suspect,
            standing => standing,
        }
    }

    /// Whether its calls go to others, and why. What it is down for says its health.
    pub(super) fn aside(&self, now: Millis, transport: Transport, is_behind: bool) -> Option<Aside> {
        if transport == Transport::Stream && !self.is_connected {
            return None;
        }
        match (self.is_of_chain, self.health(transport).fault(now)) {
            (None, _) => None,
            (Some(false), _) => Some(Aside::Down(Fault::WrongChain)),
            // How long it still lasts makes it no other.
            (_, Some(Fault::RateLimited { .. })) => {
                Some(Aside::Down(Fault::RateLimited { retry_after_ms: None }))
            }
            (_, Some(_)) => None,
            (_, None) if is_behind || self.readiness != Readiness::Ready => Some(Aside::Down(Fault::Behind)),
            (_, None) => self.health(transport).doubt(now).map(Aside::Doubted),
        }
    }

    /// What it was told to be aside for before, should that be something else.
    pub(super) fn turn_aside(&mut self, transport: Transport, aside: Option<Aside>) -> Option<Option<Aside>> {
        let told = match transport {
            Transport::Http => &mut self.told_aside[0],
            Transport::Stream => &mut self.told_aside[1],
        };
        let before = std::mem::replace(told, aside);
        (before != aside).then_some(before)
    }

    /// Of one that is no longer of the pool: whether what it has under way may still end well.
    pub(super) fn leaving_standing(&self, now: Millis, transport: Transport) -> Standing {
        match self.standing(now, transport) {
            Standing::Out => Standing::Out,
            _ => Standing::Leaving,
        }
    }

    /// Whether calls can be given to it at all.
    pub(super) fn is_routable(&self, now: Millis) -> bool {
        let is_open = |transport| !matches!(self.standing(now, transport), Standing::Out);
        is_open(Transport::Http) || is_open(Transport::Stream)
    }

    /// It answered something.
    pub(super) fn sign_of_life(&mut self, transport: Transport) {
        match transport {
            Transport::Http => self.sign_due = None,
            Transport::Stream => self.stream_sign_due = None,
        }
    }

    /// Whether its head has to be asked for: there is no stream that tells it, or the stream may have stopped to.
    pub(super) fn needs_polling(&self, now: Millis, stall_ms: u64) -> bool {
        let is_long = |since: Option<Millis>| since.is_some_and(|since| now.since(since) >= stall_ms);
        !self.is_connected || is_long(self.behind_since) || is_long(self.passed_since)
    }

    /// It lied. What it says meanwhile would be held against it once that is over.
    pub(super) fn is_shunned(&self, now: Millis) -> bool {
        self.http.is_shunned(now)
    }

    /// It asked for a pause: until then nothing is sent, whoever wants to know something.
    pub(super) fn paused_until(&self, now: Millis) -> Option<Millis> {
        match self.http.fault(now) {
            Some(Fault::RateLimited { retry_after_ms }) => Some(now.plus(retry_after_ms.unwrap_or(0))),
            _ => None,
        }
    }

    pub(super) fn wake_at(&self, now: Millis, has_claim: bool, settings: &PoolSettings) -> Vec<Millis> {
        let stall_ms = settings.stall_after_ms;
        let paused = self.paused_until(now).unwrap_or(now);
        let probe = (!self.is_probing).then_some(self.probe_at.max(paused));
        let needs_polling = self.needs_polling(now, stall_ms) || (!has_claim && !self.is_shunned(now));
        let polls = settings.heads == Heads::Followed && needs_polling && !self.is_polling;
        let poll = polls.then_some(self.poll_at.max(paused));
        let silent = self.is_connected.then(|| match self.pinged {
            Some(pinged) => pinged.plus(stall_ms - stall_ms / 2),
            None => self.heard.plus(stall_ms / 2),
        });
        let stalls = [self.behind_since, self.passed_since]
            .map(|since| since.filter(|_| self.is_connected).map(|since| since.plus(stall_ms)));
        let healths = [self.http.wake_at(now), self.stream.wake_at(now)];
        [probe, poll, silent, self.sign_due, self.stream_sign_due]
            .into_iter()
            .chain(stalls)
            .chain(healths)
            .flatten()
            .collect()
    }
}
