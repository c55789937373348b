//! What goes first when there is too much: each class of requests may use a part of what bounds them all, so that
//! telemetry can never take the last places, the last memory or the end of the journal's queue from an alert.
//!
//! Traces are not told apart by whether something failed in them: refusing what succeeded alone would raise every
//! rate of failures, and an overload would open incidents of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::{Check, CheckStatus, ErrorCode};
use model::{Nanos, SECOND_NS, Shed};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock;
use crate::decoders::Decoders;
use crate::http::Failure;
use crate::turns::Turns;

/// `/readyz` speaks of what was shed for so long.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// Whose turn it is to be refused: the first goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Traces,
    Logs,
    Metrics,
    /// Signals, alerts, deployments, operators and whoever reads.
    Vital,
}

/// What is scarce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scarce {
    Places,
    Memory,
    Journal,
    Processor,
    Decoders,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ShedLabels {
    pub class: &'static str,
    pub scarce: &'static str,
}

/// Places for requests that are worked on at once.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    max: usize,
}

/// Counts what was shed, and remembers when it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shedding {
    requests: Family<ShedLabels, Counter>,
    last: Arc<[AtomicU64; Class::ALL.len()]>,
    /// What the engine was not told of yet.
    untold: Arc<[AtomicU64; Class::ALL.len()]>,
    pub(crate) turns: Turns,
    pub(crate) decoders: Decoders,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Traces, Self::Logs, Self::Metrics, Self::Vital];

    /// By the path of a request, on whatever listener; OTLP's and those of wide events are the only telemetry.
    pub(crate) fn of_path(path: &str) -> Self {
        match path {
            "/v1/traces" | "/v1/events" | "/v1/events/validate" => Self::Traces,
            "/v1/logs" => Self::Logs,
            "/v1/metrics" => Self::Metrics,
            path if path.ends_with(".TraceService/Export") => Self::Traces,
            path if path.ends_with(".LogsService/Export") => Self::Logs,
            path if path.ends_with(".MetricsService/Export") => Self::Metrics,
            _ => Self::Vital,
        }
    }

    /// Of what is there for all, how much this class may use.
    pub(crate) fn share(self, of: u64) -> u64 {
        let percent = match self {
            Self::Traces => 70,
            Self::Logs => 80,
            Self::Metrics => 90,
            Self::Vital => 100,
        };
        // At least one, or a bound of one would refuse everything.
        u64::try_from(u128::from(of) * percent / 100).unwrap_or(u64::MAX).max(of.min(1))
    }

    /// How long all may have to wait for the processor before this class is refused; `None` for what never is.
    const fn wait_max(self) -> Option<Duration> {
        match self {
            Self::Traces => Some(Duration::from_millis(100)),
            Self::Logs => Some(Duration::from_millis(150)),
            Self::Metrics => Some(Duration::from_millis(200)),
            Self::Vital => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Vital => "vital",
        }
    }
}

impl Scarce {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Places => "requests",
            Self::Memory => "memory",
            Self::Journal => "journal",
            Self::Processor => "processor",
            Self::Decoders => "decoders",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Places => "as many requests of this class are worked on at once as may be (--requests-max)",
            Self::Memory => {
                "requests of this class already hold the memory that they may (--in-flight-bytes-max)"
            }
            Self::Journal => "as many entries of this class wait for the journal as may",
            Self::Processor => {
                "requests wait too long for the processor (casebook_turn_wait_seconds); send less, or give it more cores"
            }
            Self::Decoders => {
                "as many bodies wait to be decoded as may, of this client or of its kind, or this one waited too long (casebook_decoder_wait_seconds)"
            }
        }
    }
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max }
    }

    /// `None` where this class has all that it may have.
    pub(crate) fn take(&self, class: Class) -> Option<OwnedSemaphorePermit> {
        let taken = self.max.saturating_sub(self.free.available_permits()) as u64;
        let is_room = taken < class.share(self.max as u64);
        is_room.then(|| Arc::clone(&self.free).try_acquire_owned().ok()).flatten()
    }
}

impl Shedding {
    pub(crate) fn new(requests: Family<ShedLabels, Counter>, decoders: Decoders) -> Self {
        Self { requests, decoders, ..Self::default() }
    }

    /// Whether requests of this class would only make all others wait longer.
    pub(crate) fn is_jammed(&self, class: Class) -> bool {
        class.wait_max().is_some_and(|wait_max| self.turns.standing() > wait_max)
    }

    /// Refuses a request for want of something.
    pub(crate) fn shed(&self, class: Class, scarce: Scarce) -> Failure {
        let labels = ShedLabels { class: class.as_str(), scarce: scarce.as_str() };
        self.requests.get_or_create(&labels).inc();
        self.last[class as usize].store(clock::now().0, Ordering::Relaxed);
        self.untold[class as usize].fetch_add(1, Ordering::Relaxed);
        Failure::new(ErrorCode::Overloaded, scarce.detail())
    }

    /// What was shed since it was taken last: for the engine, which says so in reports.
    pub(crate) fn take(&self) -> Shed {
        let [traces, logs, metrics, vital] =
            Class::ALL.map(|class| self.untold[class as usize].swap(0, Ordering::Relaxed));
        Shed { traces, logs, metrics, vital }
    }

    /// It did not get into the journal; the next tick tells it.
    pub(crate) fn put_back(&self, shed: Shed) {
        let counts = [shed.traces, shed.logs, shed.metrics, shed.vital];
        for (class, count) in Class::ALL.into_iter().zip(counts) {
            self.untold[class as usize].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What `/readyz` says; a server that sheds is ready all the same.
    pub(crate) fn check(&self) -> Check {
        let now = clock::now();
        let shed: Vec<&str> =
            Class::ALL.into_iter().filter(|class| self.is_recent(*class, now)).map(Class::as_str).collect();
        let (status, detail) = match &shed[..] {
            [] => (CheckStatus::Ok, "nothing was refused for want of room in the last minute".to_owned()),
            shed => {
                let shed = shed.join(", ");
                (
                    CheckStatus::Warn,
                    format!(
                        "there is more than can be taken: {shed} are refused with 503 now and then (casebook_shed_requests)"
                    ),
                )
            }
        };
        Check { name: "load".to_owned(), status, detail }
    }

    fn is_recent(&self, class: Class, now: Nanos) -> bool {
        let last = self.last[class as usize].load(Ordering::Relaxed);
        last > 0 && now.since(Nanos(last)) < TOLD_FOR.as_secs() * SECOND_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_goes_before_what_is_vital_and_traces_first() {
        let shares: Vec<u64> = Class::ALL.into_iter().map(|class| class.share(1_000)).collect();
        assert_eq!(shares, [700, 800, 900, 1_000]);
        assert_eq!(Class::Traces.share(1), 1);
        assert_eq!(Class::Vital.share(u64::MAX), u64::MAX);
    }

    #[test]
    fn who_waits_too_long_for_the_processor_is_refused_by_class() {
        let shedding = Shedding::default();
        let jammed = |ms| {
            shedding.turns.set(Duration::from_millis(ms));
            Class::ALL.map(|class| shedding.is_jammed(class))
        };
        assert_eq!(jammed(0), [false; 4]);
        assert_eq!(jammed(101), [true, false, false, false]);
        assert_eq!(jammed(151), [true, true, false, false]);
        assert_eq!(jammed(60_000), [true, true, true, false]);
    }

    #[test]
    fn the_last_places_are_for_what_is_vital() {
        let places = Places::new(10);
        let take = |class| std::iter::from_fn(|| places.take(class)).collect::<Vec<_>>();
        let traces = take(Class::Traces);
        let metrics = take(Class::Metrics);
        let vital = take(Class::Vital);
        assert_eq!((traces.len(), metrics.len(), vital.len()), (7, 2, 1));
        drop(vital);
        assert!(places.take(Class::Metrics).is_none() && places.take(Class::Vital).is_some());
    }

    #[test]
    fn a_class_is_known_by_the_path() {
        let traces =
            ["/v1/traces", "/v1/events", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"];
        assert!(traces.into_iter().all(|path| Class::of_path(path) == Class::Traces));
        assert_eq!(Class::of_path("/opentelemetry.proto.collector.logs.v1.LogsService/Export"), Class::Logs);
        assert_eq!(Class::of_path("/v1/metrics"), Class::Metrics);
        let vital =
            ["/v1/alerts", "/v1/alerts/grafana", "/v1/signals", "/v1/deployments", "/v1/incidents", "/"];
        assert!(vital.into_iter().all(|path| Class::of_path(path) == Class::Vital));
    }

    #[test]
    fn what_was_shed_is_taken_once_and_again_when_it_was_put_back() {
        let shedding = Shedding::default();
        for class in [Class::Traces, Class::Traces, Class::Metrics, Class::Vital] {
            shedding.shed(class, Scarce::Places);
        }
        let taken = shedding.take();
        assert_eq!(taken, Shed { traces: 2, logs: 0, metrics: 1, vital: 1 });
        assert!(shedding.take().is_nothing());
        shedding.put_back(taken);
        shedding.shed(Class::Logs, Scarce::Journal);
        assert_eq!(shedding.take(), Shed { logs: 1, ..taken });
    }

    #[test]
    fn what_was_shed_is_counted_and_said() {
        let shedding = Shedding::default();
        assert_eq!(shedding.check().status, CheckStatus::Ok);
        let failure = shedding.shed(Class::Logs, Scarce::Memory);
        assert_eq!(failure.code(), ErrorCode::Overloaded);
        let labels = ShedLabels { class: "logs", scarce: "memory" };
        assert_eq!(shedding.requests.get_or_create(&labels).get(), 1);
        let check = shedding.check();
        assert_eq!(check.status, CheckStatus::Warn);
        assert!(check.detail.contains("logs") && !check.detail.contains("traces"), "{}", check.detail);
    }
}
