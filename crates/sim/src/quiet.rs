//! Days in which nothing breaks, over as many error families as one asks for: steady errors that come in bursts, a day and
//! a night, durations with a long tail, pauses, log records, and a deployment a day that changes nothing. Whatever opens
//! is a false incident.

use model::{
    Deployment, Event, EventKind, Failure, FailureStatus, Input, LogRecord, LogSeverity, Nanos, Outcome,
    SpanId, Str, TraceId,
};

use crate::generate::dice::Dice;

/// Where simulated time begins: Monday, 2026-03-02T00:00:00Z.
pub const START_S: u64 = 1_772_409_600;
const CODES: [&str; 4] = ["timeout", "HTTP_500", "ValidationError", "connection_refused"];
const OPERATIONS_PER_SERVICE: usize = 25;
const INSTANCES: usize = 2;
const DAY_S: u64 = 86_400;
/// Bursts and pauses last so long.
const STRETCH_S: u64 = 30;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// (operation, code) that fail now and then; four to an operation.
    pub families: usize,
    /// Requests a second of all operations together, on the average of a day.
    pub requests_per_s: f64,
    /// How long a tick is, in seconds.
    pub tick_s: u64,
    /// From this second on every request of the busiest operation fails: to show that it would be seen.
    pub broken_from_s: Option<u64>,
}

/// What was fed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fed {
    pub requests: u64,
    pub failures: u64,
    pub logs: u64,
    pub deployments: u64,
    /// Families that failed at least once.
    pub families: u64,
}

/// The traffic, tick by tick.
#[derive(Debug)]
pub struct Quiet {
    plan: Plan,
    dice: Dice,
    services: Vec<Service>,
    operations: Vec<Operation>,
    /// How far the traffic of all wanders.
    wave: f64,
    fed: Fed,
}

#[derive(Debug)]
struct Service {
    name: Str,
    release: u64,
    version: Str,
    instances: [Str; INSTANCES],
    said: Str,
}

#[derive(Debug)]
struct Operation {
    service: usize,
    name: Str,
    requests_per_s: f64,
    median_ms: f64,
    logs: bool,
    shares: [f64; CODES.len()],
    failed: [bool; CODES.len()],
    /// What the rates of errors, and the durations, are multiplied with in this stretch.
    burst: f64,
    pause: f64,
}

impl Quiet {
    pub fn new(plan: Plan) -> Self {
        let mut dice = Dice::new(plan.seed);
        let count = plan.families.div_ceil(CODES.len()).max(1);
        let services = (0..count.div_ceil(OPERATIONS_PER_SERVICE)).map(Service::new).collect();
        // A few operations have most of the traffic.
        let weights: Vec<f64> = (0..count).map(|_| dice.log_between(0.02, 5.0)).collect();
        let all: f64 = weights.iter().sum();
        let operations = weights
            .into_iter()
            .enumerate()
            .map(|(id, weight)| Operation::random(id, plan.requests_per_s * weight / all, &mut dice));
        let operations = operations.collect();
        Self { plan, dice, services, operations, wave: 1.0, fed: Fed::default() }
    }

    pub fn fed(&self) -> Fed {
        self.fed
    }

    /// What arrives between `second` and the tick after it.
    pub fn tick(&mut self, second: u64) -> Vec<Input> {
        let mut inputs = self.deployments(second);
        if second % STRETCH_S < self.plan.tick_s {
            self.enter_stretch();
        }
        self.wave = 0.95 * self.wave + 0.05 * self.dice.log_normal(1.0, 0.2);
        let rate = self.wave * of_day(second) * self.plan.tick_s as f64;
        let (mut events, mut logs) = (Vec::new(), Vec::new());
        for id in 0..self.operations.len() {
            let requests = self.dice.poisson(self.operations[id].requests_per_s * rate);
            for _ in 0..requests {
                let event = self.request(id, second);
                logs.extend(self.log(&event, id));
                events.push(event);
            }
        }
        self.fed.requests += events.len() as u64;
        self.fed.logs += logs.len() as u64;
        inputs.push(Input::Events(events));
        inputs.push(Input::Logs(logs));
        inputs
    }

    /// The share of failures of an operation, and its durations, are not the same in every stretch.
    fn enter_stretch(&mut self) {
        for operation in &mut self.operations {
            operation.burst = self.dice.log_normal(1.0, 0.5);
            let pauses = self.dice.chance(0.005);
            operation.pause = if pauses { self.dice.between(1.0, 1.8) } else { 1.0 };
        }
    }

    fn request(&mut self, id: usize, second: u64) -> Event {
        let Self { dice, operations, services, plan, fed, .. } = self;
        let operation = &mut operations[id];
        let service = &services[operation.service];
        let code = operation.fails(dice, plan.broken_from_s.is_some_and(|from| second >= from) && id == 0);
        if let Some(code) = code {
            fed.failures += 1;
            fed.families += u64::from(!std::mem::replace(&mut operation.failed[code], true));
        }
        // It ends within the tick, and arrives up to 3 s later.
        let end_ns = second * model::SECOND_NS + (dice.uniform() * plan.tick_s as f64 * 1e9) as u64;
        let end = Nanos(end_ns.saturating_sub((dice.uniform() * 3e9) as u64));
        let tail = if dice.chance(0.01) { 1.0 / (0.03 + dice.uniform()) } else { 1.0 };
        let ms = dice.log_normal(operation.median_ms, 0.5) * operation.pause * tail;
        let failure = |code: usize| Failure {
            status: FailureStatus::Error,
            code: CODES[code].into(),
            reason: "".into(),
        };
        Event {
            trace: TraceId(((u128::from(dice.word()) << 64) | u128::from(dice.word() | 1)).to_be_bytes()),
            span: SpanId((dice.word() | 1).to_be_bytes()),
            parent: None,
            kind: EventKind::Server,
            env: "prod".into(),
            service: service.name.clone(),
            operation: operation.name.clone(),
            version: service.version.clone(),
            instance: service.instances[dice.index(INSTANCES)].clone(),
            peer: "".into(),
            start: end.saturating_sub((ms * 1e6) as u64),
            end,
            outcome: code.map_or(Outcome::Ok, |code| Outcome::Failed(failure(code))),
            user: None,
            attributes: Vec::new(),
        }
    }

    /// Two in five operations log each request: that it was served, or why it failed.
    fn log(&self, event: &Event, id: usize) -> Option<LogRecord> {
        let failure = event.failure();
        self.operations[id].logs.then(|| {
            let service = &self.services[self.operations[id].service];
            let said: Str = failure
                .map_or_else(|| service.said.clone(), |f| format!("request <*> failed: {}", f.code).into());
            LogRecord {
                env: event.env.clone(),
                service: event.service.clone(),
                version: event.version.clone(),
                instance: event.instance.clone(),
                at: event.end,
                severity: if failure.is_some() { LogSeverity::Error } else { LogSeverity::Info },
                template: said.clone(),
                pattern: said.clone(),
                body: said,
                exception: "".into(),
                trace: Some(event.trace),
                span: Some(event.span),
            }
        })
    }

    /// One a day, at ten in the morning, of one service; nothing changes but the version.
    fn deployments(&mut self, second: u64) -> Vec<Input> {
        let since_ten = (second % DAY_S).checked_sub(10 * 3_600);
        if since_ten.is_none_or(|since| since >= self.plan.tick_s) {
            return Vec::new();
        }
        let chosen = self.dice.index(self.services.len());
        let service = &mut self.services[chosen];
        let previous = service.version.clone();
        service.deploy();
        self.fed.deployments += 1;
        vec![Input::Deployments(vec![Deployment {
            id: format!("{}@{}", service.name, service.version).into(),
            service: service.name.clone(),
            env: Some("prod".into()),
            version: service.version.clone(),
            previous_version: Some(previous),
            at: Nanos::from_secs(second),
            commit: None,
            pull_request: None,
            author: None,
        }])]
    }
}

impl Service {
    fn new(id: usize) -> Self {
        let name: Str = format!("service-{id:03}").into();
        let said = format!("{name} served request <*>").into();
        let mut service = Self {
            name,
            release: 0,
            version: "".into(),
            instances: std::array::from_fn(|_| "".into()),
            said,
        };
        service.deploy();
        service
    }

    fn deploy(&mut self) {
        self.release += 1;
        self.version = format!("1.{}.0", self.release).into();
        self.instances = std::array::from_fn(|slot| format!("{}-{}-{slot}", self.name, self.release).into());
    }
}

impl Operation {
    /// Most codes are rare; one operation in twenty has one that is not.
    fn random(id: usize, requests_per_s: f64, dice: &mut Dice) -> Self {
        let mut shares = std::array::from_fn(|_| dice.log_between(0.000_3, 0.008));
        if dice.chance(0.05) {
            shares[dice.index(CODES.len())] = dice.between(0.02, 0.15);
        }
        Self {
            service: id / OPERATIONS_PER_SERVICE,
            name: format!("GET /resource-{id}").into(),
            requests_per_s,
            median_ms: dice.log_between(1.0, 40.0),
            logs: dice.chance(0.4),
            shares,
            failed: [false; CODES.len()],
            burst: 1.0,
            pause: 1.0,
        }
    }

    fn fails(&self, dice: &mut Dice, broken: bool) -> Option<usize> {
        let mut drawn = dice.uniform() / self.burst;
        if broken {
            return Some(0);
        }
        self.shares.iter().position(|share| {
            drawn -= share;
            drawn < 0.0
        })
    }
}

/// The traffic of an hour in parts of the day's mean: half of it at four in the morning, half as much again at four in
/// the afternoon.
fn of_day(second: u64) -> f64 {
    let from_four = ((second % DAY_S) as f64 / 3_600.0 + 20.0) % 24.0;
    1.5 - (from_four - 12.0).abs() / 12.0
}
