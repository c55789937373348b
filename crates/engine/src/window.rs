//! What the core remembers of the traffic: per operation the digests of the last hour (in ticks while they can still
//! change, in minutes after that), and per error family the test against its baseline. Knows nothing of incidents
//! except that a family in one does not teach its baseline.

use std::collections::BTreeSet;

use model::{EventKind, Nanos, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::{self, Counts};
use crate::fixed::Bits;
use crate::join::Joined;
use crate::metrics::Metrics;
use crate::self_time::SelfTimes;
use crate::shapes::Shapes;
use crate::sketch::{Merge, OTHER, Smallest};
use crate::summary::{Bucket, Digest, LOGS, ServiceKey};

mod absorb;
mod accept;
mod ahead;
mod flow;
mod key;
mod keyed;
mod lately;
mod norm;
mod ruled;
mod series;
mod services;
mod slowness;
mod view;

pub(crate) use accept::Present;
use flow::Flow;
pub(crate) use flow::{Range, flow_odds, still_departs};
pub(crate) use key::{Counted, FamilyKey, OperationKey, Scope, Sign, WHOLE_SERVICE};
use keyed::Keyed;
pub(crate) use norm::Norm;
use series::{Edges, Series};
use services::Services;
pub(crate) use slowness::{Limit, derive_again, margin_percent};
pub use view::FamilyView;

/// Digests are kept by tick for this long beyond the allowed lateness, by minute for an hour.
const FINE_MS: u64 = 60_000;
/// Traces from before an onset that a symptom is compared with.
const TRACES_BEFORE: usize = 12;
/// A bucket before the onset joins it when no more than this many empty buckets lie between.
const ONSET_GAP: u64 = 2;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    operations: Keyed<Series>,
    /// How many requests come, for operations that work arrives at and for whole services.
    flows: Keyed<Flow>,
    pub(crate) metrics: Metrics,
    pub(crate) shapes: Shapes,
    pub(crate) self_times: SelfTimes,
    /// To hold the bounds.
    services: Services,
    /// Buckets before it can no longer change and have been shown to the detectors.
    sealed: Bucket,
    /// Digests before it stand under the first bucket of their minute, or will at their operation's turn: who looks at
    /// them looks at whole minutes.
    folded: Bucket,
    /// How long a bucket is, as of the last tick.
    tick_ms: u64,
    /// Of operations, as of the last tick.
    #[serde(skip)]
    tests: usize,
    pub(crate) overflowed: u64,
}

/// A family that has left its baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) family: FamilyKey,
    pub(crate) onset: Bucket,
    pub(crate) norm: Norm,
}

impl Window {
    /// An empty window that takes nothing from before `sealed`.
    pub(crate) fn starting_at(sealed: Bucket) -> Self {
        Self { sealed, folded: sealed, ..Self::default() }
    }

    /// Takes in traces whose spans and log records were put together.
    pub(crate) fn absorb_joined(&mut self, traces: &[Joined], now: Nanos, config: &Config) {
        self.shapes.absorb(traces, |name| self.services.has_name(name), now, config);
        self.self_times.absorb(traces, now, config);
    }

    /// What came beyond a bound and is not counted under `__other__` either.
    pub(crate) fn left_out(&self) -> u64 {
        self.metrics.cut + self.metrics.services.cut + self.shapes.cut + self.self_times.cut
    }

    /// Whether an error was logged by any service long enough ago to be nothing new.
    pub(crate) fn is_background(&self, family: &FamilyKey, now: Nanos) -> bool {
        self.shapes.is_background(family, |name| self.services.has_name(name), now)
    }

    /// Traces that show a symptom which only whole traces show.
    pub(crate) fn traces_of(&self, family: &FamilyKey) -> Vec<TraceId> {
        match family.sign {
            Sign::Behaviour => self.shapes.traces(&family.operation),
            Sign::SelfTime => self.self_times.traces(&family.operation),
            Sign::Failure
            | Sign::Latency
            | Sign::Traffic
            | Sign::Silence
            | Sign::Saturation
            | Sign::Metric => Vec::new(),
        }
    }

    /// Shows the detectors what can no longer change, and forgets what is too old.
    pub(crate) fn advance(&mut self, now: Nanos, config: &Config) {
        let tick = now.0 / config.tick_ns();
        let sealed = tick.saturating_sub(config.ticks(config.lateness_ms)).max(self.sealed);
        let folded = tick.saturating_sub(config.ticks(config.lateness_ms + FINE_MS)).max(self.folded);
        self.flows.retain(|_, flow| {
            flow.seal(sealed, config);
            !flow.is_gone(tick, config)
        });
        (self.sealed, self.folded, self.tick_ms, self.tests) = (sealed, folded, config.tick_ms, 0);
        let (edges, tests, services) = (Edges { tick, sealed, folded }, &mut self.tests, &mut self.services);
        // One walk: there is much of it, and it is far away.
        self.operations.retain(|key, series| {
            series.advance(edges, config);
            let kept = !series.is_forgotten();
            *tests += if kept { series.tests() } else { 0 };
            if !kept && &*key.operation != OTHER {
                services.remove_operation(&key.service_key());
            }
            kept
        });
    }

    /// Families outside incidents that have left their baseline, in order of key.
    pub(crate) fn alarms(&mut self, now: Nanos, config: &Config) -> Vec<Alarm> {
        let threshold = detect::threshold(
            config,
            self.tests + self.flows.len() + self.shapes.tests() + self.self_times.tests(),
        );
        let mut alarms = Vec::new();
        for (key, series) in self.operations.each_mut() {
            alarms.extend(series.alarms(key, threshold, config));
        }
        alarms.extend(self.flow_alarms(now.0 / config.tick_ns(), threshold, config));
        alarms.extend(self.metrics.alarms(now, config));
        alarms.extend(self.shapes.alarms(threshold));
        alarms.extend(self.self_times.alarms(threshold, config));
        alarms.sort_by(|a, b| a.family.cmp(&b.family));
        alarms
    }

    /// Where a whole service fell silent, its operations say nothing new.
    fn flow_alarms(&mut self, now: Bucket, threshold: Bits, config: &Config) -> Vec<Alarm> {
        let departed = self.flows.each_mut().filter_map(|(key, flow)| {
            let departure = flow.departure(now, threshold, config)?;
            let sign = if departure.silent { Sign::Silence } else { Sign::Traffic };
            let family = FamilyKey::of(key.clone(), sign);
            Some(Alarm { family, onset: departure.onset, norm: Norm::Flow(departure.range) })
        });
        let alarms: Vec<Alarm> = departed.collect();
        let whole = |key: &OperationKey| &*key.operation == WHOLE_SERVICE;
        let services: BTreeSet<ServiceKey> = alarms
            .iter()
            .map(|alarm| &alarm.family.operation)
            .chain(self.flows.each().filter(|(_, flow)| flow.in_incident).map(|(key, _)| key))
            .filter(|key| whole(key))
            .map(OperationKey::service_key)
            .collect();
        let said = |alarm: &Alarm| {
            let key = &alarm.family.operation;
            whole(key) || !services.contains(&key.service_key())
        };
        alarms.into_iter().filter(said).collect()
    }

    /// Requests of a flow from `since` on that have had time to come, and the ticks they came in.
    pub(crate) fn flow(&self, key: &OperationKey, since: Bucket, now: Bucket, config: &Config) -> (u64, u64) {
        let until = Flow::settled(now, config);
        let requests = self.flows.get(key).map_or(0, |flow| flow.requests(since, until));
        (requests, until.saturating_sub(since))
    }

    /// All requests of a flow since the onset of its incident.
    pub(crate) fn flowed(&self, key: &OperationKey, onset: Bucket) -> u64 {
        self.flows.get(key).map_or(0, |flow| flow.since_incident(onset))
    }

    /// What was seen up to `until` is normal, however short it is.
    pub(crate) fn accept(&mut self, until: Bucket, scope: &Scope, config: &Config) {
        let matches = |key: &OperationKey| scope.covers(key);
        let sealed = self.sealed;
        for (_, series) in self.operations.each_mut().filter(|(key, _)| matches(key)) {
            series.accept(sealed, until, config);
        }
        for (_, flow) in self.flows.each_mut().filter(|(key, _)| matches(key)) {
            flow.accept(until, config);
        }
        self.shapes.accept(scope, Nanos(until * config.tick_ns()));
        self.self_times.accept(matches, Nanos(until * config.tick_ns()));
        let whole = |service: &ServiceKey| matches(&OperationKey::whole(service));
        self.metrics.services.accept(whole, Nanos(until * config.tick_ns()));
    }

    /// Time without ticks, up to `now`, is not time without traffic.
    pub(crate) fn was_blind_until(&mut self, now: Nanos, config: &Config) {
        let bucket = now.0 / config.tick_ns();
        self.flows.each_mut().for_each(|(_, flow)| flow.was_blind_until(bucket, config));
    }

    /// From when on a request of the operation is slow.
    pub(crate) fn limit(&self, key: &OperationKey) -> Option<Limit> {
        self.operations.get(key)?.slowness.limit
    }

    /// The sum of an operation's digests from `since` on, up to but without `until`. Where `since` lies in folded
    /// time, its whole minute counts.
    pub(crate) fn sum(&self, key: &OperationKey, since: Bucket, until: Bucket, config: &Config) -> Digest {
        let mut sum = Digest::default();
        let since = if since < self.folded { since - since % config.ticks(60_000) } else { since };
        let until = self.edge(until);
        if let Some(series) = self.operations.get(key).filter(|_| since < until) {
            series.buckets.range(since..until).for_each(|(_, digest)| sum.merge(digest));
        }
        sum
    }

    /// From where on, or up to where, something is looked at: of a minute that is put together, or will be at its
    /// operation's turn, either all or nothing.
    fn edge(&self, bucket: Bucket) -> Bucket {
        let minute = 60_000_u64.div_ceil(self.tick_ms.max(1));
        let over = bucket % minute;
        if bucket >= self.folded || over == 0 {
            return bucket;
        }
        (bucket - over + minute).min(self.folded)
    }

    /// The operations of a service, which stand together.
    fn of_service(&self, service: ServiceKey) -> impl Iterator<Item = (&OperationKey, &Series)> {
        let ServiceKey { env, service } = service;
        let kind = EventKind::Server;
        let first = OperationKey { env: env.clone(), service: service.clone(), kind, operation: "".into() };
        let is_of = move |key: &OperationKey| key.env == env && key.service == service;
        self.operations.range(first..).take_while(move |(key, _)| is_of(key))
    }

    /// All work that arrived at a service from `since` on.
    pub(crate) fn arrivals(&self, env: &Str, service: &Str, since: Bucket) -> Digest {
        let mut sum = Digest::default();
        let key = ServiceKey { env: env.clone(), service: service.clone() };
        let since = self.edge(since);
        for (_, series) in self.of_service(key).filter(|(key, _)| key.kind.is_inbound()) {
            series.buckets.range(since..).for_each(|(_, digest)| sum.merge(digest));
        }
        sum
    }

    /// Requests of a family from `since` on, and of them those that show its symptom.
    pub(crate) fn counts(&self, family: &FamilyKey, norm: Norm, since: Bucket) -> Counts {
        let mut counts = Counts::default();
        self.digests(&family.operation, since).for_each(|digest| counts.add(digest.showing(family, norm)));
        counts
    }

    /// An operation's digests from `since` on, oldest first.
    pub(crate) fn digests<'a>(
        &'a self,
        key: &OperationKey,
        since: Bucket,
    ) -> impl Iterator<Item = &'a Digest> + use<'a> {
        let (series, since) = (self.operations.get(key), self.edge(since));
        series.into_iter().flat_map(move |series| series.buckets.range(since..).map(|(_, digest)| &**digest))
    }

    /// Traces of requests that went well, of the buckets from `since` up to but without `until`.
    pub(crate) fn healthy<'a>(
        &'a self,
        key: &OperationKey,
        since: Bucket,
        until: Bucket,
    ) -> impl Iterator<Item = &'a TraceId> + use<'a> {
        let series = self.operations.get(key).filter(|_| since < until);
        let (since, until) = (self.edge(since), self.edge(until));
        let buckets = series.into_iter().flat_map(move |series| series.buckets.range(since..until));
        buckets.flat_map(|(_, digest)| digest.healthy.iter())
    }

    /// Healthy traces of an operation from before a bucket, to compare with: the latest ones that are kept by tick.
    pub(crate) fn healthy_before(&self, key: &OperationKey, sign: Sign, onset: Bucket) -> Vec<TraceId> {
        let mut found: Smallest<TraceId, TRACES_BEFORE> = Smallest::default();
        let whole = matches!(&*key.operation, WHOLE_SERVICE | LOGS) || matches!(sign, Sign::Saturation);
        let of_service = whole.then(|| self.of_service(key.service_key())).into_iter().flatten();
        let onset = self.edge(onset);
        for series in self.operations.get(key).into_iter().chain(of_service.map(|(_, series)| series)) {
            for (_, digest) in series.buckets.range(..onset) {
                digest.healthy.iter().for_each(|trace| found.add(trace));
            }
        }
        found.iter().copied().collect()
    }

    /// Moves an onset back, as far as `earliest`, over the buckets before it that show the same excess, which are no
    /// longer part of what was normal.
    pub(crate) fn extend_onset(
        &self,
        family: &FamilyKey,
        (earliest, onset): (Bucket, Bucket),
        norm: Norm,
    ) -> (Bucket, Norm) {
        let (mut first, mut norm) = (onset, norm);
        let series = self.operations.get(&family.operation).filter(|_| earliest < onset);
        // What is not sealed is not put together either.
        let buckets = series.into_iter().flat_map(|series| series.buckets.range(earliest..onset).rev());
        for (bucket, digest) in buckets {
            let near = first - bucket <= ONSET_GAP + 1;
            let counts = digest.showing(family, norm);
            let without = norm.without(counts);
            if !near || !detect::belongs_to_onset(counts, without.counts()) {
                break;
            }
            (first, norm) = (bucket, without);
        }
        (first, norm)
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey, onset: Bucket, config: &Config) {
        self.metrics.enter_incident(family);
        self.metrics.services.enter_incident(family);
        self.shapes.enter_incident(family, onset);
        self.self_times.enter_incident(family);
        if let Some(flow) = self.flow_mut(family) {
            flow.enter();
        } else if let Some(series) = self.operations.get_mut(&family.operation) {
            series.enter_incident(family, self.sealed, config);
        }
    }

    /// Its incident is over as of `from`: what was before is not judged again.
    pub(crate) fn leave_incident(&mut self, family: &FamilyKey, from: Bucket, config: &Config) {
        self.metrics.leave_incident(family);
        self.metrics.services.leave_incident(family, Nanos(from * config.tick_ns()));
        self.shapes.leave_incident(family);
        self.self_times.leave_incident(family);
        if let Some(flow) = self.flow_mut(family) {
            flow.leave(from, config);
        } else if let Some(series) = self.operations.get_mut(&family.operation) {
            series.leave_incident(family, (self.sealed, from), config);
        }
    }

    fn flow_mut(&mut self, family: &FamilyKey) -> Option<&mut Flow> {
        let is_flow = matches!(family.sign, Sign::Traffic | Sign::Silence);
        is_flow.then(|| self.flows.get_mut(&family.operation)).flatten()
    }

    pub(crate) fn sealed(&self) -> Bucket {
        self.sealed
    }

    /// Whether a service reports at least half as much as it always did, as of what has had time to come.
    pub(crate) fn goes_on(&self, env: &Str, service: &Str) -> bool {
        let key = ServiceKey { env: env.clone(), service: service.clone() };
        self.flows.get(&OperationKey::whole(&key)).is_some_and(|flow| flow.goes_on(self.tick_ms))
    }

    /// The most requests of a minute before, and as many as there are now, where that is a surge.
    pub(crate) fn surge(&self, key: &OperationKey, config: &Config) -> Option<(u64, u64)> {
        self.flows.get(key)?.surge(config)
    }

    /// Whether far more requests than ever come to the operation, or to its service.
    pub(crate) fn surges(&self, key: &OperationKey, config: &Config) -> bool {
        let whole = OperationKey::whole(&key.service_key());
        [key, &whole].into_iter().any(|key| self.surge(key, config).is_some())
    }

    /// What a service is asked to do the most.
    pub(crate) fn main_operation(&self, service: &ServiceKey) -> OperationKey {
        let of_service = self.of_service(service.clone()).filter(|(key, _)| key.kind.is_inbound());
        let requests = |series: &Series| series.buckets.values().map(|digest| digest.requests).sum::<u64>();
        let most = of_service.max_by_key(|(key, series)| (requests(series), std::cmp::Reverse(*key)));
        most.map_or_else(|| OperationKey::whole(service), |(key, _)| key.clone())
    }

    /// Whether a service of this name reports in `env`.
    pub(crate) fn has_service(&self, env: &Str, service: &str) -> bool {
        self.services.envs_of(service).any(|known| known == env)
    }

    /// The environment in which a service reports, where there is exactly one.
    pub(crate) fn only_env_of(&self, service: &Str) -> Option<&Str> {
        let mut envs = self.services.envs_of(service);
        envs.next().filter(|_| envs.next().is_none())
    }
}
