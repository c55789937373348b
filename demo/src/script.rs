//! The scripted shop: every scenario as telemetry that a seed decides, in virtual time. What a shop of six services
//! would send while it happens comes out as bodies of requests, in order of arrival: spans, logs, metrics, signals
//! and deployments. Two players use it: `casebook demo` sends them to a real server as time passes, and the tests
//! of the core feed them to the engine as fast as it takes them.
//!
//! Pure: no clock, no socket. It must never know what Casebook makes of it.

mod dice;
mod facts;
mod knowable;
mod place;
mod request;
mod sampling;
mod wire;
mod world;

use std::collections::BTreeMap;

use model::{Nanos, SECOND_NS};
use serde_json::{Value, json};

use crate::scenario::Scenario;
use dice::Dice;
use place::Place;
use request::{Request, Told, Workers};
pub use sampling::Loss;
use world::World;

/// An instance exports this often.
const EXPORT_NS: u64 = SECOND_NS / 2;
/// On the way to Casebook.
const TRANSPORT_NS: u64 = SECOND_NS / 20;

/// What to play.
#[derive(Debug, Clone)]
pub struct Settings {
    pub scenario: Scenario,
    /// `deployment.environment.name` of everything.
    pub env: String,
    pub seed: u64,
    /// When the first request is made.
    pub start: Nanos,
    /// Seconds of healthy traffic before the fault.
    pub healthy_s: u64,
    /// Seconds of the fault.
    pub faulty_s: u64,
    /// Requests a second while all is well.
    pub rate: u32,
    pub loss: Loss,
    /// Three services deploy within a minute before the fault, and none of it changes anything.
    pub innocent_deployments: bool,
}

/// One request that Casebook gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// When it arrives.
    pub at: Nanos,
    pub kind: Kind,
    /// JSON.
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    OtlpTraces,
    OtlpLogs,
    OtlpMetrics,
    Signal,
    Deployment,
    /// Somebody says that all was well up to then.
    Baseline,
}

/// The telemetry of one scenario, second by second.
#[derive(Debug)]
pub struct Script {
    settings: Settings,
    world: World,
    dice: Dice,
    /// Its own, so that what is lost does not change what happens.
    loss_dice: Dice,
    workers: Workers,
    /// The second that is played next, counted from the start.
    second: u64,
    /// By the export that takes it.
    pending: BTreeMap<u64, Batch>,
    requests: u64,
}

/// What arrives together.
#[derive(Debug, Default)]
struct Batch {
    spans: BTreeMap<Place, Vec<wire::Span>>,
    logs: BTreeMap<Place, Vec<wire::LogRecord>>,
    facts: Vec<(Kind, Value)>,
}

impl Settings {
    /// When the fault begins.
    pub fn fault(&self) -> Nanos {
        Nanos::from_secs(self.start.as_secs() + self.healthy_s)
    }

    fn seconds(&self) -> u64 {
        self.healthy_s + self.faulty_s
    }
}

impl Script {
    pub fn new(settings: Settings) -> Self {
        let world = World {
            scenario: settings.scenario,
            fault: settings.fault(),
            rate: settings.rate,
            three_deploy: settings.innocent_deployments || settings.scenario == Scenario::Canary,
        };
        let seed = dice::mix(settings.seed ^ dice::mix(settings.scenario as u64 + 1));
        Self {
            dice: Dice::new(seed),
            loss_dice: Dice::new(dice::mix(seed)),
            workers: Workers::default(),
            second: 0,
            pending: BTreeMap::new(),
            requests: 0,
            world,
            settings,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Customers' requests so far, told of or not.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Plays one more second; what arrives by its end, in order. `None` when all has been told.
    pub fn play_second(&mut self) -> Option<Vec<Given>> {
        if self.second == self.settings.seconds() {
            return (!self.pending.is_empty()).then(|| self.arrived(u64::MAX));
        }
        let at = Nanos::from_secs(self.settings.start.as_secs() + self.second);
        self.second += 1;
        self.facts(at);
        let rate = u64::from(self.world.rate_at(at));
        for number in 0..rate {
            let jitter = self.dice.below(SECOND_NS / rate.max(1));
            self.request(Nanos(at.0 + number * SECOND_NS / rate + jitter));
        }
        // Requests to come end later than this, so nothing can be added to these exports.
        Some(self.arrived((at.0 + SECOND_NS) / EXPORT_NS))
    }

    fn request(&mut self, start: Nanos) {
        let own = Dice::new(self.dice.word());
        let (high, low) = (self.dice.word(), self.dice.word() | 1);
        let buys = self.requests % 5 < 3;
        self.requests += 1;
        let mut request = Request {
            world: &self.world,
            dice: own,
            workers: &mut self.workers,
            trace: format!("{high:016x}{low:016x}"),
            user: low >> 20 & 0xff,
            told: self.settings.loss.samples(low).then(Told::default),
            trace_state: self.settings.loss.trace_state(),
        };
        match buys {
            true => request.checkout(start),
            false => request.products(start),
        }
        let Some(told) = request.told else { return };
        for (end, place, span) in told.spans {
            if !self.settings.loss.drops(&mut self.loss_dice) {
                self.batch(end, &place).spans.entry(place).or_default().push(span);
            }
        }
        for (at, place, log) in told.logs {
            self.batch(at, &place).logs.entry(place).or_default().push(log);
        }
    }

    fn facts(&mut self, second: Nanos) {
        for (at, kind, body) in facts::of_second(&self.world, &self.settings, second, &mut self.dice) {
            self.pending.entry(at.0 / EXPORT_NS).or_default().facts.push((kind, body));
        }
    }

    /// The export of `place` that holds what ended at `end`: not all instances export at the same moment.
    fn batch(&mut self, end: Nanos, place: &Place) -> &mut Batch {
        let late = u64::from(place.number % 2);
        self.pending.entry(end.0 / EXPORT_NS + late).or_default()
    }

    /// The exports before `slot`.
    fn arrived(&mut self, slot: u64) -> Vec<Given> {
        let later = self.pending.split_off(&slot);
        let now = std::mem::replace(&mut self.pending, later);
        let env = &self.settings.env;
        now.into_iter().flat_map(|(slot, batch)| batch.given(slot, env)).collect()
    }
}

impl Batch {
    fn given(self, slot: u64, env: &str) -> Vec<Given> {
        let at = Nanos((slot + 1) * EXPORT_NS + TRANSPORT_NS);
        let given = |kind, body: Value| Given { at, kind, body: body.to_string().into_bytes() };
        let mut all: Vec<_> = self.facts.into_iter().map(|(kind, body)| given(kind, body)).collect();
        if !self.spans.is_empty() {
            let spans = self.spans.iter().map(|(place, spans)| {
                let scope = json!({ "name": "shop", "version": place.version });
                let resource = wire::resource(place, env);
                json!({ "resource": resource, "scopeSpans": [{ "scope": scope, "spans": spans }] })
            });
            all.push(given(Kind::OtlpTraces, json!({ "resourceSpans": spans.collect::<Vec<_>>() })));
        }
        if !self.logs.is_empty() {
            let logs = self.logs.iter().map(|(place, records)| {
                let resource = wire::resource(place, env);
                json!({ "resource": resource, "scopeLogs": [{ "logRecords": records }] })
            });
            all.push(given(Kind::OtlpLogs, json!({ "resourceLogs": logs.collect::<Vec<_>>() })));
        }
        all
    }
}

impl Kind {
    /// As the format of cases calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtlpTraces => "otlp_traces",
            Self::OtlpLogs => "otlp_logs",
            Self::OtlpMetrics => "otlp_metrics",
            Self::Signal => "signal",
            Self::Deployment => "deployment",
            Self::Baseline => "baseline",
        }
    }

    /// Where it is sent.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OtlpTraces => "/v1/traces",
            Self::OtlpLogs => "/v1/logs",
            Self::OtlpMetrics => "/v1/metrics",
            Self::Signal => "/v1/signals",
            Self::Deployment => "/v1/deployments",
            Self::Baseline => "/v1/baseline",
        }
    }
}
