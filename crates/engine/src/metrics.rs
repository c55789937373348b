//! What services say of themselves in numbers: each series by minute, for an hour. A utilization that never came near
//! its limit and now stands there is a symptom; everything else only speaks when an incident asks. Integers alone.

use std::collections::{BTreeMap, BTreeSet};

use model::{EventKind, MetricKind, MetricPoint, Nanos, SECOND_NS, Str};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::hash::{StableHash, mix};
use crate::service_metrics::{Role, ServiceMetrics, role};
use crate::sketch::{Merge, Newcomers};
use crate::window::{Alarm, FamilyKey, Norm, OperationKey, Sign};

/// Series that are kept; of further ones nothing is known.
const SERIES_MAX: usize = 20_000;
const KEEP_MINUTES: u64 = 60;
const MINUTE_NS: u64 = 60 * SECOND_NS;
/// A utilization from here on is a lack, in millionths.
const SATURATED: i64 = 750_000;
/// Where something is wrong already, this much says why, if it was below the limit before.
const AT_ITS_END: i64 = 900_000;
/// Points in a row that must show it, unless they are half a minute or more apart.
const POINTS_MIN: u32 = 3;
const SPARSE_NS: u64 = 30 * SECOND_NS;
/// A series younger than this has no past.
const PAST_NS: u64 = 30 * SECOND_NS;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SeriesKey {
    pub(crate) env: Str,
    pub(crate) service: Str,
    pub(crate) instance: Str,
    pub(crate) name: Str,
    pub(crate) series: Str,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Metrics {
    /// Points of this tick, of series that are known and of others: they are taken in order of their own time, not of
    /// arrival.
    arrived: BTreeMap<SeriesKey, Arrived>,
    newcomers: Newcomers<SeriesKey, Arrived, SERIES_MAX>,
    meters: BTreeMap<SeriesKey, Meter>,
    in_incident: BTreeSet<SeriesKey>,
    /// What is told of the requests of whole services.
    pub(crate) services: ServiceMetrics,
    /// Points of series beyond the bound.
    pub(crate) cut: u64,
}

/// What came of a series in one tick: it adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Arrived {
    unit: Str,
    points: BTreeMap<Nanos, (MetricKind, i64)>,
}

/// One series.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Meter {
    first: Nanos,
    last: (Nanos, i64),
    minutes: BTreeMap<u64, Minute>,
    /// When it last crossed into saturation, and the points since.
    saturated: Option<(Nanos, u32)>,
    /// Up to this somebody said that it is normal.
    accepted: i64,
    /// What it says of the requests of its service.
    role: Option<Role>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Minute {
    pub(crate) points: u32,
    pub(crate) sum: i64,
    pub(crate) max: i64,
}

/// A series before an instant and since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) before_max: i64,
    pub(crate) now_max: i64,
}

impl StableHash for SeriesKey {
    fn stable_hash(&self) -> u64 {
        let names = [&self.env, &self.service, &self.instance, &self.name, &self.series];
        names.iter().fold(0, |state, name| mix(state ^ name.stable_hash()))
    }
}

impl Arrived {
    fn add_unit(&mut self, unit: &Str) {
        if *unit > self.unit {
            self.unit = unit.clone();
        }
    }

    fn add(&mut self, at: Nanos, value: (MetricKind, i64)) {
        let known = self.points.entry(at).or_insert(value);
        *known = (*known).max(value);
    }
}

impl Merge for Arrived {
    fn merge(&mut self, other: &Self) {
        self.add_unit(&other.unit);
        other.points.iter().for_each(|(at, value)| self.add(*at, *value));
    }
}

impl Metrics {
    pub(crate) fn add(&mut self, points: Vec<MetricPoint>) {
        for point in points {
            let key = SeriesKey {
                env: point.env,
                service: point.service,
                instance: point.instance,
                name: point.name,
                series: point.series,
            };
            let arrived = match self.meters.contains_key(&key) {
                true => self.arrived.entry(key).or_default(),
                false => self.newcomers.entry(key),
            };
            arrived.add_unit(&point.unit);
            arrived.add(point.at, (point.kind, point.value));
        }
    }

    /// Takes in what arrived since the last tick, and forgets what is too old.
    pub(crate) fn advance(&mut self, now: Nanos) {
        let (newcomers, cut) = self.newcomers.take(SERIES_MAX.saturating_sub(self.meters.len()));
        self.cut += cut;
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.extend(newcomers);
        for (key, Arrived { unit, points }) in arrived {
            for (at, (kind, value)) in points {
                let (shown, role) = match self.meters.get_mut(&key) {
                    Some(meter) => (meter.add(at, kind, value), meter.role),
                    None => {
                        let role = role(&key, &unit, kind);
                        self.meters.insert(key.clone(), Meter::starting_with(at, kind, value, role));
                        // What a counter stood at when it was first seen came before.
                        (Some(value).filter(|_| kind != MetricKind::Cumulative), role)
                    }
                };
                if let (Some(shown), Some(role)) = (shown, role) {
                    self.services.add(&key, role, at, shown);
                }
            }
        }
        let keep = now.0 / MINUTE_NS - KEEP_MINUTES.min(now.0 / MINUTE_NS);
        self.meters.retain(|_, meter| {
            meter.minutes = meter.minutes.split_off(&keep);
            !meter.minutes.is_empty()
        });
        self.services.advance(now);
    }

    /// Utilizations outside incidents that stand at their limit and never came near it before, in order of key.
    pub(crate) fn alarms(&self, now: Nanos, config: &Config) -> Vec<Alarm> {
        let alarm = |(key, meter): (&SeriesKey, &Meter)| {
            let (since, _) = meter.is_saturated(now).filter(|_| is_utilization(&key.name))?;
            let level = meter.level(since)?;
            (!self.in_incident.contains(key) && level.before_max <= level.now_max / 2).then(|| Alarm {
                family: key.family(),
                onset: since.0 / config.tick_ns(),
                norm: Norm::Level(level),
            })
        };
        self.meters.iter().filter_map(alarm).collect()
    }

    /// The utilizations of a service, or of the hosts it runs on, that reached their limit since an instant and never
    /// came near it before.
    pub(crate) fn saturated<'a>(
        &'a self,
        env: &Str,
        service: &Str,
        hosts: &BTreeSet<&Str>,
        since: Nanos,
    ) -> Vec<(&'a SeriesKey, Level)> {
        let is_meant = |key: &SeriesKey| {
            // An agent of a machine need not know for which environment it runs.
            let of_env = key.env == *env || key.env.is_empty();
            let of_service = key.env == *env && key.service == *service;
            is_utilization(&key.name) && (of_service || of_env && hosts.contains(&key.instance))
        };
        let found = self.meters.iter().filter(|(key, _)| is_meant(key)).filter_map(|(key, meter)| {
            // Where it stands at its limit since, its past lasts until then.
            let since = meter.saturated.map_or(since, |(at, _)| at.max(since));
            let level = meter.level(since)?;
            let as_never = level.now_max >= SATURATED && level.before_max <= level.now_max / 2;
            let at_its_end = level.now_max >= AT_ITS_END && level.before_max <= SATURATED;
            (as_never || at_its_end).then_some((key, level))
        });
        found.collect()
    }

    /// Instances of a service that were started again since an instant: by their restart counter.
    pub(crate) fn restarts(&self, env: &Str, service: &Str, since: Nanos) -> Vec<(&SeriesKey, i64)> {
        let is_restart =
            |key: &SeriesKey| key.env == *env && key.service == *service && key.name.contains("restart");
        let found = self.meters.iter().filter(|(key, _)| is_restart(key));
        found.map(|(key, meter)| (key, meter.rise(since))).filter(|(_, rise)| *rise >= 1_000_000).collect()
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey) {
        self.in_incident.extend(SeriesKey::of(family));
    }

    pub(crate) fn leave_incident(&mut self, family: &FamilyKey) {
        if let Some(key) = SeriesKey::of(family) {
            self.in_incident.remove(&key);
        }
    }

    /// Whether it still stands at its limit; `None` where nothing came lately.
    pub(crate) fn still_saturated(&self, family: &FamilyKey, now: Nanos, within_ns: u64) -> Option<bool> {
        let meter = self.meters.get(&SeriesKey::of(family)?)?;
        let (at, value) = meter.last;
        (now.since(at) <= within_ns.max(2 * MINUTE_NS)).then_some(value >= SATURATED)
    }

    /// Where it stands now is normal.
    pub(crate) fn accept_present(&mut self, family: &FamilyKey) -> i64 {
        let meter = SeriesKey::of(family).and_then(|key| self.meters.get_mut(&key));
        meter.map_or(0, |meter| {
            meter.accepted = meter.accepted.max(meter.last.1);
            meter.saturated = None;
            meter.accepted
        })
    }

    /// The most since an instant, of a symptom's series.
    pub(crate) fn level(&self, family: &FamilyKey, since: Nanos) -> Option<Level> {
        self.meters.get(&SeriesKey::of(family)?)?.level(since)
    }
}

/// A brace begins the series in the name of its family.
fn is_utilization(name: &str) -> bool {
    name.ends_with("utilization") && !name.contains('{')
}

impl SeriesKey {
    /// The family of a symptom: the operation is the metric, with its series; the code the instance.
    fn family(&self) -> FamilyKey {
        let operation = if self.series.is_empty() {
            self.name.clone()
        } else {
            format!("{}{{{}}}", self.name, self.series).into()
        };
        FamilyKey {
            operation: OperationKey {
                env: self.env.clone(),
                service: self.service.clone(),
                kind: EventKind::Internal,
                operation,
            },
            sign: Sign::Saturation,
            code: self.instance.clone(),
        }
    }

    fn of(family: &FamilyKey) -> Option<Self> {
        let FamilyKey { operation: key, sign: Sign::Saturation, code } = family else { return None };
        let (name, series) = match key.operation.split_once('{') {
            Some((name, series)) => (name, series.strip_suffix('}')?),
            None => (&*key.operation, ""),
        };
        Some(Self {
            env: key.env.clone(),
            service: key.service.clone(),
            instance: code.clone(),
            name: name.into(),
            series: series.into(),
        })
    }
}

impl Meter {
    fn starting_with(at: Nanos, kind: MetricKind, value: i64, role: Option<Role>) -> Self {
        let last = (at, value);
        let mut meter =
            Self { first: at, last, minutes: BTreeMap::new(), saturated: None, accepted: 0, role };
        meter.count(at, if kind == MetricKind::Cumulative { 0 } else { value });
        meter
    }

    /// What the point shows; `None` where it was overtaken.
    fn add(&mut self, at: Nanos, kind: MetricKind, value: i64) -> Option<i64> {
        let (last_at, last) = self.last;
        if at <= last_at {
            return None;
        }
        let shown = match kind {
            MetricKind::Gauge | MetricKind::Delta => value,
            // A counter that fell was started anew.
            MetricKind::Cumulative if value < last => value,
            MetricKind::Cumulative => value.saturating_sub(last),
        };
        self.saturated = match (self.saturated, shown >= SATURATED) {
            (_, false) => None,
            (None, true) => Some((at, 1)),
            (Some((since, points)), true) => Some((since, points.saturating_add(1))),
        };
        // Points that come rarely need not be many.
        if let Some((_, points)) = self.saturated.as_mut().filter(|_| at.since(last_at) >= SPARSE_NS) {
            *points = (*points).max(POINTS_MIN);
        }
        self.last = (at, value);
        self.count(at, shown);
        Some(shown)
    }

    fn count(&mut self, at: Nanos, value: i64) {
        let minute = self.minutes.entry(at.0 / MINUTE_NS).or_default();
        minute.max = if minute.points == 0 { value } else { minute.max.max(value) };
        minute.points = minute.points.saturating_add(1);
        minute.sum = minute.sum.saturating_add(value);
    }

    fn is_saturated(&self, now: Nanos) -> Option<(Nanos, u32)> {
        self.saturated.filter(|(since, points)| {
            *points >= POINTS_MIN
                && since.since(self.first) >= PAST_NS
                && now.since(self.last.0) <= 2 * MINUTE_NS
        })
    }

    fn level(&self, since: Nanos) -> Option<Level> {
        let minute = since.0 / MINUTE_NS;
        let max = |minutes: &mut dyn Iterator<Item = &Minute>| minutes.map(|m| m.max).max();
        let before = max(&mut self.minutes.range(..minute).map(|(_, m)| m))?;
        let now = max(&mut self.minutes.range(minute..).map(|(_, m)| m))?;
        Some(Level { before_max: before.max(self.accepted), now_max: now })
    }

    /// How far a counter rose since an instant.
    fn rise(&self, since: Nanos) -> i64 {
        let rises = self.minutes.range(since.0 / MINUTE_NS..).map(|(_, minute)| minute.sum);
        rises.fold(0, i64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(name: &str, kind: MetricKind, at_s: u64, value: i64) -> MetricPoint {
        MetricPoint {
            env: "test".into(),
            service: "cart".into(),
            instance: "cart-1".into(),
            name: name.into(),
            unit: "1".into(),
            series: "cpu=0".into(),
            kind,
            at: Nanos::from_secs(at_s),
            value,
        }
    }

    fn alarms_with(values: impl Iterator<Item = i64>, every_s: u64) -> Vec<(u64, Alarm)> {
        let (mut metrics, config) = (Metrics::default(), Config::default());
        let mut found = Vec::new();
        for (i, value) in values.enumerate() {
            let at = 600_000 + i as u64 * every_s;
            metrics.add(vec![point("container.cpu.utilization", MetricKind::Gauge, at, value)]);
            metrics.advance(Nanos::from_secs(at));
            found.extend(
                metrics.alarms(Nanos::from_secs(at), &config).into_iter().map(|alarm| (i as u64, alarm)),
            );
        }
        found
    }

    #[test]
    fn a_utilization_that_jumps_to_its_limit_and_stays_is_a_symptom() {
        let found = alarms_with((0..40).map(|i| if i < 30 { 100_000 } else { 900_000 }), 10);
        assert_eq!(found[0].0, 32);
        assert_eq!(found[0].1.family.operation.operation.as_ref(), "container.cpu.utilization{cpu=0}");
        let once_a_minute = alarms_with((0..8).map(|i| if i < 5 { 100_000 } else { 900_000 }), 60);
        assert_eq!(once_a_minute[0].0, 5);
    }

    #[test]
    fn a_pause_a_habit_and_a_rise_are_none() {
        let pause = |i: u64| if i % 20 == 19 { 900_000 } else { 100_000 };
        assert_eq!(alarms_with((0..200).map(pause), 10), []);
        assert_eq!(alarms_with((0..200).map(|i| 400_000 + i * 2_000), 10), []);
        assert_eq!(alarms_with((0..200).map(|_| 990_000), 10), []);
    }

    #[test]
    fn series_beyond_the_bound_are_chosen_by_hash_and_those_that_are_known_stay() {
        let of = |n: usize| MetricPoint {
            series: format!("n={n}").into(),
            ..point("m", MetricKind::Gauge, 60, 1)
        };
        let many = SERIES_MAX * 9 / 4;
        let kept = |order: &[usize]| {
            let mut metrics = Metrics::default();
            metrics.add((0..100).map(of).collect());
            metrics.advance(Nanos::from_secs(61));
            for part in order.chunks(999) {
                metrics.add(part.iter().map(|n| of(*n)).collect());
            }
            metrics.advance(Nanos::from_secs(62));
            (metrics.meters.into_keys().collect::<BTreeSet<_>>(), metrics.cut)
        };
        let (series, cut) = kept(&(0..many).collect::<Vec<_>>());
        assert_eq!((series.len(), cut), (SERIES_MAX, (many - SERIES_MAX) as u64));
        let known = |n: usize| series.iter().any(|key| *key.series == *format!("n={n}"));
        assert!((0..100).all(known));
        assert_eq!(kept(&crate::testing::shuffled(1, many)), (series, cut));
    }

    #[test]
    fn a_counter_is_known_by_its_rise() {
        let mut metrics = Metrics::default();
        for (i, value) in [7, 7, 8, 10, 1].into_iter().enumerate() {
            let at = 600_000 + i as u64 * 60;
            metrics.add(vec![point("k8s.container.restarts", MetricKind::Cumulative, at, value * 1_000_000)]);
            metrics.advance(Nanos::from_secs(at));
        }
        let (env, service) = (Str::from("test"), Str::from("cart"));
        let rise = |since_s: u64| {
            metrics.restarts(&env, &service, Nanos::from_secs(since_s)).first().map(|(_, rise)| *rise)
        };
        assert_eq!(rise(600_060), Some(4_000_000));
        assert_eq!(rise(600_240), Some(1_000_000));
        assert_eq!(rise(600_300), None);
    }
}
