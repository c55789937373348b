//! Facts from outside the request path: deployments and signals, each known once, for a bounded time.

use std::collections::BTreeMap;

use model::{Deployment, Nanos, Signal, Str};
use serde::{Deserialize, Serialize};

const DEPLOYMENTS_MAX: usize = 2_000;
const SIGNALS_MAX: usize = 10_000;
const KEEP_NS: u64 = 24 * 3_600 * model::SECOND_NS;

/// Ordered by (time, id): what falls out first when a bound is reached is the oldest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    deployments: BTreeMap<(Nanos, Str), Deployment>,
    signals: BTreeMap<(Nanos, Str), Signal>,
}

impl Facts {
    /// A second statement of the same id and time changes nothing.
    pub(crate) fn add_deployment(&mut self, deployment: Deployment) {
        self.deployments.entry((deployment.at, deployment.id.clone())).or_insert(deployment);
        while self.deployments.len() > DEPLOYMENTS_MAX {
            self.deployments.pop_first();
        }
    }

    pub(crate) fn add_signal(&mut self, signal: Signal) {
        self.signals.entry((signal.at, signal.id.clone())).or_insert(signal);
        while self.signals.len() > SIGNALS_MAX {
            self.signals.pop_first();
        }
    }

    pub(crate) fn forget(&mut self, now: Nanos) {
        let edge = (now.saturating_sub(KEEP_NS), Str::from(""));
        self.deployments = self.deployments.split_off(&edge);
        self.signals = self.signals.split_off(&edge);
    }

    /// Deployments in `env` from `from` to `to`, oldest first.
    pub(crate) fn deployments(&self, env: &Str, from: Nanos, to: Nanos) -> impl Iterator<Item = &Deployment> {
        between(&self.deployments, from, to).filter(move |d| d.env.as_ref().is_none_or(|e| e == env))
    }

    /// Signals that may concern `env` from `from` to `to`, oldest first.
    pub(crate) fn signals(&self, env: &Str, from: Nanos, to: Nanos) -> impl Iterator<Item = &Signal> {
        between(&self.signals, from, to).filter(move |s| s.env.as_ref().is_none_or(|e| e == env))
    }
}

fn between<T>(facts: &BTreeMap<(Nanos, Str), T>, from: Nanos, to: Nanos) -> impl Iterator<Item = &T> {
    let end = to.saturating_add(1);
    facts.range((from, Str::from(""))..(end.max(from), Str::from(""))).map(|(_, fact)| fact)
}

/// The signal says that its subject does not work (or says nothing of a status, as a bare alarm does).
pub(crate) fn is_bad_news(signal: &Signal) -> bool {
    !matches!(&*signal.status, "up" | "ok" | "resolved" | "healthy" | "pass" | "passing")
}
