//! Deployments that nobody announced: a version that a service did not report before. Works on the merged digest of a tick,
//! so the order of its events cannot matter. It must never know what a version is, nor whether a new one is to blame.
//!
//! A version is registered once. What a service reports in its first seconds was there before and is no deployment; a
//! version that goes on beside a new one stays known. One that comes back is a deployment again (a rollback) if it was gone
//! for long enough: by the clock, and by what the service did without it, so that a rare version is not always new.

use std::collections::BTreeMap;

use model::{Deployment, Nanos, SECOND_NS, Str};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::facts::Facts;
use crate::hash;
use crate::summary::{ServiceDigest, ServiceKey, Summary};

/// Versions that a service reports within this time of its first are those that were there.
const FIRST_LOOK_NS: u64 = 10 * SECOND_NS;
/// A version is gone when the service did without it for this long and in this many events.
const GONE_NS: u64 = 300 * SECOND_NS;
const GONE_EVENTS: u64 = 500;
const SERVICES_MAX: usize = 2_000;
/// Of one service; the one that was seen the longest ago goes first.
const VERSIONS_MAX: usize = 16;
/// Deployments of one service that are registered in an hour. A version that is different each time is none.
const HOURLY_MAX: usize = 8;
const HOUR_NS: u64 = 3_600 * SECOND_NS;
/// A service that has not reported for this long is new when it does again.
const KEEP_NS: u64 = 7 * 24 * HOUR_NS;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Versions {
    services: BTreeMap<ServiceKey, Service>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Service {
    first: Nanos,
    last: Nanos,
    /// Events that named a version.
    events: u64,
    versions: BTreeMap<Str, Presence>,
    /// When deployments were registered in the last hour.
    registered: Vec<Nanos>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Presence {
    last: Nanos,
    /// The service's events up to then.
    events_then: u64,
    /// The deployment that was registered when it came.
    deployment: Option<(Str, Nanos)>,
}

/// A version in the digest of a tick.
struct Seen {
    first: Nanos,
    last: Nanos,
    events: u64,
}

impl Versions {
    /// Registers what is new in a tick as deployments, and returns those.
    pub(crate) fn learn(&mut self, summary: &Summary, facts: &mut Facts, config: &Config) -> Vec<Deployment> {
        let mut found = Vec::new();
        for (key, digest) in summary.services.iter() {
            let seen = seen(digest, config.tick_ns());
            let (Some(first), Some(last)) =
                (seen.values().map(|s| s.first).min(), seen.values().map(|s| s.last).max())
            else {
                continue;
            };
            if !self.services.contains_key(key) && self.services.len() >= SERVICES_MAX {
                self.drop_least();
            }
            let service = self.services.entry(key.clone()).or_insert_with(|| Service {
                first,
                last,
                events: 0,
                versions: BTreeMap::new(),
                registered: Vec::new(),
            });
            let arrived = service.arrived(key, &seen, facts, config);
            service.note(&seen, last, &arrived);
            found.extend(arrived);
        }
        for deployment in &found {
            facts.add_deployment(deployment.clone());
        }
        found
    }

    /// An announced deployment takes the place of one that was registered by itself, before or after.
    pub(crate) fn announced(&mut self, deployment: &Deployment, facts: &mut Facts, config: &Config) {
        let window_ns = config.change_window_ms * 1_000_000;
        let same_service = |key: &ServiceKey| {
            key.service == deployment.service && deployment.env.as_ref().is_none_or(|env| *env == key.env)
        };
        for (_, service) in self.services.iter_mut().filter(|(key, _)| same_service(key)) {
            let Some(presence) = service.versions.get_mut(&deployment.version) else { continue };
            let near = |at: Nanos| at.since(deployment.at).max(deployment.at.since(at)) <= window_ns;
            if let Some((id, _)) = presence.deployment.take_if(|(_, at)| near(*at)) {
                facts.withdraw_deployment(&id);
            }
        }
    }

    pub(crate) fn forget(&mut self, now: Nanos) {
        self.services.retain(|_, service| now.since(service.last) <= KEEP_NS);
    }

    fn drop_least(&mut self) {
        let least = self.services.iter().min_by_key(|(key, service)| (service.last, (*key).clone()));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.services.remove(&key);
        }
    }
}

impl Service {
    /// The versions of a tick that are deployments, in order of coming.
    fn arrived(
        &mut self,
        key: &ServiceKey,
        seen: &BTreeMap<Str, Seen>,
        facts: &Facts,
        config: &Config,
    ) -> Vec<Deployment> {
        let mut new: Vec<(&Str, &Seen)> =
            seen.iter().filter(|(version, seen)| self.is_new(version, seen)).collect();
        new.sort_by_key(|(version, seen)| (seen.first, (*version).clone()));
        let mut arrived = Vec::new();
        for (version, seen) in new {
            self.registered.retain(|at| seen.first.since(*at) < HOUR_NS);
            let is_flood = self.registered.len() >= HOURLY_MAX;
            if is_flood || is_announced(key, version, seen.first, facts, config) {
                continue;
            }
            self.registered.push(seen.first);
            arrived.push(self.deployment(key, version, seen.first));
        }
        arrived
    }

    fn is_new(&self, version: &Str, seen: &Seen) -> bool {
        match self.versions.get(version) {
            None => seen.first.since(self.first) > FIRST_LOOK_NS,
            Some(known) => {
                seen.first.since(known.last) >= GONE_NS
                    && self.events.saturating_sub(known.events_then) >= GONE_EVENTS
            }
        }
    }

    fn deployment(&self, key: &ServiceKey, version: &Str, at: Nanos) -> Deployment {
        let others = self.versions.iter().filter(|(other, _)| *other != version);
        let previous = others.max_by_key(|(name, presence)| (presence.last, *name)).map(|(name, _)| name);
        // Only what comes back needs the time to be another one.
        let again = if self.versions.contains_key(version) { at.0.to_be_bytes() } else { [0; 8] };
        let parts = [key.env.as_bytes(), key.service.as_bytes(), version.as_bytes(), &again];
        Deployment {
            id: format!("seen_{}", hash::hex(&hash::digest8(&parts))).into(),
            service: key.service.clone(),
            env: Some(key.env.clone()),
            version: version.clone(),
            previous_version: previous.cloned(),
            at,
            commit: None,
            pull_request: None,
            author: None,
        }
    }

    fn note(&mut self, seen: &BTreeMap<Str, Seen>, last: Nanos, arrived: &[Deployment]) {
        self.events += seen.values().map(|seen| seen.events).sum::<u64>();
        self.last = self.last.max(last);
        for (version, seen) in seen {
            let registered = arrived.iter().find(|deployment| deployment.version == *version);
            let deployment = registered.map(|deployment| (deployment.id.clone(), deployment.at));
            let presence = self.versions.entry(version.clone()).or_insert(Presence {
                last: seen.last,
                events_then: 0,
                deployment: None,
            });
            presence.last = presence.last.max(seen.last);
            presence.events_then = self.events;
            presence.deployment = deployment.or_else(|| presence.deployment.take());
        }
        while self.versions.len() > VERSIONS_MAX {
            let least = self.versions.iter().min_by_key(|(name, presence)| (presence.last, *name));
            let Some(name) = least.map(|(name, _)| name.clone()) else { break };
            self.versions.remove(&name);
        }
    }
}

/// The versions that a service's events of a tick named, with the beginnings of their first and last stretch.
fn seen(digest: &ServiceDigest, tick_ns: u64) -> BTreeMap<Str, Seen> {
    let mut found: BTreeMap<Str, Seen> = BTreeMap::new();
    let operations =
        digest.operations.iter().map(|(_, operation)| operation).chain(digest.operations.other());
    for (bucket, digest) in operations.flat_map(|operation| operation.buckets.iter()) {
        let at = Nanos(bucket.saturating_mul(tick_ns));
        for (version, split) in digest.versions.iter() {
            let seen = found.entry(version.clone()).or_insert(Seen { first: at, last: at, events: 0 });
            seen.first = seen.first.min(at);
            seen.last = seen.last.max(at);
            seen.events += split.requests;
        }
    }
    found
}

fn is_announced(key: &ServiceKey, version: &Str, at: Nanos, facts: &Facts, config: &Config) -> bool {
    let window_ns = config.change_window_ms * 1_000_000;
    let mut near = facts.deployments(&key.env, at.saturating_sub(window_ns), at.saturating_add(window_ns));
    near.any(|deployment| deployment.service == key.service && deployment.version == *version)
}

#[cfg(test)]
mod tests;
