//! Traffic of a given size, for measuring: traces of four services, evenly spread over all operations, and every family
//! failing in turn. Each trace follows from its number alone, so that a trace that the core asks for is made again instead
//! of being kept. Says nothing of how real traffic looks; what a quiet day looks like is `quiet`'s.

use model::{
    CapturedTrace, Event, EventKind, Evidence, Failure, FailureStatus, Input, LogRecord, LogSeverity, Nanos,
    Outcome, SECOND_NS, SpanId, Str, TraceId,
};

use crate::Rng;

const CODES: [&str; 4] = ["timeout", "HTTP_500", "ValidationError", "connection_refused"];
const OPERATIONS_PER_SERVICE: usize = 25;
const INSTANCES: usize = 2;
/// Spans of a trace, each called by the one before.
const HOPS: usize = 4;
/// So many operations lie between a hop and the next one.
const STRIDE: usize = 617;
/// And so many between one that fails and the next; both are prime, so all have their turn.
const STEP: usize = 1_327;
/// One trace in so many fails somewhere, and one span in so many logs.
const FAILS_IN: u64 = 20;
const LOGS_IN: u64 = 10;
/// As many spans as a sender puts into a request.
const BATCH: usize = 1_000;
const ATTRIBUTES: usize = 20;

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// (operation, code) that fail in turn; four to an operation.
    pub families: usize,
    pub spans_per_s: u64,
    /// From this second on every request of the first operation fails, and with it whoever called it.
    pub broken_from_s: Option<u64>,
}

#[derive(Debug)]
pub struct Load {
    size: Size,
    env: Str,
    version: Str,
    empty: Str,
    codes: [Str; CODES.len()],
    served: Str,
    services: Vec<(Str, [Str; INSTANCES])>,
    operations: Vec<Str>,
    attributes: Vec<(Str, Str)>,
}

/// A trace by where it stands: the second, and which of that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    second: u64,
    index: u64,
}

/// Which operation fails, with which code, and which hop of its trace it is.
#[derive(Debug, Clone, Copy)]
struct Turn {
    operation: usize,
    code: usize,
    hop: usize,
}

impl Number {
    /// The first half makes ids look drawn; the second says which trace it is.
    fn id(self) -> TraceId {
        let word = self.second << 24 | self.index;
        let drawn = Rng::new(word).word();
        TraceId((u128::from(drawn) << 64 | u128::from(word)).to_be_bytes())
    }

    fn of(id: TraceId) -> Self {
        let word = u128::from_be_bytes(id.0) as u64;
        Self { second: word >> 24, index: word & 0xff_ffff }
    }
}

impl Load {
    pub fn new(size: Size) -> Self {
        let count = size.families.div_ceil(CODES.len()).max(1);
        let service = |id: usize| {
            let instances = std::array::from_fn(|slot| format!("service-{id:03}-{slot}").into());
            (format!("service-{id:03}").into(), instances)
        };
        let attribute = |id: usize| (format!("app.attribute_{id:02}").into(), format!("value {id}").into());
        Self {
            size,
            env: "prod".into(),
            version: "1.0.0".into(),
            empty: "".into(),
            codes: CODES.map(Str::from),
            served: "request <*> went through".into(),
            services: (0..count.div_ceil(OPERATIONS_PER_SERVICE)).map(service).collect(),
            operations: (0..count).map(|id| format!("GET /resource-{id}").into()).collect(),
            attributes: (0..ATTRIBUTES).map(attribute).collect(),
        }
    }

    /// Traces of a second; the rest of an uneven rate is left away.
    fn traces_per_s(&self) -> u64 {
        (self.size.spans_per_s / HOPS as u64).clamp(1, 0xff_ffff)
    }

    /// What arrives in a second, as requests of many spans and their log records.
    pub fn second(&self, second: u64) -> impl Iterator<Item = Input> + use<'_> {
        let (traces, batch) = (self.traces_per_s(), (BATCH / HOPS) as u64);
        let starts = (0..traces).step_by(BATCH / HOPS);
        starts.flat_map(move |start| {
            let (mut events, mut logs) = (Vec::with_capacity(BATCH), Vec::new());
            for index in start..(start + batch).min(traces) {
                self.trace(Number { second, index }, &mut events, &mut logs);
            }
            [Input::Events(events), Input::Logs(logs)].into_iter().filter(|input| match input {
                Input::Logs(logs) => !logs.is_empty(),
                _ => true,
            })
        })
    }

    /// The traces that the core asked for, with the attributes that whole traces are read with.
    pub fn evidence(&self, wanted: &[TraceId]) -> Input {
        let traces = wanted.iter().map(|id| self.captured(*id));
        Input::Evidence(Evidence { traces: traces.collect() })
    }

    fn captured(&self, id: TraceId) -> CapturedTrace {
        let (mut events, mut logs) = (Vec::new(), Vec::new());
        self.trace(Number::of(id), &mut events, &mut logs);
        events.iter_mut().for_each(|event| event.attributes.clone_from(&self.attributes));
        engine::assemble(id, events, logs)
    }

    fn trace(&self, number: Number, events: &mut Vec<Event>, logs: &mut Vec<LogRecord>) {
        let Number { second, index } = number;
        let ordinal = second * self.traces_per_s() + index;
        let mut dice = Rng::new(ordinal);
        let id = number.id();
        let count = self.operations.len();
        let turn = ordinal.is_multiple_of(FAILS_IN).then(|| self.turn(ordinal / FAILS_IN));
        let first =
            turn.map_or(ordinal as usize, |turn| turn.operation + HOPS * count - turn.hop * STRIDE % count);
        let operation = |hop: usize| (first + hop * STRIDE) % count;
        let broken = self.size.broken_from_s.is_some_and(|from| second >= from);
        let fails = match (0..HOPS).find(|hop| broken && operation(*hop) == 0) {
            Some(hop) => Some((hop, 0, 1)),
            None => turn.map(|turn| (turn.hop, turn.hop, turn.code)),
        };
        // It ends within the second, and arrives up to three seconds later.
        let mut end =
            Nanos((second * SECOND_NS + dice.below(SECOND_NS)).saturating_sub(dice.below(3 * SECOND_NS)));
        let mut took = 40_000_000 + dice.below(60_000_000);
        let (mut parent, user) = (None, dice.below(100_000));
        for hop in 0..HOPS {
            let code =
                fails.and_then(|(at, outermost, code)| (outermost..=at).contains(&hop).then_some(code));
            let event = self.event((id, &mut dice), operation(hop), parent, (end, took), code);
            if fails.is_some_and(|(at, ..)| at == hop) || dice.below(LOGS_IN) == 0 {
                logs.push(self.log(&event));
            }
            parent = Some(event.span);
            events.push(Event { user: (user < 10_000).then_some(user), ..event });
            end = end.saturating_sub(took / 10);
            took = took * 7 / 10;
        }
    }

    /// Families fail one after the other, those of a service, and those with one code, not all at once.
    fn turn(&self, turn: u64) -> Turn {
        let (turn, count) = (turn as usize, self.operations.len());
        Turn {
            operation: turn * STEP % count,
            code: (turn % count + turn / count) % CODES.len(),
            hop: turn % HOPS,
        }
    }

    fn event(
        &self,
        (trace, dice): (TraceId, &mut Rng),
        operation: usize,
        parent: Option<SpanId>,
        (end, took_ns): (Nanos, u64),
        code: Option<usize>,
    ) -> Event {
        let (service, instances) = &self.services[operation / OPERATIONS_PER_SERVICE];
        let word = dice.word();
        let failure = |code: usize| Failure {
            status: FailureStatus::Error,
            code: self.codes[code].clone(),
            reason: self.empty.clone(),
        };
        Event {
            trace,
            span: SpanId((word | 1).to_be_bytes()),
            parent,
            kind: EventKind::Server,
            env: self.env.clone(),
            service: service.clone(),
            operation: self.operations[operation].clone(),
            version: self.version.clone(),
            instance: instances[(word >> 32) as usize % INSTANCES].clone(),
            peer: self.empty.clone(),
            start: end.saturating_sub(took_ns),
            end,
            outcome: code.map_or(Outcome::Ok, |code| Outcome::Failed(failure(code))),
            user: None,
            attributes: Vec::new(),
        }
    }

    fn log(&self, event: &Event) -> LogRecord {
        let failure = event.failure();
        let said: Str =
            failure.map_or_else(|| self.served.clone(), |f| format!("request <*> failed: {}", f.code).into());
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
            exception: self.empty.clone(),
            trace: Some(event.trace),
            span: Some(event.span),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn events(load: &Load, seconds: std::ops::Range<u64>) -> Vec<Event> {
        let inputs = seconds.flat_map(|second| load.second(second));
        inputs
            .filter_map(|input| if let Input::Events(events) = input { Some(events) } else { None })
            .flatten()
            .collect()
    }

    #[test]
    fn all_families_fail_in_turn_and_a_trace_can_be_made_again() {
        for families in [100, 2_000, 10_000] {
            let load = Load::new(Size { families, spans_per_s: 4_000, broken_from_s: None });
            let all = events(&load, 1_000..1_400);
            assert_eq!(all.len(), 400 * 4_000);
            let failed = |event: &Event| Some((event.operation.clone(), event.failure()?.code.clone()));
            let failing: BTreeSet<(Str, Str)> = all.iter().filter_map(failed).collect();
            assert_eq!(failing.len(), families);
            let mut made = load.captured(all[5].trace);
            made.events.iter_mut().for_each(|event| event.attributes.clear());
            let mut known: Vec<Event> = all[4..8].to_vec();
            known.sort_by_key(|event| (event.start, event.span));
            assert_eq!(made.events, known);
        }
    }

    #[test]
    fn what_is_broken_fails_up_to_its_callers() {
        let load = Load::new(Size { families: 400, spans_per_s: 4_000, broken_from_s: Some(1_001) });
        let fails = |event: &&Event| &*event.operation == "GET /resource-0" && event.failure().is_some();
        let before = events(&load, 1_000..1_001);
        let after = events(&load, 1_001..1_002);
        let of = |all: &[Event]| all.iter().filter(|event| &*event.operation == "GET /resource-0").count();
        assert!(before.iter().filter(fails).count() * 2 < of(&before), "seldom before");
        assert_eq!(after.iter().filter(fails).count(), of(&after));
        let traces = after.chunks(HOPS).filter(|trace| trace.iter().any(|event| fails(&event)));
        assert!(traces.clone().count() > 0 && traces.clone().all(|trace| trace[0].failure().is_some()));
    }
}
