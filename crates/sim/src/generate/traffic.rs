//! Requests on their way through the system, and the events and log lines that they leave behind.

use std::collections::BTreeMap;

use model::{
    Event, EventKind, Failure, FailureStatus, LogRecord, LogSeverity, Nanos, Outcome, SpanId, Str, TraceId,
};

use super::attributes::Attributes;
use super::dice::Dice;
use super::plan::{FaultKind, Plan};
use super::state::State;
use super::topology::{Call, Callee, ENV, Topology};

/// Of the work that went well, so much is logged.
const INFO_LOGGED: f64 = 0.05;
const DEPTH_MAX: usize = 24;

/// One simulated second after the other.
pub(crate) struct Traffic<'a> {
    topology: &'a Topology,
    plan: &'a Plan,
    pub(crate) state: State<'a>,
    dice: &'a mut Dice,
    start: Nanos,
    texts: BTreeMap<&'static str, Str>,
    attributes: Attributes,
    pub(crate) events: Vec<Event>,
    pub(crate) logs: Vec<LogRecord>,
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy)]
struct Done {
    at: f64,
    code: Option<&'static str>,
}

/// Who does it, and within what.
#[derive(Debug, Clone, Copy)]
struct Scope {
    trace: TraceId,
    span: SpanId,
    parent: Option<SpanId>,
    service: usize,
    slot: usize,
}

/// An event without what its scope gives.
struct Span<'n> {
    kind: EventKind,
    name: &'n Str,
    peer: Option<&'n Str>,
    from: f64,
    to: f64,
    code: Option<&'static str>,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(
        topology: &'a Topology,
        plan: &'a Plan,
        dice: &'a mut Dice,
        start: Nanos,
        noise: f64,
    ) -> Self {
        let state = State::new(topology, plan, noise);
        let (texts, attributes) = (BTreeMap::new(), Attributes::new());
        Self { topology, plan, state, dice, start, texts, attributes, events: Vec::new(), logs: Vec::new() }
    }

    /// All requests that begin in a second.
    pub(crate) fn second(&mut self, second: usize) {
        self.state.move_on(second, self.dice);
        for entry in &self.topology.entries {
            let mean = entry.rate * self.state.traffic * self.plan.sampling;
            for _ in 0..self.dice.poisson(mean) {
                let at = second as f64 + self.dice.uniform();
                let trace = self.trace();
                self.serve(entry.operation, at, trace, None, EventKind::Server, 0);
            }
        }
    }

    fn trace(&mut self) -> TraceId {
        let (high, low) = (self.dice.word(), self.dice.word());
        TraceId((u128::from(high) << 64 | u128::from(low) | 1).to_be_bytes())
    }

    fn span(&mut self) -> SpanId {
        SpanId((self.dice.word() | 1).to_be_bytes())
    }

    fn serve(
        &mut self,
        id: usize,
        at: f64,
        trace: TraceId,
        parent: Option<SpanId>,
        kind: EventKind,
        depth: usize,
    ) -> Done {
        let (topology, operation) = (self.topology, &self.topology.operations[id]);
        let service = operation.service;
        let slot = self.dice.index(topology.services[service].instances);
        if self.state.is_down(service, slot, at) {
            return Done { at: at + 0.001, code: Some("ECONNREFUSED") };
        }
        let broken = topology.services[service].breaks_traces;
        let trace = if broken { self.trace() } else { trace };
        let parent = parent.filter(|_| !broken);
        let scope = Scope { trace, span: self.span(), parent, service, slot };
        let own = self.state.own_failure(id, slot, at, self.dice);
        let slower = self.state.slower(id, slot, at, self.dice);
        let work = self.dice.log_normal(operation.median_ms, operation.sigma) / 1_000.0 * slower;
        let fails_first = own.is_some() && self.dice.chance(0.5);
        let mut done = Done { at: at + work * 0.5, code: None };
        self.step(id, scope, at, work, own);
        if !fails_first && depth < DEPTH_MAX {
            for call in &operation.calls {
                if !self.dice.chance(call.probability) {
                    continue;
                }
                let called = self.call(call, done.at, scope, depth + 1);
                done.at = called.at;
                if called.code.is_some() && !call.optional {
                    done.code = Some(wrapped(called.code));
                    break;
                }
            }
        }
        done = Done { at: done.at + work * 0.5, code: own.or(done.code) };
        self.log(id, scope, done, own);
        self.push(
            scope,
            &Span { kind, name: &operation.name, peer: None, from: at, to: done.at, code: done.code },
        );
        done
    }

    /// The inner event of an operation that has one.
    fn step(&mut self, id: usize, scope: Scope, at: f64, work: f64, own: Option<&'static str>) {
        let Some(name) = &self.topology.operations[id].step else { return };
        let inner = Scope { parent: Some(scope.span), span: self.span(), ..scope };
        let span = Span {
            kind: EventKind::Internal,
            name,
            peer: None,
            from: at + work * 0.05,
            to: at + work * 0.5,
            code: own,
        };
        self.push(inner, &span);
    }

    fn call(&mut self, call: &Call, at: f64, caller: Scope, depth: usize) -> Done {
        if call.asynchronous {
            return self.send(call, at, caller, depth);
        }
        let mut done = Done { at, code: None };
        for _ in 0..=call.retries {
            let from = done.at;
            let scope = Scope { parent: Some(caller.span), span: self.span(), ..caller };
            done = match call.callee {
                Callee::External(external) => self.state.external(external, call, from, self.dice).into(),
                Callee::Operation(callee) => self.reach(callee, call, from, scope, depth),
            };
            let latest = from + call.timeout_ms / 1_000.0;
            if done.at > latest {
                done = Done { at: latest, code: Some("timeout") };
            }
            let span = Span {
                kind: EventKind::Client,
                name: &call.name,
                peer: Some(&call.peer),
                from,
                to: done.at,
                code: done.code,
            };
            self.push(scope, &span);
            if done.code.is_none() {
                break;
            }
        }
        done
    }

    fn reach(&mut self, callee: usize, call: &Call, at: f64, scope: Scope, depth: usize) -> Done {
        let service = self.topology.operations[callee].service;
        if let Some(code) = self.state.lost_connection(scope.service, service, at, self.dice) {
            let waited = if code == "ETIMEDOUT" { call.timeout_ms / 1_000.0 * 0.99 } else { 0.003 };
            return Done { at: at + waited, code: Some(code) };
        }
        let network = self.dice.between(0.000_2, 0.001);
        let served =
            self.serve(callee, at + network, scope.trace, Some(scope.span), EventKind::Server, depth);
        let code = served.code.map(|code| if code == "ECONNREFUSED" { code } else { wrapped(Some(code)) });
        Done { at: served.at + network, code }
    }

    /// Through the broker, which takes everything; who listens there works later.
    fn send(&mut self, call: &Call, at: f64, caller: Scope, depth: usize) -> Done {
        let scope = Scope { parent: Some(caller.span), span: self.span(), ..caller };
        let done = Done { at: at + self.dice.log_normal(0.002, 0.5), code: None };
        let span = Span {
            kind: EventKind::Producer,
            name: &call.name,
            peer: Some(&call.peer),
            from: at,
            to: done.at,
            code: None,
        };
        self.push(scope, &span);
        if let Callee::Operation(callee) = call.callee {
            let lag = self.dice.log_normal(0.08, 0.8);
            if !self.state.is_silent(self.topology.operations[callee].service, at) {
                self.serve(callee, done.at + lag, scope.trace, Some(scope.span), EventKind::Consumer, depth);
            }
        }
        done
    }

    fn push(&mut self, scope: Scope, span: &Span<'_>) {
        let service = &self.topology.services[scope.service];
        if self.dice.chance(service.lost) {
            return;
        }
        let running = self.state.running(scope.service, scope.slot, span.from);
        let skew = service.skew_ms[scope.slot] / 1_000.0;
        let outcome = match span.code {
            None => Outcome::Ok,
            Some(code) => Outcome::Failed(Failure {
                status: if is_timeout(code) { FailureStatus::Timeout } else { FailureStatus::Error },
                code: self.text(code),
                reason: self.text(code),
            }),
        };
        let start = self.instant(span.from + skew);
        let event = Event {
            trace: scope.trace,
            span: scope.span,
            parent: scope.parent,
            kind: span.kind,
            env: self.text(ENV),
            service: service.name.clone(),
            operation: span.name.clone(),
            version: running.version,
            instance: running.name,
            peer: span.peer.cloned().unwrap_or_else(|| self.text("")),
            start,
            end: self.instant(span.to + skew).max(start),
            outcome,
            user: None,
            attributes: self.attributes.of(
                scope.slot,
                scope.trace,
                span.kind.is_inbound(),
                scope.parent.is_none(),
            ),
        };
        self.events.push(event);
    }

    fn log(&mut self, id: usize, scope: Scope, done: Done, own: Option<&'static str>) {
        let operation = &self.topology.operations[id];
        let number = self.dice.word() % 900_000 + 100_000;
        let (severity, body, exception) = match own {
            Some(code) => {
                let changed = self.state.is_new_failure(id, done.at);
                let what = if changed { "cannot be read: unexpected field" } else { "was refused" };
                (LogSeverity::Error, format!("{}: request {number} {what} ({code})", operation.name), code)
            }
            None if self.dice.chance(INFO_LOGGED) => {
                (LogSeverity::Info, format!("{}: request {number} handled", operation.name), "")
            }
            None => return,
        };
        let exception =
            if exception.ends_with("Error") || exception.ends_with("Exception") { exception } else { "" };
        let running = self.state.running(scope.service, scope.slot, done.at);
        let record = LogRecord {
            env: self.text(ENV),
            service: self.topology.services[scope.service].name.clone(),
            version: running.version,
            instance: running.name,
            at: self.instant(done.at),
            severity,
            template: intake::otlp::template(&body, 256).into(),
            pattern: intake::otlp::template(&body, 256).into(),
            body: body.into(),
            exception: self.text(exception),
            trace: Some(scope.trace),
            span: Some(scope.span),
        };
        self.logs.push(record);
    }

    fn instant(&self, seconds: f64) -> Nanos {
        self.start.saturating_add((seconds.max(0.0) * 1e6) as u64 * 1_000)
    }

    fn text(&mut self, text: &'static str) -> Str {
        self.texts.entry(text).or_insert_with(|| text.into()).clone()
    }
}

impl From<(f64, Option<&'static str>)> for Done {
    fn from((at, code): (f64, Option<&'static str>)) -> Self {
        Self { at, code }
    }
}

/// What a caller answers with when its callee failed.
fn wrapped(code: Option<&'static str>) -> &'static str {
    match code {
        Some(code) if is_timeout(code) => "HTTP_504",
        Some("HTTP_503") => "HTTP_503",
        Some("ECONNREFUSED" | "ECONNRESET") => "HTTP_502",
        _ => "HTTP_500",
    }
}

/// By the rule of intake.
pub(crate) fn is_timeout(code: &str) -> bool {
    matches!(code, "timeout" | "HTTP_504")
}

/// Kinds whose failures read otherwise than those that were there before.
pub(crate) fn says_something_new(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::DeployError | FaultKind::ConfigError | FaultKind::AppError)
}
