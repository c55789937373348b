//! What one pool has to tell: turns moments into times, leaves out what need not be told, and hands over the rest. It must
//! never wait, nor cost a call anything worth counting.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use smallvec::SmallVec;
use tokio::time::Instant;

use super::Evidence;
use super::sampler::{Sampler, Taken};
use super::signal::{self, Fact, Signal};
use super::told::{Attempt, Ended, Ids, Names, NodeName, Told, Trial, What};
use crate::config;
use crate::core::pool::Happening;
use crate::core::{Class, Fault, NodeId, Transport};
use crate::metrics::Outcome;

pub(crate) struct Witness {
    evidence: Arc<Evidence>,
    /// By id. They change with the configuration; what was told before keeps those of its time.
    names: RwLock<Arc<Names>>,
    calls: Mutex<Sampler>,
    /// Questions of our own, so that clients' calls do not push them out.
    watch: Mutex<Sampler>,
}

/// A moment on the clock that everybody reads. Taken when it is told, so that a clock that is set right is right from then on.
#[derive(Clone, Copy)]
struct Clock {
    instant: Instant,
    ns: u64,
}

impl Clock {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }

    fn at(self, moment: Instant) -> u64 {
        let ago = self.instant.saturating_duration_since(moment).as_nanos();
        self.ns.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX))
    }
}

impl Witness {
    pub(crate) fn new(pool: &config::Pool, evidence: &Arc<Evidence>) -> Self {
        let names = Names { pool: Arc::clone(&pool.name), nodes: Vec::new() };
        Self {
            evidence: Arc::clone(evidence),
            names: RwLock::new(Arc::new(names)),
            calls: Mutex::default(),
            watch: Mutex::default(),
        }
    }

    /// The pool has these nodes now, each with its id. One that has left keeps its name until its id is another's.
    pub(crate) fn seated(&self, pool: &config::Pool, ids: &[Option<NodeId>]) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = names.nodes.clone();
        for (node, id) in pool.nodes.iter().zip(ids) {
            let Some(place) = id.map(|id| usize::from(id.0)) else { continue };
            let name = NodeName::of(node);
            if place >= nodes.len() {
                nodes.resize(place + 1, name.clone());
            }
            nodes[place] = name;
        }
        *names = Arc::new(Names { pool: Arc::clone(&names.pool), nodes });
    }

    fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a call should remember its attempts.
    pub(crate) fn follows_calls(&self) -> bool {
        self.evidence.tells_spans()
    }

    /// A call of a client is over.
    pub(crate) fn call(&self, class: Class, outcome: Outcome, began: Instant, trials: &[Trial]) {
        if !self.evidence.tells_spans() {
            return;
        }
        let clock = Clock::now();
        let attempt = |trial: &Trial| {
            let (over, ended) = trial.over.unwrap_or((clock.instant, Ended::GivenUp));
            let (began_ns, ended_ns) = (clock.at(trial.began), clock.at(over));
            Attempt { node: trial.node, via: trial.via, began_ns, ended_ns, ended }
        };
        let attempts: SmallVec<[Attempt; 2]> = trials.iter().map(attempt).collect();
        self.tell(&self.calls, clock, began, What::Call { class, outcome, attempts });
    }

    /// A question of our own was answered, or a connection opened; or not.
    pub(crate) fn watched(&self, node: NodeId, began: Instant, fault: Option<Fault>) {
        self.tell(&self.watch, Clock::now(), began, What::Watch { node, fault });
    }

    pub(crate) fn happened(&self, happening: &Happening) {
        if let Some(fact) = signal::of(happening, &self.names()) {
            self.signal(fact);
        }
        let now = Clock::now();
        match *happening {
            // What no answer and no connection told of.
            Happening::WentDown { node, fault: fault @ (Fault::Stalled | Fault::Behind), .. } => {
                self.watched(node, now.instant, Some(fault));
            }
            Happening::Lied { node } => self.watched(node, now.instant, Some(Fault::Lying)),
            Happening::Bridged { blocks } => {
                self.tell(&self.watch, now, now.instant, What::Gap { blocks, is_closed: true });
            }
            Happening::Jumped { from, to } => {
                let blocks = to.number.saturating_sub(from.number);
                self.tell(&self.watch, now, now.instant, What::Gap { blocks, is_closed: false });
            }
            _ => {}
        }
    }

    /// Another node is to be used in the place of one that went down.
    pub(crate) fn fails_over(&self, from: NodeId, to: NodeId, transport: Transport, fault: Fault) {
        self.signal(signal::failover(&self.names(), from, to, transport, fault));
    }

    /// A node that another one stood for is used again.
    pub(crate) fn fails_back(&self, node: NodeId, transport: Transport) {
        self.signal(signal::failback(&self.names(), node, transport));
    }

    /// It was used.
    pub(crate) fn failed_over(&self, from: NodeId, to: NodeId, fault: Fault, began: Instant) {
        self.tell(&self.watch, Clock::now(), began, What::Failover { from, to, fault });
    }

    fn signal(&self, fact: Fact) {
        if self.evidence.tells_signals() {
            let number = self.evidence.signals_told.fetch_add(1, Ordering::Relaxed);
            self.evidence.signals.push(Signal { number, at_ns: Clock::now().ns, fact });
        }
    }

    fn tell(&self, sampler: &Mutex<Sampler>, clock: Clock, began: Instant, what: What) {
        if !self.evidence.tells_spans() {
            return;
        }
        let ids = Ids::new(self.evidence.seed, self.evidence.traces_told.fetch_add(1, Ordering::Relaxed));
        let second = clock.ns / 1_000_000_000;
        let taken = {
            // Whoever panicked left numbers behind.
            let mut sampler = sampler.lock().unwrap_or_else(PoisonError::into_inner);
            sampler.take(second, ids, Told::has_failed(&what))
        };
        match taken {
            Taken::Yes { halvings } => self.evidence.traces.push(Told {
                names: self.names(),
                ids,
                halvings,
                began_ns: clock.at(began),
                ended_ns: clock.ns,
                what,
            }),
            Taken::LeftOut => {}
            Taken::TooMany => self.evidence.traces.dropped(1),
        }
    }
}
