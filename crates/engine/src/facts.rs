//! Facts from outside the request path: deployments and signals, each known once, for a bounded time.

use std::collections::BTreeMap;

use model::{Deployment, Nanos, Signal, Str};
use serde::{Deserialize, Serialize};

const DEPLOYMENTS_MAX: usize = 2_000;
const SIGNALS_MAX: usize = 10_000;
const KEEP_NS: u64 = 24 * 3_600 * model::SECOND_NS;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    deployments: Dated<Deployment>,
    signals: Dated<Signal>,
}

/// Facts in order of (time, id), so that what falls out first when a bound is reached is the oldest; each id once.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Dated<T> {
    by_time: BTreeMap<(Nanos, Str), T>,
    times: BTreeMap<Str, Nanos>,
}

impl<T> Default for Dated<T> {
    fn default() -> Self {
        Self { by_time: BTreeMap::new(), times: BTreeMap::new() }
    }
}

impl<T> Dated<T> {
    /// The first statement of an id stands; a later one changes nothing. Whether it was the first.
    fn add(&mut self, at: Nanos, id: &Str, fact: T, max: usize) -> bool {
        if self.times.contains_key(id) {
            return false;
        }
        self.times.insert(id.clone(), at);
        self.by_time.insert((at, id.clone()), fact);
        while self.by_time.len() > max {
            self.drop_first();
        }
        true
    }

    fn forget_before(&mut self, edge: Nanos) {
        while self.by_time.first_key_value().is_some_and(|((at, _), _)| *at < edge) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(((_, id), _)) = self.by_time.pop_first() {
            self.times.remove(&id);
        }
    }

    fn between(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = &T> {
        let end = to.saturating_add(1).max(from);
        self.by_time.range((from, Str::from(""))..(end, Str::from(""))).map(|(_, fact)| fact)
    }
}

impl Facts {
    /// Whether it was not known yet; so for signals.
    pub(crate) fn add_deployment(&mut self, deployment: Deployment) -> bool {
        self.deployments.add(deployment.at, &deployment.id.clone(), deployment, DEPLOYMENTS_MAX)
    }

    pub(crate) fn withdraw_deployment(&mut self, id: &Str) {
        if let Some(at) = self.deployments.times.remove(id) {
            self.deployments.by_time.remove(&(at, id.clone()));
        }
    }

    pub(crate) fn add_signal(&mut self, signal: Signal) -> bool {
        self.signals.add(signal.at, &signal.id.clone(), signal, SIGNALS_MAX)
    }

    pub(crate) fn forget(&mut self, now: Nanos) {
        let edge = now.saturating_sub(KEEP_NS);
        self.deployments.forget_before(edge);
        self.signals.forget_before(edge);
    }

    /// Deployments in `env` from `from` to `to`, oldest first.
    pub(crate) fn deployments(&self, env: &Str, from: Nanos, to: Nanos) -> impl Iterator<Item = &Deployment> {
        self.deployments.between(from, to).filter(move |d| d.env.as_ref().is_none_or(|e| e == env))
    }

    /// Signals that may concern `env` from `from` to `to`, oldest first.
    pub(crate) fn signals(&self, env: &Str, from: Nanos, to: Nanos) -> impl Iterator<Item = &Signal> {
        self.signals.between(from, to).filter(move |s| s.env.as_ref().is_none_or(|e| e == env))
    }
}

/// The signal says that its subject does not work (or says nothing of a status, as a bare alarm does).
pub(crate) fn is_bad_news(signal: &Signal) -> bool {
    !matches!(&*signal.status, "up" | "ok" | "resolved" | "healthy" | "pass" | "passing")
}
